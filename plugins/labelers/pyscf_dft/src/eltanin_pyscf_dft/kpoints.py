"""Points of the Brillouin zone by their density, so that all cells of a campaign are sampled alike.

Along a reciprocal lattice vector b_i (2 pi included, 1/Å) lie

    n_i = ceil(|b_i| / s)

points, s the largest spacing that is allowed.  A cell twice as long has half of |b_i|, and half of the points if n_i
was even: its energy then is twice that of the small one.  n_i is a function of the cell, and jumps where |b_i|
passes a multiple of s: labels on both sides differ by what the sampling is not converged by.  Choose s such that
cells of a campaign stay clear of the multiples, or so small that the step does not matter; `margins` tells.

The mesh is that of H. J. Monkhorst and J. D. Pack, Phys. Rev. B 13, 5188 (1976), with the zone's centre (for metals,
and cells of hexagonal shape) or displaced from it by half a step where n_i is even (for insulators, which then need
fewer points).  k and -k have the same energies: PySCF solves for one of them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

ROUNDING = 1e-9


def reciprocal_lengths(cell: np.ndarray) -> np.ndarray:
    """Return |b_i| with 2 pi included, (3,) 1/Å, of a cell with lattice vectors in rows, (3, 3) Å."""
    return 2 * np.pi * np.linalg.norm(np.linalg.inv(cell), axis=0)


def divisions(cell: np.ndarray, spacing: float) -> tuple[int, int, int]:
    """Return n_i for a cell, (3, 3) Å, and the largest spacing, 1/Å."""
    a, b, c = (max(1, int(np.ceil(length / spacing - ROUNDING))) for length in reciprocal_lengths(cell))
    return a, b, c


def margins(cell: np.ndarray, spacing: float) -> tuple[float, float]:
    """Return by what factor lengths of a cell may shrink and grow before the number of points changes."""
    ratio = reciprocal_lengths(cell) / spacing
    n = np.array(divisions(cell, spacing))
    below = np.where(n > 1, n - 1, ROUNDING)
    return float((ratio / n).max()), float((ratio / below).min())


def mesh_of(cell: Any, divisions: tuple[int, int, int], centred: bool) -> Any:
    """Return the points for a cell of PySCF, as its `KPoints` with time reversal.

    They are taken next to the centre: the nonlocal pseudopotential is summed over G + k for the G of the mesh, and
    k = 2/3 in the place of -1/3 leaves out others (3e-6 eV at a cutoff of 400 eV).
    """
    return cell.make_kpts(divisions, wrap_around=True, with_gamma_point=centred, time_reversal_symmetry=True)
