"""Linear waves of the BGK equation, exact: what every closure is an approximation of.

Waves exp(i k x + s t) about ρ = 1, u = 0, T = 1 with τ = 1 exist where det(B - 1) = 0,

    B = [[I0, I1, (I2 - I0)/2], [I1, I2, (I3 - I1)/2], [(I2 - I0)/3, (I3 - I1)/3, (I4 - 2 I2 + 5 I0)/6]],
    I_n = ∫ v^n exp(-v²/2)/(2π)^(1/2) / (1 + s + i k v) dv,

the conditions that a perturbed f = (perturbed Maxwellian)/(1 + s + i k v) has the ρ, u and T of that Maxwellian.
With ζ = i (1 + s)/k and Faddeeva's function w, I_0 = (π/2)^(1/2) w(ζ/2^(1/2))/k for Re s > -1, beyond which no wave is.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import wofz

PATH = 0.05  # between wave numbers on the way to larger ones; below it digits are lost in ζ⁴
Rates = NDArray[np.complex128]  # s


def integrals(s: Rates, k: np.ndarray) -> np.ndarray:
    """Return I_0 … I_4 in (5, ...) of rates and wave numbers (...)."""
    zeta = 1j * (1 + s) / k
    found = [np.sqrt(np.pi / 2) * wofz(zeta / np.sqrt(2)) / k]
    for moment in (1.0, 0.0, 1.0, 0.0):  # of the Gaussian: v^n = v^(n-1) (v - ζ) + ζ v^(n-1)
        found.append(moment / (1j * k) + zeta * found[-1])
    return np.stack(found)


def determinant(s: Rates, k: np.ndarray) -> Rates:
    """Return det(B - 1) (...)."""
    i0, i1, i2, i3, i4 = integrals(s, k)
    rows = [
        [i0 - 1, i1, (i2 - i0) / 2],
        [i1, i2 - 1, (i3 - i1) / 2],
        [(i2 - i0) / 3, (i3 - i1) / 3, (i4 - 2 * i2 + 5 * i0) / 6 - 1],
    ]
    return np.linalg.det(np.moveaxis(np.array(rows), (0, 1), (-2, -1)))


def sound(k: np.ndarray) -> Rates:
    """Return s (n,) of the acoustic wave with Im s > 0 at wave numbers k τ T^(1/2) (n,), 0.05 or more."""
    return _followed(k, lambda least: 1j * np.sqrt(5 / 3) * least - least**2)


def heat(k: np.ndarray) -> np.ndarray:
    """Return s (n,), real, of the thermal mode."""
    return _followed(k, lambda least: -(least**2) + 0j).real


def nsf_rates(k: np.ndarray) -> Rates:
    """Return the three s (n, 3) by the equations of Navier, Stokes and Fourier: μ = τ p, κ = (5/2) τ p."""
    zero = np.zeros_like(k) + 0j
    rows = [
        [zero, -1j * k, zero],
        [-1j * k, -4 / 3 * k**2, -1j * k],
        [zero, -2j / 3 * k, -5 / 3 * k**2],
    ]
    return np.linalg.eigvals(np.moveaxis(np.array(rows), (0, 1), (-2, -1))).astype(np.complex128)


def _followed(k: np.ndarray, begin: Callable[[float], complex]) -> Rates:
    """Return the root that begins as the limit of long waves says, followed from wave number to wave number."""
    if np.min(k) < PATH:
        raise ValueError(f"wave number {np.min(k):g}: digits are lost below {PATH}; s = ±i (5/3)^(1/2) k - k² there")
    steps = np.arange(PATH, np.max(k), PATH)
    way = np.unique(np.concatenate([k, [at for at in steps if np.abs(k - at).min() > PATH / 10]]))
    found: list[complex] = []
    for i, at in enumerate(way):
        guess = begin(at)
        if i > 1:  # on the line through the last two
            guess = found[-1] + (found[-1] - found[-2]) * (at - way[i - 1]) / (way[i - 1] - way[i - 2])
        found.append(_root(complex(guess), float(at)))
    return np.array(found, dtype=np.complex128)[np.searchsorted(way, k)]


def _root(s: complex, k: float) -> complex:
    """Return the root of the determinant near s, by secants."""
    before, value_before = s * (1 + 1e-4), determinant(np.array(s * (1 + 1e-4)), np.array(k))
    for _ in range(50):
        value = determinant(np.array(s), np.array(k))
        if value == value_before:
            break
        step = value * (s - before) / (value - value_before)
        before, value_before, s = s, value, s - complex(step)
        if abs(step) < 1e-14 * abs(s):
            break
    return s
