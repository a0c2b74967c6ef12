"""Roots of (c - α) He_n - β He_{n-1}: eigenvalues of Hermite's Jacobi matrix with another last row.

    He_{j+1} = c He_j - j He_{j-1}

says that c times (He_0/(0!)^(1/2), …, He_n/(n!)^(1/2)) is a symmetric tridiagonal matrix times the same, with 1^(1/2),
2^(1/2), … beside its diagonal of zeros. With α in the last place of the diagonal and β^(1/2) > 0 beside it the roots
are the eigenvalues: real and distinct.
"""

from __future__ import annotations

import torch
from torch import Tensor

NEWTON = 5  # iterations towards the outermost root


def eigenvalues(alpha: Tensor, beta: Tensor, n: int) -> Tensor:
    """Return all roots (..., n + 1) in ascending order, of α and β (...)."""
    off = torch.arange(1, n, dtype=beta.dtype, device=beta.device).sqrt()
    matrix = (torch.diag(off, 1) + torch.diag(off, -1)).expand(*beta.shape, n, n)
    matrix = torch.nn.functional.pad(matrix, (0, 1, 0, 1)).clone()
    matrix[..., n, n] = alpha
    matrix[..., n, n - 1] = matrix[..., n - 1, n] = beta.sqrt()
    return torch.linalg.eigvalsh(matrix)


def largest_root(alpha: Tensor, beta: Tensor, n: int) -> Tensor:
    """Return a bound (...) of all roots of (c - α) He_n - β He_{n-1} from above, near the largest.

    With r the largest root of He_n, the greater eigenvalue of [[r, β^(1/2)], [β^(1/2), α]] is a bound, and from
    there Newton's iteration falls towards the root and never passes it.
    """
    r = float(eigenvalues(torch.zeros(1).double(), torch.full((1,), float(n - 1)).double(), n - 1)[0, -1])
    c = (r + alpha) / 2 + (((r - alpha) / 2) ** 2 + beta).sqrt()
    for _ in range(NEWTON):
        before, now = torch.ones_like(c), c
        lower = before
        for j in range(1, n):
            lower, before, now = before, now, c * now - j * before
        slope = now + n * (c - alpha) * before - (n - 1) * beta * lower  # He_n' = n He_{n-1}
        c = c - ((c - alpha) * now - beta * before) / slope
    return c
