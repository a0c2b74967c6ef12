"""The label ``distribution``: g and h of each cell in its own frame, on the velocities of the gas domain."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

from eltanin.batch import Ragged
from eltanin_gas.distributions import NODES
from eltanin_kinetic.relaxation import flow_state, raw_moments
from eltanin_kinetic.velocities import Velocities

EIGHT = 8  # moments, which are told first
POINTS = 6
LEAST = 1e-300  # where f is not positive (WENO5, Shakhov), it is this
OVERSHOOT = 0.5  # of log f between two velocities: dv^2 / 8 T in a Gaussian, without bound beside what is LEAST


def eight_moments(f: Tensor, grid: Velocities) -> Tensor:
    """Return m0 … m4, k0, k1, k2 (B, N, 8) of f (B, 2, V, N)."""
    return torch.cat(raw_moments(f, grid), dim=1).mT


def with_distribution(f: Tensor, grid: Velocities) -> Tensor:
    """Return the eight moments and, behind them, g and h in the frames of the cells, (B, N, 8 + 2 NODES)."""
    return torch.cat([eight_moments(f, grid), in_frames(f, grid).flatten(2)], dim=-1)


def in_frames(f: Tensor, grid: Velocities) -> Tensor:
    """Return g T^(1/2)/rho and h/(rho T^(1/2)) at (v - u)/T^(1/2) = NODES, (B, N, 2, NODES).

    log f is interpolated by the polynomial through the six nearest velocities, which is exact for a Gaussian, and goes
    on beyond the grid with the slope that it has at its end.
    """
    rho, u, temperature, _ = flow_state(f, grid)
    thermal = temperature.sqrt()
    nodes = torch.as_tensor(NODES, dtype=f.dtype, device=f.device)
    wanted = (u[..., None] + thermal[..., None] * nodes - grid.v[:, :1, None]) / grid.dv[:, None, None]
    last = f.shape[2] - 1
    at = wanted.clamp(0, last)
    first = at.floor().clamp(2, last - 3)
    log_f = f.clamp(min=LEAST).log().permute(0, 3, 1, 2)  # (B, N, 2, V)
    index = (first.long() - 2)[:, :, None].expand(-1, -1, 2, -1)
    near = [log_f.gather(-1, index + k) for k in range(POINTS)]
    weights = lagrange(at - first + 2)
    inside = sum((w[:, :, None] * y for w, y in zip(weights, near, strict=True)), start=torch.zeros_like(near[0]))
    inside = torch.minimum(inside, torch.maximum(near[2], near[3]) + OVERSHOOT)
    beyond = (wanted - at)[:, :, None]
    slope = torch.where(beyond < 0, log_f[..., 1:2] - log_f[..., :1], log_f[..., -1:] - log_f[..., -2:-1])
    scale = torch.stack([thermal / rho, 1 / (rho * thermal)], dim=-1)
    return torch.exp(inside + (beyond * slope).clamp(max=0.0)) * scale[..., None]


def lagrange(t: Tensor) -> list[Tensor]:
    """Return the weights at t (...) of values at 0, 1, … 5."""
    found: list[Tensor] = []
    for k in range(POINTS):
        weight = torch.ones_like(t)
        for j in range(POINTS):
            weight = weight if j == k else weight * (t - j) / (k - j)
        found.append(weight)
    return found


def distributions(raw: Iterable[np.ndarray]) -> Ragged:
    """Return g and h (cells, 2, NODES) of what `with_distribution` told at all instants, (K + 1, N, …) each."""
    return Ragged.of([one[..., EIGHT:].reshape(-1, 2, len(NODES)) for one in raw])
