"""The kernel, and what it says of energies, forces and virials.

    k(i, j) = (u_i · u_j)^ζ  for centres of one element, else 0;    |u| = 1, so k(i, i) = 1

Energies, forces and virials are sums and derivatives of atomic energies: the covariance of each
with the inducing points s is a row

    E: Σ_i k(i, s),    F_j: -Σ_i ζ (u_i·s)^(ζ-1) du_i/dr_j · s,    Ξ: -Σ_i ζ (u_i·s)^(ζ-1) du_i/dε · s
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from eltanin_sparse_gaussian_process.spectrum import Spectra


class Points(NamedTuple):
    """Inducing points: unit vectors (points, features) and the species of their centres."""

    unit: np.ndarray
    species: np.ndarray


def kernel(
    a: Float[np.ndarray, "n features"],
    kind_a: np.ndarray,
    b: Float[np.ndarray, "m features"],
    kind_b: np.ndarray,
    zeta: int,
) -> Float[np.ndarray, "n m"]:
    """Return the kernel between atoms."""
    return np.where(kind_a[:, None] == kind_b, (a @ b.T) ** zeta, 0.0)


def slope(found: Spectra, points: Points, zeta: int) -> Float[np.ndarray, "atoms points"]:
    """Return dk/d(u_i · s)."""
    return zeta * kernel(found.unit, found.species, points.unit, points.species, zeta - 1)


def energy_rows(found: Spectra, points: Points, zeta: int, structures: int) -> Float[np.ndarray, "structures points"]:
    """Return the covariance of energies with the points."""
    rows = np.zeros((structures, len(points.unit)))
    np.add.at(rows, found.structure, kernel(found.unit, found.species, points.unit, points.species, zeta))
    return rows


def force_rows(found: Spectra, points: Points, zeta: int) -> Float[np.ndarray, "atoms 3 points"]:
    """Return the covariance of forces with the points."""
    turned = found.by_position @ points.unit.T * slope(found, points, zeta)[found.centre][:, None]
    rows = np.zeros((len(found.unit), *turned.shape[1:]))
    np.subtract.at(rows, found.moved, turned)
    return rows


def virial_rows(
    found: Spectra, points: Points, zeta: int, structures: int
) -> Float[np.ndarray, "structures 3 3 points"]:
    """Return the covariance of virials with the points."""
    turned = found.by_strain @ points.unit.T * slope(found, points, zeta)[:, None, None]
    rows = np.zeros((structures, *turned.shape[1:]))
    np.subtract.at(rows, found.structure, turned)
    return rows


def energy_variance(found: Spectra, zeta: int, structures: int) -> Float[np.ndarray, " structures"]:
    """Return the variance of energies before anything is known, Σ_ij k(i, j)."""
    rows = [np.flatnonzero(found.structure == k) for k in range(structures)]
    return np.array(
        [kernel(found.unit[a], found.species[a], found.unit[a], found.species[a], zeta).sum() for a in rows]
    )


def force_variance(found: Spectra, zeta: int) -> Float[np.ndarray, "atoms 3"]:
    """Return the variance of forces before anything is known, Σ_ij ∂_r ∂_r' k(i, j).

    ∂∂'k = ζ(ζ-1) (u_i·u_j)^(ζ-2) (∂u_i·u_j)(u_i·∂'u_j) + ζ (u_i·u_j)^(ζ-1) ∂u_i·∂'u_j
    """
    result = np.zeros((len(found.unit), 3))
    order = np.argsort(found.moved, kind="stable")
    for pairs in np.split(order, np.flatnonzero(np.diff(found.moved[order])) + 1):
        if not len(pairs):
            continue
        unit, kind, turn = found.unit[found.centre[pairs]], found.species[found.centre[pairs]], found.by_position[pairs]
        along = turn @ unit.T  # (pairs, 3, pairs): ∂u_i · u_j
        both = np.einsum("iaf,jaf->iaj", turn, turn, optimize=True)
        inner = zeta * kernel(unit, kind, unit, kind, zeta - 1)[:, None]
        outer = zeta * (zeta - 1) * kernel(unit, kind, unit, kind, max(zeta - 2, 0))[:, None]
        cross = along * along.transpose(2, 1, 0)
        result[found.moved[pairs[0]]] = (outer * cross + inner * both).sum(axis=(0, 2))
    return result
