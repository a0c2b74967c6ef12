"""Discrete equilibria whose sums over a velocity grid have the wanted moments (Mieussens 2000).

``G = exp(a + b v - c v^2 / 2)`` and, for a Maxwellian, ``H = G / c``. Their coefficients solve

    sum (1, v, v^2 / 2) G dv + (0, 0, sum H dv) = (rho, rho u, E)

by Newton's method. It begins at the continuous Maxwellian, whose Jacobian is known in closed form (the moments
are 1, 0, T, 0, 3 T^2), and keeps that Jacobian: a step makes the residual smaller by the quadrature error of the
fourth moment, 2e-10 for dv = 0.8 sqrt(T) and 0.1 still for dv = 1.5 sqrt(T). Where velocities are resolved the residual
is 4e-14 to begin with, and one correction leaves round-off.
"""

from __future__ import annotations

from math import log, pi

import torch
from torch import Tensor

from eltanin_kinetic.velocities import Velocities

CORRECTIONS = 1


def gaussian(rho: Tensor, u: Tensor, width: Tensor, grid: Velocities, tilt: tuple[Tensor, ...] | None = None) -> Tensor:
    """Return rho / sqrt(2 pi width) exp(tilt_0 + tilt_1 w - (1 + tilt_2) w^2 / 2), w = (v - u) / sqrt(width).

    rho, u, width (a temperature), tilt: (B, N).  Returns (B, V, N).
    """
    zeroth, first, second = tilt if tilt is not None else (0.0, 0.0, 0.0)
    narrow = (1 + second) / width
    slope = first / width.sqrt()
    constant = zeroth + rho.log() - (width.log() + log(2 * pi)) / 2 - slope * u - narrow * u**2 / 2
    coefficients = torch.stack([constant, slope + narrow * u, -narrow / 2], dim=1)
    return (grid.powers[..., :3] @ coefficients).exp_()


def residuals(g: Tensor, rho: Tensor, u: Tensor, width: Tensor, grid: Velocities) -> tuple[Tensor, Tensor, Tensor]:
    """Return sum (1, w, w^2) g dv / rho - (1, 0, 1) with w = (v - u) / sqrt(width), each (B, N)."""
    m0, m1, m2 = (grid.weights[:, :3] @ g).unbind(1)
    first = m1 - u * m0
    second = m2 - u * (m1 + first)
    return m0 / rho - 1, first / (rho * width.sqrt()), second / (rho * width) - 1


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
    g = gaussian(rho, u, temperature, grid)
    for _ in range(corrections):
        r0, r1, r2 = residuals(g, rho, u, temperature, grid)
        energy = (r2 + 1) / 2 + (r0 + 1) / (1 + c) - 1.5
        step = (energy - 1.5 * r0) / 1.5
        a, b, c = a - r0 + step / 2, b - r1, c + step
        g = gaussian(rho, u, temperature, grid, (a, b, c))
    return g, g * (temperature / (1 + c))[:, None]
