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


def exponent(rho: Tensor, u: Tensor, width: Tensor) -> Tensor:
    """Return a, b and -c/2 in (B, 3, N) of rho / sqrt(2 pi width) exp(-(v - u)^2 / (2 width)), each (B, N)."""
    narrow = width.reciprocal()
    slope = narrow * u
    constant = (rho * (narrow / (2 * pi)).sqrt_()).log_().addcmul_(slope, u, value=-0.5)
    return torch.stack([constant, slope, narrow.mul_(-0.5)], dim=1)


def exponential(coefficients: Tensor, grid: Velocities) -> Tensor:
    """Return exp(a + b v - c v^2 / 2) (B, V, N) of a, b and -c/2 in (B, 3, N)."""
    return torch.bmm(grid.powers, coefficients).exp_()


def residuals(g: Tensor, rho: Tensor, u: Tensor, width: Tensor, grid: Velocities) -> tuple[Tensor, Tensor, Tensor]:
    """Return sum (1, w / width, w^2 / width) g dv / rho with w = v - u, each (B, N): 1, 0 and 1 are wanted."""
    m0, m1, m2 = (grid.weights[:, :3] @ g).unbind(1)
    first = torch.addcmul(m1, u, m0, value=-1)
    second = torch.addcmul(m2, u, m1 + first, value=-1)
    share = (rho * width).reciprocal_()
    return m0 / rho, first * share, second * share


def newton(zero: Tensor, one: Tensor, bend: Tensor, u: Tensor, width: Tensor) -> Tensor:
    """Return what is added to a, b and -c/2, (B, 3, N), for two of the residuals and width times the change of -c/2."""
    square = bend / width
    slope = torch.addcmul(one, u, square, value=2).neg_()
    constant = torch.addcmul(1 - zero - bend, u, torch.addcmul(slope, u, square), value=-1)
    return torch.stack([constant, slope, square], dim=1)


def discrete_gaussian(
    rho: Tensor, u: Tensor, width: Tensor, grid: Velocities, corrections: int = CORRECTIONS
) -> Tensor:
    """Return G (B, V, N) with sum (1, v, v^2) G dv = (rho, rho u, rho u^2 + rho width)."""
    coefficients = exponent(rho, u, width)
    g = exponential(coefficients, grid)
    for _ in range(corrections):
        zero, one, two = residuals(g, rho, u, width, grid)
        coefficients += newton(zero, one, (zero - two) / 2, u, width)
        g = exponential(coefficients, grid)
    return g


def discrete_maxwellian(
    rho: Tensor, u: Tensor, temperature: Tensor, grid: Velocities, corrections: int = CORRECTIONS
) -> tuple[Tensor, Tensor]:
    """Return (G, H) (B, V, N) of least entropy among those with the sums (rho, rho u, E); rho, u, T: (B, N)."""
    coefficients = exponent(rho, u, temperature)
    g, across = exponential(coefficients, grid), temperature
    for remaining in reversed(range(corrections)):
        zero, one, two = residuals(g, rho, u, temperature, grid)
        bend = (zero * (3 - 2 * across / temperature) - two) / 6
        change = newton(zero, one, bend, u, temperature)
        coefficients += change
        across = -0.5 / coefficients[:, 2]
        if remaining:
            g = exponential(coefficients, grid)
        else:
            change[:, 0] += 1
            g *= torch.bmm(grid.powers, change)
    return g, g * across[:, None]
