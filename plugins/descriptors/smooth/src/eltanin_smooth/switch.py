"""The environment matrix: a row of four numbers for every neighbour, and its derivative.

    s(r) = w(r) / r,    w = u³(-6u² + 15u - 10) + 1,    u = (r - r_s) / (r_c - r_s) within [0, 1]
    R = (s, s x/r, s y/r, s z/r)

w is 1 below r_s, 0 above r_c, and twice continuously differentiable. All lengths in Å. Components
come first in all arrays: sums over them are then sums of long rows, several times as fast.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor


class Rows(NamedTuple):
    """R of every pair, and what its derivative is made of.

    values: (4, pairs).  unit: (3, pairs) x/r.  slope: (pairs,) ds/dr.  bend: (pairs,) ds/dr - s/r.
    turn: (pairs,) s/r, as d(s x_a/r)/dx_b = bend x_a x_b / r² + turn δ_ab.
    """

    values: Tensor
    unit: Tensor
    slope: Tensor
    bend: Tensor
    turn: Tensor

    @classmethod
    def joined(cls, parts: Sequence[Rows]) -> Rows:
        """Join the rows of several graphs."""
        return cls(*(torch.cat(columns, dim=-1) for columns in zip(*parts, strict=True)))


def switch(r: Float[Tensor, " pairs"], start: float, end: float) -> tuple[Tensor, Tensor]:
    """Return w and dw/dr."""
    u = ((r - start) / (end - start)).clamp(0, 1)
    return u**3 * (-6 * u**2 + 15 * u - 10) + 1, -30 * (u * (1 - u)) ** 2 / (end - start)


def environment_rows(
    vector: Float[Tensor, "pairs 3"],
    start: float,
    end: float,
    average: Float[Tensor, " pairs"],
    radial: Float[Tensor, " pairs"],
    angular: Float[Tensor, " pairs"],
) -> Rows:
    """Return R of every pair, less the average of s, by the deviations of its radial and angular parts."""
    x = vector.T.contiguous()
    r = dot(x, x).sqrt()
    w, dw = switch(r, start, end)
    s, unit = w / r, x / r
    slope = (dw - s) / r
    turn = s / (r * angular)
    values = torch.cat([((s - average) / radial)[None], (s / angular) * unit])
    return Rows(values, unit, slope / radial, slope / angular - turn, turn)


def pull_rows(gradient: Float[Tensor, "4 pairs"], rows: Rows) -> Float[Tensor, "3 pairs"]:
    """Return dE/dvector from dE/dR."""
    across = gradient[1:]
    along = rows.slope * gradient[0] + rows.bend * dot(rows.unit, across)
    return along * rows.unit + rows.turn * across


def push_rows(tangent: Float[Tensor, "3 pairs"], rows: Rows) -> Float[Tensor, "4 pairs"]:
    """Return the transpose of `pull_rows`: the change of R by a change of the vectors."""
    along = dot(rows.unit, tangent)
    across = (rows.bend * along) * rows.unit + rows.turn * tangent
    return torch.cat([(rows.slope * along)[None], across])


def dot(a: Float[Tensor, "n pairs"], b: Float[Tensor, "n pairs"]) -> Float[Tensor, " pairs"]:
    """Return Σ_k a_k b_k; a sum over a short axis would take several times as long."""
    total = a[0] * b[0]
    for x, y in zip(a[1:], b[1:], strict=True):
        total = torch.addcmul(total, x, y)
    return total
