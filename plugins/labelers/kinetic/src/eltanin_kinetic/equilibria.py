"""Discrete equilibria whose sums over a velocity grid have the wanted moments (Mieussens 2000).

``G = exp(a + b v - c v^2 / 2)`` and, for a Maxwellian, ``H = G / c``. Their coefficients solve

    sum (1, v, v^2 / 2) G dv + (0, 0, sum H dv) = (rho, rho u, E)

by Newton's method. It begins at the continuous Maxwellian, whose Jacobian is known in closed form (the moments
are 1, 0, T, 0, 3 T^2), and keeps that Jacobian: a step makes the residual smaller by the quadrature error of the
fourth moment, 2e-10 for dv = 0.8 sqrt(T) and 0.1 still for dv = 1.5 sqrt(T). Where velocities are resolved the residual
is 4e-14 to begin with, and one correction leaves round-off. The last correction of a Maxwellian is so small that
``exp(x) = 1 + x``: a second exponential is not worth its time.
"""

from __future__ import annotations

from math import pi

import torch
from torch import Tensor

from eltanin_kinetic.velocities import Velocities

CORRECTIONS = 1


Tilt = tuple[Tensor, Tensor, Tensor]


def gaussian(rho: Tensor, u: Tensor, width: Tensor, grid: Velocities, tilt: Tilt | None = None) -> Tensor:
    """Return rho / sqrt(2 pi width) exp(tilt_0 + tilt_1 w - (1 + tilt_2) w^2 / (2 width)), w = v - u.

    rho, u, width (a temperature), tilt: (B, N).  Returns (B, V, N).
    """
    narrow = 1 / width
    slope = narrow * u
    constant = (rho * (narrow / (2 * pi)).sqrt()).log_().addcmul_(slope, u, value=-0.5)
    if tilt is not None:
        bend = tilt[2] * narrow
        constant = constant + tilt[0] - u * (tilt[1] + u * bend / 2)
        slope, narrow = slope + tilt[1] + u * bend, narrow + bend
    return (grid.powers[..., :3] @ torch.stack([constant, slope, narrow / -2], dim=1)).exp_()


def residuals(g: Tensor, rho: Tensor, u: Tensor, width: Tensor, grid: Velocities) -> Tilt:
    """Return sum (1, w / width, w^2 / width) g dv / rho - (1, 0, 1) with w = v - u, each (B, N)."""
    m0, m1, m2 = (grid.weights[:, :3] @ g).unbind(1)
    first = torch.addcmul(m1, u, m0, value=-1)
    second = torch.addcmul(m2, u, m1 + first, value=-1)
    share = 1 / (rho * width)
    return m0 / rho - 1, first * share, second * share - 1


def discrete_gaussian(
    rho: Tensor, u: Tensor, width: Tensor, grid: Velocities, corrections: int = CORRECTIONS
) -> Tensor:
    """Return G (B, V, N) with sum (1, v, v^2) G dv = (rho, rho u, rho u^2 + rho width)."""
    a, b, c = (torch.zeros_like(rho) for _ in range(3))
    g = gaussian(rho, u, width, grid)
    for _ in range(corrections):
        r0, r1, r2 = residuals(g, rho, u, width, grid)
        a, b, c = a - r0 + (r2 - r0) / 2, b - r1, c + r2 - r0
        g = gaussian(rho, u, width, grid, (a, b, c))
    return g


def discrete_maxwellian(
    rho: Tensor, u: Tensor, temperature: Tensor, grid: Velocities, corrections: int = CORRECTIONS
) -> tuple[Tensor, Tensor]:
    """Return (G, H) (B, V, N) of least entropy among those with the sums (rho, rho u, E); rho, u, T: (B, N)."""
    a, b, c = (torch.zeros_like(rho) for _ in range(3))
    g, across = gaussian(rho, u, temperature, grid), temperature
    for remaining in reversed(range(corrections)):
        r0, r1, r2 = residuals(g, rho, u, temperature, grid)
        step = (r2 + 2 * ((r0 + 1) * across / temperature - 1)) / 3 - r0
        change = step / 2 - r0, -r1, step
        a, b, c = a + change[0], b + change[1], c + change[2]
        across = temperature / (1 + c)
        g = gaussian(rho, u, temperature, grid, (a, b, c)) if remaining else _tilted(g, change, u, temperature, grid)
    return g, g * across[:, None]


def _tilted(g: Tensor, tilt: Tilt, u: Tensor, width: Tensor, grid: Velocities) -> Tensor:
    """Return g (1 + tilt_0 + tilt_1 w - tilt_2 w^2 / (2 width)) (B, V, N), w = v - u, in g."""
    zeroth, first, second = tilt
    bend = second / width
    slope = torch.addcmul(first, u, bend)
    constant = torch.addcmul(zeroth + 1, u, slope + first, value=-0.5)
    return g.mul_(grid.powers[..., :3] @ torch.stack([constant, slope, bend / -2], dim=1))
