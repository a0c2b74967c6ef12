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


class Ghosted:
    """A distribution and its ghosts in one array.

    all: (..., N + 6).  inside: f (..., N), a part of it.
    """

    def __init__(self, f: Tensor, ends: Ends) -> None:
        """Begin with f."""
        self.all = padded(f, ends)
        self.inside = self.all[..., GHOSTS:-GHOSTS]
        self._ghosts = (self.all[..., :GHOSTS], self.all[..., -GHOSTS:]), ends(self.inside)

    def exchange(self) -> None:
        """Write to the ghosts what lies beyond the ends of f as it is now."""
        for ghost, beyond in zip(*self._ghosts, strict=True):
            ghost.copy_(beyond)


def muscl(f: Tensor, negative: int) -> Tensor:
    """Return the differences (B, 2, V, N) by van Leer's (1974) limiter, of second order.

    f: (B, 2, V, N + 6) with ghosts.  negative: how many velocities are below 0.
    """
    out = torch.zeros_like(f[..., GHOSTS:-GHOSTS], memory_format=torch.contiguous_format)
    Muscl(f, out, out, negative, room_for_muscl(out, negative)).stream(torch.ones_like(out[:, :1, :, :1]), 1.0)
    return out


def room_for_muscl(f: Tensor, negative: int) -> list[Tensor]:
    """Return arrays for what `Muscl` has to remember of f (B, 2, V, N) for a moment."""
    most = max(negative, f.shape[2] - negative)
    return [f.new_empty(*f.shape[:2], most, f.shape[-1] + more) for more in (3, 2, 2, 0)]


class Muscl:
    """Streaming by `muscl` from array to array, in memory that is kept: what is written again stays in a cache."""

    def __init__(self, f: Tensor, start: Tensor, out: Tensor, negative: int, room: list[Tensor]) -> None:
        """Take f (B, 2, V, N + 6) with ghosts, and where to write `start`, changed by streaming, (B, 2, V, N)."""
        f = f[..., GHOSTS - 2 : f.shape[-1] - GHOSTS + 2]
        halves = (slice(0, negative), -1), (slice(negative, f.shape[2]), 1)
        self._halves = [_Half(f, start, out, half, direction, room) for half, direction in halves]

    def stream(self, shift: Tensor, weight: float) -> None:
        """Write start + weight · shift · differences of f to out; shift (B, 1, V, 1)."""
        for half in self._halves:  # one direction after the other: that much stays in a cache
            half.stream(shift, weight)


class _Half:
    """Velocities of one direction: parts of the arrays of `Muscl`, for to name a part takes as long as to add some."""

    def __init__(self, f: Tensor, start: Tensor, out: Tensor, half: slice, direction: int, room: list[Tensor]) -> None:
        self.half, self.direction = half, direction
        here, self.start, self.out = (x[:, :, half] for x in (f, start, out))
        self.difference, self.product, self.total, self.change = (x[:, :, : here.shape[2]] for x in room)
        self.here, self.left, self.right = here[..., 1:-1], here[..., :-1], here[..., 1:]
        self.below, self.above = self.difference[..., :-1], self.difference[..., 1:]
        leaving = self.product if direction > 0 else self.product[..., 1:]
        self.into, self.away = leaving[..., : out.shape[-1]], leaving[..., 1 : 1 + out.shape[-1]]

    def stream(self, shift: Tensor, weight: float) -> None:
        torch.sub(self.right, self.left, out=self.difference)
        torch.mul(self.below, self.above, out=self.product).clamp_(min=0.0)
        torch.add(self.below, self.above, out=self.total).add_(TINY)  # half of the slope is the ratio of these two
        torch.addcdiv(self.here, self.product, self.total, value=self.direction, out=self.product)
        torch.sub(self.into, self.away, out=self.change)
        torch.addcmul(self.start, self.change, shift[:, :, self.half], value=weight, out=self.out)


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
