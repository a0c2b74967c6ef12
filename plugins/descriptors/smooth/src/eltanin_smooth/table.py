"""Tables of the embedding nets: a C² cubic spline, through which the pairs never meet a net.

On equal intervals of q = R_0, with the B-splines B_k and coefficients T = P G(sites) that
interpolate the nets G:

    G(q) = Σ_k B_k(q) T_k      A_i = Σ_j G(q_j) R_j = Σ_k T_k H_ik,      H_ik = Σ_j B_k(q_j) R_j

H, a histogram of the neighbours, knows no parameter. dE/dR comes back from dE/dH by the same
weights, which are a sparse matrix with four entries per pair.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import cache

import numpy as np
import scipy.sparse
import torch
from jaxtyping import Float, Int
from scipy.interpolate import BSpline
from torch import Tensor

# Row m holds the polynomial, in powers of u within an interval, of the m-th B-spline that is not 0.
PIECES = np.array([[1, -3, 3, -1], [4, 0, -6, 3], [1, 3, 3, -3], [0, 0, 0, 1]]) / 6.0


@cache
def interpolation(intervals: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the sites on [0, 1], (k,), and the matrix P, (k, k), from values there to coefficients.

    Sites are the knots and the middles of the first and last interval: k = intervals + 3.
    """
    knots = np.arange(-3, intervals + 4) / intervals
    sites = np.sort(np.r_[knots[3:-3], 0.5 / intervals, 1 - 0.5 / intervals])
    return sites, np.linalg.inv(BSpline.design_matrix(sites, knots, 3).toarray())


def spline_weights(
    q: Float[Tensor, " pairs"], end: float, intervals: int
) -> tuple[Int[Tensor, " pairs"], Float[Tensor, "4 pairs"], Float[Tensor, "4 pairs"]]:
    """Return, for q within [0, end], the first B-spline that is not 0, four values, and d/dq."""
    x = q * (intervals / end)
    first = x.floor().clamp(0, intervals - 1)
    u = x - first
    square, one, pieces = u * u, torch.ones_like(u), torch.from_numpy(PIECES).to(q)
    values = pieces @ torch.stack([one, u, square, square * u])
    slopes = pieces[:, 1:] @ torch.stack([one, 2 * u, 3 * square])
    return first.long(), values, slopes * (intervals / end)


def by_rows(columns: Int[Tensor, "rows ..."], entries: Float[Tensor, "rows ..."], width: int) -> Tensor:
    """Return a sparse matrix in compressed rows, that has four entries in each row."""
    begins = torch.arange(0, entries.numel() + 1, 4, dtype=torch.int32, device=entries.device)
    return sparse(begins, columns.reshape(-1).int(), entries.reshape(-1), (len(begins) - 1, width))


def turned(matrix: Tensor) -> Tensor:
    """Return the transpose, in compressed rows."""
    parts = (matrix.values(), matrix.col_indices(), matrix.crow_indices())
    back = scipy.sparse.csr_matrix(tuple(p.cpu().numpy() for p in parts), shape=matrix.shape).T.tocsr()
    begins, columns, entries = (torch.from_numpy(a).to(matrix.device) for a in (back.indptr, back.indices, back.data))
    return sparse(begins, columns, entries, back.shape)


def diagonal(blocks: Sequence[Tensor]) -> Tensor:
    """Return the sparse matrix that has the given ones along its diagonal."""
    rows, width = (np.cumsum([0, *(b.shape[k] for b in blocks)]) for k in (0, 1))
    stored = np.cumsum([0, *(len(b.values()) for b in blocks)])
    begins = [b.crow_indices()[:-1] + int(n) for b, n in zip(blocks, stored, strict=False)]
    last = begins[0].new_tensor([int(stored[-1])])
    columns = torch.cat([b.col_indices() + int(n) for b, n in zip(blocks, width, strict=False)])
    entries = torch.cat([b.values() for b in blocks])
    return sparse(torch.cat([*begins, last]), columns, entries, (int(rows[-1]), int(width[-1])))


def sparse(begins: Tensor, columns: Tensor, entries: Tensor, shape: tuple[int, int]) -> Tensor:
    """Return a sparse matrix in compressed rows; nothing else in torch multiplies as fast."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta")
        return torch.sparse_csr_tensor(begins, columns, entries, shape, check_invariants=False)
