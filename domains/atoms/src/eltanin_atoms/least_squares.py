"""Linear least squares over more rows than fit in memory, without squaring their condition.

Rows (A, y) that come in chunks are folded into a triangle with the same normal equations
(sequential QR: Golub & Van Loan, Matrix Computations, §5.3 and §12.5):

    [R; A_chunk | q; y_chunk] = Q [R' | q'],    |A x - y|² = |R x - q|² + what x cannot change
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np


class Triangle(NamedTuple):
    """R (n, n), upper; q (n,); rest: the sum of squares that no x can take away; rows: folded so far."""

    r: np.ndarray
    q: np.ndarray
    rest: float
    rows: int


def triangle(chunks: Iterable[tuple[np.ndarray, np.ndarray]], columns: int) -> Triangle:
    """Fold chunks of rows (A, y), A of so many columns, into one triangle."""
    kept = np.zeros((0, columns + 1))
    waiting, count = list[np.ndarray](), 0
    for rows, values in chunks:
        count += len(rows)
        waiting.append(np.column_stack([rows, values]))
        if sum(map(len, waiting)) > 2 * columns + 2:
            kept, waiting = folded([kept, *waiting]), []
    kept = folded([kept, *waiting])
    return Triangle(kept[:columns, :columns], kept[:columns, columns], float(kept[columns, columns] ** 2), count)


def folded(parts: list[np.ndarray]) -> np.ndarray:
    """Return the triangle of rows, (columns + 1) square."""
    rows = np.concatenate(parts)
    missing = max(0, rows.shape[1] - len(rows))
    return np.asarray(np.linalg.qr(np.concatenate([rows, np.zeros((missing, rows.shape[1]))]), mode="r"))


def ridge(found: Triangle, strength: float) -> np.ndarray:
    """Return the x of least |A x - y|² + strength · σ² Σ (|A_c| x_c)², with |A_c| the norm of a column.

    σ is the largest singular value of the columns scaled to norm one. Directions that no row tells
    anything of get nothing, also where the strength is zero.
    """
    norms = np.linalg.norm(found.r, axis=0)
    norms[norms == 0] = 1.0
    u, s, vt = np.linalg.svd(found.r / norms)
    largest = s.max(initial=np.finfo(float).tiny)
    s = np.where(s > len(s) * np.finfo(float).eps * largest, s, 0.0)
    damped = np.divide(s, s**2 + strength * largest**2, out=np.zeros_like(s), where=s > 0)
    return vt.T @ (damped * (u.T @ found.q)) / norms
