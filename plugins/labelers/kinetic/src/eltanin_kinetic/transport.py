"""Streaming ``d_t f + v d_x f = 0`` on a grid in x, upwind for each velocity.

Returned are differences of f between the two faces of each cell: times v dt / dx they are the change of f in dt. What
leaves a cell enters its neighbour, so sums over cells change by what goes through the ends alone.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from eltanin_kinetic.velocities import Velocities

GHOSTS = 3  # cells beyond each end, whatever the order
TINY = 1e-300  # against 0/0 where a gas is uniform
Ends = Callable[[Tensor], tuple[Tensor, Tensor]]  # the ghosts left and right of f
Streaming = Callable[[Tensor, int], Tensor]


def periodic(f: Tensor) -> tuple[Tensor, Tensor]:
    """Return as ghosts what lies at the other end of f (..., N)."""
    return f[..., -GHOSTS:], f[..., :GHOSTS]


def open_ends(f: Tensor) -> tuple[Tensor, Tensor]:
    """Return copies of the outermost cells of f (..., N) as ghosts."""
    shape = (*f.shape[:-1], GHOSTS)
    return f[..., :1].expand(shape), f[..., -1:].expand(shape)


def padded(f: Tensor, ends: Ends) -> Tensor:
    """Return f (..., N) between its ghosts, (..., N + 6)."""
    left, right = ends(f)
    return torch.cat([left, f, right], dim=-1)


def muscl(f: Tensor, negative: int) -> Tensor:
    """Return the differences (B, 2, V, N) by van Leer's (1974) limiter, of second order.

    f: (B, 2, V, N + 6) with ghosts.  negative: how many velocities are below 0.
    """
    f = f[..., GHOSTS - 2 : f.shape[-1] - GHOSTS + 2]
    out = torch.empty_like(f[..., 2:-2])
    leaving = _muscl_faces(f[:, :, :negative], -1)  # one direction after the other: that much stays in a cache
    torch.sub(leaving[..., 1:-1], leaving[..., 2:], out=out[:, :, :negative])
    leaving = _muscl_faces(f[:, :, negative:], 1)
    torch.sub(leaving[..., :-2], leaving[..., 1:-1], out=out[:, :, negative:])
    return out


def _muscl_faces(f: Tensor, direction: int) -> Tensor:
    """Return the values where f (..., N + 4) leaves each cell, to the right (1) or left (-1), (..., N + 2)."""
    d = f[..., 1:] - f[..., :-1]
    below, above = d[..., :-1], d[..., 1:]
    product, total = (below * above).clamp_(min=0.0), (below + above).add_(TINY)  # half of the slope is their ratio
    return torch.addcdiv(f[..., 1:-1], product, total, value=direction)


def weno5(f: Tensor, negative: int) -> Tensor:
    """Return the differences (B, 2, V, N) by WENO of fifth order with the weights of Borges et al. (2008).

    Arguments are those of `muscl`.
    f are values at cell centres: the differences of the fluxes then are the derivative there to fifth order.
    """
    ahead = _weno5_faces(f[:, :, negative:])
    back = _weno5_faces(f[:, :, :negative].flip(-1)).flip(-1)
    return torch.cat([back[..., :-1] - back[..., 1:], ahead[..., :-1] - ahead[..., 1:]], dim=2)


def _weno5_faces(f: Tensor) -> Tensor:
    """Return the N + 1 face values, upwind from the left, of f (..., N + 6)."""
    a, b, c, d, e = (f[..., k : f.shape[-1] - 5 + k] for k in range(5))
    curve = 13 / 12
    s0 = curve * (a - 2 * b + c) ** 2 + (a - 4 * b + 3 * c) ** 2 / 4
    s1 = curve * (b - 2 * c + d) ** 2 + (b - d) ** 2 / 4
    s2 = curve * (c - 2 * d + e) ** 2 + (3 * c - 4 * d + e) ** 2 / 4
    floor = 1e-12 * (c * c + d * d + b * b) + 1e-40  # of the scale of f, which spans many decades over velocities
    jump = (s0 - s2).abs()
    w0, w1, w2 = (linear * (1 + (jump / (s + floor)) ** 2) for linear, s in ((0.1, s0), (0.6, s1), (0.3, s2)))
    p0, p1, p2 = (2 * a - 7 * b + 11 * c) / 6, (5 * c - b + 2 * d) / 6, (2 * c + 5 * d - e) / 6
    return (w0 * p0 + w1 * p1 + w2 * p2) / (w0 + w1 + w2)


def stable_step(grid: Velocities, dx: Tensor, courant: float) -> Tensor:
    """Return the longest dt (B,) of cells dx (B,): courant dx / max |v|."""
    return courant * dx / grid.fastest
