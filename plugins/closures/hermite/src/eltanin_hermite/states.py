"""States of a gas that no label has shown, but that flows pass: there a closure must have real speeds, too.

A state is (s, a, b), of six moments in the frame of the gas.
"""

from __future__ import annotations

import torch
from torch import Tensor

from eltanin_gas.monatomic import equilibrium_moments, invariants

FASTEST = 12.0  # Mach number of the shocks whose two sides are mixed


def mixtures(count: int, generator: torch.Generator) -> Tensor:
    """Return states (count, 3) of precursors: few hot molecules that fly at 2 to 25 T^(1/2) against a cold gas.

    Of the second gas: weight w, velocity -V and temperature T2 up to V²/8, over the temperature of the first.
    """
    weight, speed, heat = torch.rand(3, count, generator=generator, dtype=torch.float64)
    speed = 2 * 12.5**speed
    part = (0.5 / (1 + speed**2 / 16)) * 10 ** (-4 * weight)
    hot = 1 + heat * speed**2 / 8
    first, second = part * speed, -(1 - part) * speed
    temperature = 1 + part * (hot - 1) + part * (1 - part) * speed**2 / 3
    stress = 2 / 3 * part * (1 - part) * speed**2 / temperature
    d = ((1 - part) * first**3 + part * second**3) / temperature**1.5
    b = ((1 - part) * first + part * hot * second) / temperature**1.5
    return torch.stack([stress, d + 3 * b, b], dim=-1)


def two_sides(count: int, generator: torch.Generator) -> Tensor:
    """Return states (count, 3) of the two sides of a shock, mixed: with them a march to a standing shock begins."""
    faster, share, side = torch.rand(3, count, generator=generator, dtype=torch.float64)
    mach = 1.2 * (FASTEST / 1.2) ** faster
    few = 0.99 * 10 ** (-3 * share)
    part = torch.where(side < 0.3, 1 - few, few)[:, None]
    density, velocity = 4 * mach**2 / (mach**2 + 3), mach * (5 / 3) ** 0.5
    temperature = (5 * mach**2 - 1) * (mach**2 + 3) / (16 * mach**2)
    one = torch.ones_like(mach)
    before = equilibrium_moments(one, velocity, one)
    behind = equilibrium_moments(density, velocity / density, temperature)
    return invariants((1 - part) * before + part * behind)


def around(states: Tensor, generator: torch.Generator) -> Tensor:
    """Return states beside these (cells, 3)."""
    noise = torch.randn(len(states), 4, generator=generator, dtype=states.dtype)
    scale = torch.exp(0.3 * noise[:, :1]) * (1 + noise[:, 1:] * torch.tensor([0.15, 0.1, 0.2], dtype=states.dtype))
    found = states * scale
    return torch.cat([found[:, :1].clamp(-0.9, 1.6), found[:, 1:]], dim=-1)


def near_equilibrium(count: int, generator: torch.Generator) -> Tensor:
    """Return states (count, 3) at distances of 1e-4 to 0.2, in all directions."""
    how_far, how_long = torch.rand(2, count, generator=generator, dtype=torch.float64)
    direction = torch.randn(count, 3, generator=generator, dtype=torch.float64)
    direction = direction / torch.linalg.vector_norm(direction, dim=1, keepdim=True)
    s, d, b = (10 ** (3.2 * how_far - 4)[:, None] * direction).unbind(-1)
    return torch.stack([s, 10 ** (1.3 * how_long - 0.3) * d + 1.5 * b, b / 2], dim=-1)
