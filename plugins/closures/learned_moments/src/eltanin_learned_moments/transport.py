"""Streaming of a step, and collisions, as averages of distributions: what entropy, being convex, cannot rise by.

Streaming. In each cell f is linear in x, with the slope of van Leer (1974). Each velocity moves exactly by ν = |v|
Δt/Δx <= 1 cells and is averaged again: with s half of the difference over a cell, for v > 0,

    f_j ← (1 - ν) (f_j - ν s_j) + ν (f_{j-1} + (1 - ν) s_{j-1}),

of second order in x and t and positive, for |s_j| <= f_j. With s = 0 it is the upwind scheme, of first order, an
average of f_j and f_{j-1}. So for that one, by convexity of g log(g²/h) at each v, whatever else happens,

    Σ_j H(f_j) ← at most Σ_j Σ_v [(1 - ν) η(f_j) + ν η(f_{j-1})],

the old entropy if the stretch is closed. Slopes may break this, by very little: then what they add is scaled by the
largest θ for which convexity guarantees the bound (`limited`).
"""

from __future__ import annotations

import torch
from torch import Tensor

from eltanin_gas.problems import Boundary

GHOSTS = 2
ROUND_OFF = 1e-14  # of sums of entropies


def extended(f: Tensor, boundary: Tensor, beyond: Tensor) -> Tensor:
    """Return f (n, 2 + cells + 2, 2, V) with what lies beyond its ends.

    boundary: (n,) of `Boundary`.  beyond: (n, 2, 2, V), the gas left and right of a FIXED boundary.
    """
    kind = boundary[:, None, None, None]

    def side(other_end: Tensor, outermost: Tensor, kept: Tensor) -> Tensor:
        stays = torch.where(kind == int(Boundary.FIXED), kept, outermost)
        return torch.where(kind == int(Boundary.PERIODIC), other_end, stays.expand_as(other_end))

    left = side(f[:, -GHOSTS:], f[:, :1], beyond[:, :1])
    right = side(f[:, :GHOSTS], f[:, -1:], beyond[:, 1:])
    return torch.cat([left, f, right], dim=1)


def half_slopes(f: Tensor) -> Tensor:
    """Return half of van Leer's limited differences (n, cells - 2, 2, V) of f (n, cells, 2, V)."""
    below, above = f[:, 1:-1] - f[:, :-2], f[:, 2:] - f[:, 1:-1]
    product = (below * above).clamp(min=0.0)
    together = below + above
    return product / torch.where(product > 0, together, torch.ones_like(together))


def streamed(around: Tensor, shift: Tensor, slopes: Tensor | None) -> Tensor:
    """Return f (n, cells, 2, V) after a step, of f with its ghosts; shift: v Δt/Δx (n, V), at most 1 in size.

    slopes: `half_slopes` (n, cells + 2, 2, V), or none for the first order.
    """
    sign, size = shift.sign()[:, None, None], shift.abs()[:, None, None]
    low, middle, high = (around[:, 1 + k : around.shape[1] - 3 + k] for k in range(3))
    upwind = torch.where(sign > 0, low, high)
    if slopes is None:
        return (1 - size) * middle + size * upwind
    slope = torch.where(sign > 0, slopes[:, :-2], slopes[:, 2:])
    stays = middle - sign * size * slopes[:, 1:-1]
    return (1 - size) * stays + size * (upwind + sign * (1 - size) * slope)


def densities(f: Tensor) -> Tensor:
    """Return η = g log(g²/h), (..., V), of f (..., 2, V)."""
    g, h = f.unbind(-2)
    smallest = torch.finfo(f.dtype).tiny
    return g * (2 * g.clamp(min=smallest).log() - h.clamp(min=smallest).log())


def largest_entropy(around: Tensor, shift: Tensor) -> Tensor:
    """Return the bound of the sum of entropies (n,) after a step of first order: over dv, ghosts included."""
    return streamed(densities(around)[:, :, None], shift, None).sum((1, 2, 3))


def limited(around: Tensor, shift: Tensor) -> tuple[Tensor, Tensor]:
    """Return f (n, cells, 2, V) after a step, and the part θ (n,) of the second order that was kept.

    H is convex along f¹ + θ (f² - f¹), so at most (1 - θ) H(f¹) + θ H(f²): which is the bound at the θ returned.
    """
    first, second = streamed(around, shift, None), streamed(around, shift, half_slopes(around))
    bound = largest_entropy(around, shift)
    one, two = (densities(f) for f in (first, second))
    slack = ROUND_OFF * one.abs().sum((1, 2))
    one, two = one.sum((1, 2)), two.sum((1, 2))
    needed = ((bound - one) / (two - one).clamp(min=torch.finfo(one.dtype).tiny)).clamp(0.0, 1.0)
    theta = torch.where(two > bound + slack, needed, 1.0)
    return torch.lerp(first, second, theta[:, None, None, None]), theta
