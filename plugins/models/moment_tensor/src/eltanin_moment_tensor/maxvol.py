"""The extrapolation grade (Podryabinkin & Shapeev, Comput. Mater. Sci. 140, 171 (2017)).

Of all rows b of a training set, n are chosen whose matrix A has the largest volume |det A| (MaxVol:
Goreinov et al. 2010). Then every row of the set is a combination of the chosen ones with
coefficients of at most 1, and

    γ(x) = max_j |b(x) A⁻¹|_j

tells how far a row lies outside: exchanging row j of A for it would make the volume |b A⁻¹|_j times
as large. A linear model's prediction for b is that same combination of what it learned for the rows
of A. Where the training set does not span all directions, unit rows of a small length stand in.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy.linalg import qr

FLOOR = 1e-5  # length of the rows that stand in for directions never seen, with functions scaled to one
EXCESS = 1e-9  # by which coefficients may exceed 1: the volume grows by as little with a further exchange


def chosen(rows: Float[np.ndarray, "rows n"], most: int = 100000) -> np.ndarray:
    """Return the places of n rows whose volume no exchange of one of them enlarges, (n,).

    The rows have full rank. Pivoted QR begins; then the exchange that gains most is done, until none gains.
    """
    n = rows.shape[1]
    pivots = qr(rows.T, mode="r", pivoting=True)[-1]
    place = np.array(pivots[:n])
    coefficients = np.linalg.solve(rows[place].T, rows.T).T
    for _ in range(most):
        i, j = np.unravel_index(np.argmax(np.abs(coefficients)), coefficients.shape)
        if abs(coefficients[i, j]) <= 1 + EXCESS:
            break
        place[j] = i
        change = coefficients[i].copy()
        change[j] -= 1
        coefficients -= np.outer(coefficients[:, j] / coefficients[i, j], change)
    return place


def active_set(
    rows: Float[np.ndarray, "rows n"],
) -> tuple[Float[np.ndarray, "n n"], Float[np.ndarray, " n"], np.ndarray]:
    """Return the inverse of A with functions scaled to one, their scales, and which rows of A were seen."""
    scale = np.abs(rows).max(axis=0, initial=0.0)
    scale[scale == 0] = 1.0
    stacked = np.concatenate([rows / scale, FLOOR * np.eye(rows.shape[1])])
    place = chosen(stacked)
    return np.linalg.inv(stacked[place]), scale, place[place < len(rows)]


def grade(
    rows: Float[np.ndarray, "rows n"], inverse: Float[np.ndarray, "n n"], scale: Float[np.ndarray, " n"]
) -> Float[np.ndarray, " rows"]:
    """Return γ of each row."""
    return np.abs((rows / scale) @ inverse).max(axis=1, initial=0.0)
