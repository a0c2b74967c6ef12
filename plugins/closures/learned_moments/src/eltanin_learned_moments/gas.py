"""Gases on grids of velocities: what the scheme begins with, and its moments.

The grid is fixed, one for each flow and the same in all its cells and at all times: so streaming needs no
interpolation, sums over velocities are conserved exactly, and entropies of neighbours are sums over the same
velocities. Only the features follow the frame (u_j, T_j) of their cell. Where the frame changes, the distribution is
known on the grid, and its moments are taken in the new frame: what then has least entropy has no more than before.
"""

from __future__ import annotations

from math import ceil
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from eltanin_gas.lift import two_gaussians

RESOLVED = 0.8  # dv over the least thermal speed: moments of a Maxwellian are then exact to 4e-14


class Grid(NamedTuple):
    """Velocities v (n, V), ascending, and their distance dv (n,), of n flows."""

    v: Tensor
    dv: Tensor


class Frame(NamedTuple):
    """Density, velocity and temperature of cells, (n, cells)."""

    density: Tensor
    velocity: Tensor
    temperature: Tensor


def frame(f: Tensor, grid: Grid) -> Frame:
    """Return ρ, u and T of f (n, cells, 2, V)."""
    g, h = f.unbind(2)
    v, dv = grid.v[:, None], grid.dv[:, None]
    rho = g.sum(-1) * dv
    u = (g * v).sum(-1) * dv / rho
    along = (g * (v - u[..., None]) ** 2).sum(-1) * dv
    return Frame(rho, u, (along + 2 * h.sum(-1) * dv) / (3 * rho))


def raw_moments(f: Tensor, grid: Grid) -> Tensor:
    """Return m0, m1, m2, m3, m4, k0, k1, k2 (n, cells, 8) of f (n, cells, 2, V)."""
    powers = torch.stack([grid.v**k for k in range(5)], dim=-1) * grid.dv[:, None, None]
    of_g, of_h = f[:, :, 0] @ powers, f[:, :, 1] @ powers[..., :3]
    return torch.cat([of_g, of_h], dim=-1)


def lifted(moments: np.ndarray, velocities: int, reach: float) -> tuple[Tensor, Grid]:
    """Return f (n, cells, 2, V) of the gas domain's lift of six moments (n, cells, 6), and its velocities.

    velocities: at least so many; more where the narrowest Gaussian needs them.  reach: of the grid beyond the flow, in
    thermal speeds of the hottest gas that its streams can make when they collide.
    """
    n, cells = moments.shape[:2]
    pair = [part.reshape(2, n, cells) for part in two_gaussians(moments.reshape(-1, 6))]
    density, velocity, along, across = pair
    spans = [_extent(velocity[:, i], np.maximum(along, across)[:, i], reach) for i in range(n)]
    least = np.sqrt(along.min(axis=(0, 2)))
    needed = max((high - low) / (RESOLVED * width) for (low, high), width in zip(spans, least, strict=True))
    count = 8 * ceil(max(velocities, needed + 1) / 8)
    v = torch.as_tensor(np.stack([np.linspace(low, high, count) for low, high in spans]))
    grid = Grid(v, v[:, 1] - v[:, 0])
    rho, u, theta, t = (torch.as_tensor(part)[..., None] for part in (density, velocity, along, across))
    g = rho / torch.sqrt(2 * np.pi * theta) * torch.exp(-((v[:, None] - u) ** 2) / (2 * theta))
    return torch.stack([g.sum(0), (g * t).sum(0)], dim=2), grid


def _extent(u: np.ndarray, widths: np.ndarray, reach: float) -> tuple[float, float]:
    hottest = float(widths.max() + (u.max() - u.min()) ** 2 / 12)
    return float(u.min()) - reach * hottest**0.5, float(u.max()) + reach * hottest**0.5
