"""The Lennard-Jones potential, switched off smoothly.

phi(r) = 4 eps [ (sigma / r)^12 - (sigma / r)^6 ] S(r)

S = 1 for r <= r_s,   S = 1 - 10 u^3 + 15 u^4 - 6 u^5 between, u = (r - r_s) / (r_c - r_s),
S = 0 for r >= r_c:   phi, phi' and phi'' are continuous everywhere.

E = sum over pairs of phi,   F_i = sum_j phi'(r_ij) d_ij / r_ij  with d_ij = r_j - r_i,
W = sum_i r_i F_i = -1/2 sum_ij phi'(r_ij) d_ij d_ij^T / r_ij    (eV; the stress is -W / V)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from vesin import NeighborList


@dataclass(frozen=True)
class Pairs:
    """Every pair of atoms within the cutoff, in both directions, periodic images included.

    i, j: (pairs,) atoms.  vector: (pairs, 3) r_j - r_i, Å.  distance: (pairs,) Å.
    """

    i: np.ndarray
    j: np.ndarray
    vector: np.ndarray
    distance: np.ndarray


def pairs_within(cutoff: float, positions: np.ndarray, cell: np.ndarray, pbc: np.ndarray) -> Pairs:
    """Find the pairs, in an order that depends on the structure alone; cells may be small."""
    search = NeighborList(cutoff=cutoff, full_list=True, sorted=True, n_threads=1)
    i, j, vector, distance = search.compute(positions, cell, pbc, "ijDd")
    return Pairs(i.astype(np.int64), j.astype(np.int64), vector, distance)


def switch(r: np.ndarray, start: float, end: float) -> tuple[np.ndarray, np.ndarray]:
    """Return S and dS/dr (1/Å) at distances r, Å."""
    u = np.clip((r - start) / (end - start), 0.0, 1.0)
    slope = -30 * u**2 * (1 - u) ** 2 / (end - start)
    return 1 - u**3 * (10 - 15 * u + 6 * u**2), slope


def potential(
    r: np.ndarray, epsilon: np.ndarray, sigma: np.ndarray, start: float, end: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return phi (eV) and phi' (eV/Å) of pairs at distances r, with a depth and a size for each."""
    six = (sigma / r) ** 6
    bare = 4 * epsilon * six * (six - 1)
    slope = -24 * epsilon * six * (2 * six - 1) / r
    s, ds = switch(r, start, end)
    return bare * s, slope * s + bare * ds


def mix(epsilon: np.ndarray, sigma: np.ndarray, i: np.ndarray, j: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return depth and size of pairs by Lorentz and Berthelot: geometric and arithmetic means."""
    return np.sqrt(epsilon[i] * epsilon[j]), (sigma[i] + sigma[j]) / 2


def energy_forces_virial(
    pairs: Pairs, epsilon: np.ndarray, sigma: np.ndarray, start: float, end: float
) -> tuple[float, np.ndarray, np.ndarray]:
    """Return E (eV), F (atoms, 3) eV/Å and W (3, 3) eV; epsilon (eV) and sigma (Å) are per atom."""
    depth, size = mix(epsilon, sigma, pairs.i, pairs.j)
    phi, slope = potential(pairs.distance, depth, size, start, end)
    pull = (slope / pairs.distance)[:, None] * pairs.vector
    forces = [np.bincount(pairs.i, weights=component, minlength=len(sigma)) for component in pull.T]
    return 0.5 * float(phi.sum()), np.stack(forces, axis=1), -0.5 * pairs.vector.T @ pull
