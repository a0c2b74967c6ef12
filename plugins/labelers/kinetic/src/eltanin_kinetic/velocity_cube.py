"""Distributions over all three velocities, f (X, N, N, N) of X cells: v along the flow, then the two across it."""

from __future__ import annotations

from dataclasses import dataclass
from math import pi

import numpy as np
import torch
from torch import Tensor

from eltanin_gas.lift import Pair
from eltanin_kinetic.velocities import Velocities, extent, uniform

CORRECTIONS = 4  # each makes a residual smaller by the error of the quadrature, 1e-4 where dv = 1.1 sqrt(T)


@dataclass(frozen=True)
class Cube:
    """N^3 velocities, the same spacing along all axes.

    along: (1, N), with 0 halfway between two nodes.  across: (N,), symmetric about 0.  middle: of `along`.
    """

    along: Velocities
    across: Tensor

    @property
    def dv(self) -> float:
        """Distance of nodes."""
        return float(self.along.dv)


def half_width(pair: Pair, reach: float) -> tuple[float, float]:
    """Return half the width of a cube for a flow that begins with these Gaussians, and its middle along the flow."""
    low, high = extent(pair.velocity, np.maximum(pair.along, pair.across), reach)
    return (high - low) / 2, (high + low) / 2


def velocity_cube(count: int, half: float, middle: float, device: str) -> Cube:
    """Return `count` nodes along each axis, in [middle - half, middle + half] and [-half, half], but for dv / 2."""
    dv = torch.tensor([2 * half / count], dtype=torch.float64, device=device)
    across = uniform(dv, count // 2, count).v[0]
    return Cube(uniform(dv, count // 2 - round(middle / float(dv)), count), across)


def reduced(f: Tensor, cube: Cube) -> Tensor:
    """Return Chu's g and h in (1, 2, N, X) of f (X, N, N, N)."""
    y = cube.across**2
    weights = torch.stack([torch.ones_like(f[0, 0]), (y[:, None] + y) / 2], dim=-1).reshape(-1, 2) * cube.dv**2
    return (f.flatten(2) @ weights).permute(2, 1, 0)[None]


def product(along: Tensor, across: Tensor) -> Tensor:
    """Return f (X, N, N, N) of factors (X, N), the second of both velocities across the flow."""
    return along[:, :, None, None] * (across[:, :, None] * across[:, None, :])[:, None]


def maxwellian(rho: Tensor, u: Tensor, temperature: Tensor, cube: Cube) -> Tensor:
    """Return exp(a + b v - c |v|^2 / 2) (X, N, N, N) whose sums are rho, rho u and the energy, each field (X,).

    Newton's method with the Jacobian of the continuous Maxwellian, as in `eltanin_kinetic.equilibria`.
    """
    dv, root = cube.dv, temperature.sqrt()[:, None]
    w, y = (cube.along.v - u[:, None]) / root, cube.across / root
    a, b, c = (torch.zeros_like(rho)[:, None] for _ in range(3))
    first, second = torch.empty_like(w), torch.empty_like(y)
    for correction in range(CORRECTIONS + 1):
        first = (rho[:, None] * dv) * torch.exp(a + b * w - (1 + c) * w**2 / 2) / (root * (2 * pi) ** 0.5)
        second = torch.exp(-(1 + c) * y**2 / 2) / (root * (2 * pi) ** 0.5)
        if correction == CORRECTIONS:
            break
        weight = second.sum(1, keepdim=True) * dv
        m0, m1, m2 = ((first * w**k).sum(1, keepdim=True) * weight**2 / rho[:, None] for k in range(3))
        energy = m2 / 2 + m0 * (second * y**2).sum(1, keepdim=True) * dv / weight - 1.5
        step = energy / 1.5 - (m0 - 1)
        a, b, c = a - (m0 - 1) + 1.5 * step, b - m1, c + step
    return product(first / dv, second)


def lifted(pair: Pair, cube: Cube) -> Tensor:
    """Return f (X, N, N, N) of two Gaussians in each cell, (2, X)."""
    found = torch.zeros(())
    for rho, u, along, across in zip(*(torch.from_numpy(p).to(cube.across.device) for p in pair), strict=True):
        w, y = (cube.along.v - u[:, None]) ** 2 / along[:, None], cube.across**2 / across[:, None]
        first = torch.exp(-w / 2) * (rho / (2 * pi * along).sqrt())[:, None]
        found = found + product(first, torch.exp(-y / 2) / (2 * pi * across).sqrt()[:, None])
    return found
