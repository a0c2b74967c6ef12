"""Finite volumes for the moments (n, j) of a Lorentz gas under any closure.

    d_t n + d_x j = 0,    d_t j + d_x (n chi) = -j / tau

A step transports by Rusanov's flux with the particles' speed 1, then relaxes j exactly.
With U = (n, j), F = (j, n chi) and F± = (F ± U) / 2,

    U_i <- (1 - r) U_i + r (F+_{i-1} - F-_{i+1}),   r = dt/dx <= 1,

is a convex combination of U, F+ and -F-, and these are realizable, |j| <= n, whenever
s^2 <= chi <= 1. So any closure held between these bounds keeps the gas realizable and its mass exact:
an error of the closure costs accuracy, never stability.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Closure = Callable[[np.ndarray], np.ndarray]  # (cells, 2) moments to (cells,) chi


def neighbours(counts: np.ndarray, periodic: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the cells left and right of each cell, for stretches (n,) lying one behind the other.

    Beyond the end of a stretch that is not periodic lies its outermost cell again.
    """
    last = np.cumsum(counts) - 1
    first = last - counts + 1
    cells = np.arange(counts.sum())
    left, right = cells - 1, cells + 1
    left[first] = np.where(periodic, last, first)
    right[last] = np.where(periodic, first, last)
    return left, right


def transport(
    fields: np.ndarray, chi: np.ndarray, ratio: np.ndarray, left: np.ndarray, right: np.ndarray
) -> np.ndarray:
    """Return the moments (cells, 2) after a step of dt/dx = ratio (cells,) without collisions."""
    n, j = fields[:, 0], fields[:, 1]
    flux = np.stack([j, n * chi], axis=1)
    rightward, leftward = (flux + fields) / 2, (flux - fields) / 2
    r = ratio[:, None]
    return fields - r * (rightward - rightward[left] + leftward[right] - leftward)


def evolve(
    fields: np.ndarray,
    tau: np.ndarray,
    spacing: np.ndarray,
    duration: np.ndarray,
    counts: np.ndarray,
    periodic: np.ndarray,
    closure: Closure,
    courant: float,
) -> np.ndarray:
    """Return the moments (cells, 2) of every stretch after its own duration (n,).

    tau: (cells,) relaxation times.  spacing: (n,) dx.  courant: dt/dx at most, <= 1. Each stretch has
    steps of its own, so what becomes of it does not depend on the others.
    """
    left, right = neighbours(counts, periodic)
    steps = np.ceil(duration / (courant * spacing) - 1e-9).astype(np.int64)
    dt = duration / np.maximum(steps, 1)
    for step in range(steps.max(initial=0)):
        now = np.repeat(np.where(step < steps, dt, 0.0), counts)
        ratio = now / np.repeat(spacing, counts)
        fields = transport(fields, closure(fields), ratio, left, right)
        fields = fields * np.stack([np.ones_like(tau), np.exp(-now / tau)], axis=1)
    return fields
