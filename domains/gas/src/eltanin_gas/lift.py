"""The lift: the distribution that a gas begins with, of which only six moments are known.

Two Gaussians of one width along v, each with a temperature across:

    g = sum_i rho_i N(v; u_i, theta),    h = sum_i T_i rho_i N(v; u_i, theta),    theta = (1 - delta) P_xx / rho.

It has the six moments exactly, is positive, and is Maxwellian (or anisotropic Gaussian) where q3 = k1 = 0. delta is the
least split for which the two are apart by at most SKEW widths of the split and their temperatures across
differ by at most their mean: near equilibrium it vanishes as |q3|^(2/3) and k1^2.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from eltanin_gas.monatomic import state_of

SKEW = 1.0  # largest |skewness| of the two weights
LEAST, MOST = 1e-8, 0.95  # of delta


class Pair(NamedTuple):
    """Two Gaussians in each cell: density, velocity, widths along and across, each (2, N)."""

    density: np.ndarray
    velocity: np.ndarray
    along: np.ndarray
    across: np.ndarray


def two_gaussians(moments: np.ndarray) -> Pair:
    """Return the lift of moments (N, 6); a width that is not positive tells that there is none."""
    rho, u, temperature, stress, q3, k1 = state_of(moments)
    along, across = temperature + stress / rho, temperature - stress / rho / 2
    skew, tilt = q3 / rho, k1 / rho
    with np.errstate(divide="ignore", invalid="ignore"):
        for_skew = (np.abs(skew) / SKEW) ** (2 / 3) / along
        for_tilt = (4 + SKEW**2) * tilt**2 / (across**2 * along)
    delta = np.clip(np.fmax(for_skew, for_tilt), LEAST, MOST)
    split = delta * along  # variance of the two velocities
    z = skew / split
    apart = np.sqrt(z**2 + 4 * split)
    c = np.stack([(z - apart) / 2, (z + apart) / 2])
    share = np.stack([c[1], -c[0]]) / apart
    difference = tilt * apart / split
    widths = np.stack([along - split, along - split])
    return Pair(rho * share, u + c, widths, np.stack([across - share[1] * difference, across + share[0] * difference]))


def impossible(pair: Pair) -> np.ndarray:
    """Return where a lift does not exist, (N,)."""
    good = (pair.density > 0) & (pair.along > 0) & (pair.across > 0)
    return np.logical_not(np.all(good, axis=0))


def closing_of_lift(moments: np.ndarray) -> np.ndarray:
    """Return int c^4 g / (rho T^2) and int c^2 h / (rho T^2) of the lift in (N, 2); moments (N, 6)."""
    rho, u, temperature, *_ = state_of(moments)
    pair = two_gaussians(moments)
    c = (pair.velocity - u) ** 2
    fourth = pair.density * (3 * pair.along**2 + 6 * pair.along * c + c**2)
    second = pair.density * pair.across * (pair.along + c)
    return np.stack([fourth.sum(axis=0), second.sum(axis=0)], axis=1) / (rho * temperature**2)[:, None]
