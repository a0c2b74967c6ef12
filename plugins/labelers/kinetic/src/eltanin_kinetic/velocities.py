"""Uniform velocity grids, one for each problem of a batch.

The trapezoidal rule gives the moments of a Maxwellian of temperature T with the relative error
``2 exp(-2 pi^2 T / dv^2)``: 4e-14 at dv = 0.8 sqrt(T).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

RESOLVED = 0.8  # dv over sqrt(T): the moments are then exact to 4e-14
HIGHEST = 4  # power of v that is summed up: m4


@dataclass(frozen=True)
class Velocities:
    """Nodes of a batch of B grids of V velocities each.

    v: (B, V), ascending, with 0 halfway between two nodes.  dv: (B,).
    negative: how many nodes are below 0, the same in the whole batch.
    powers: (B, V, 3), 1, v and v^2.  weights: (B, 5, V), which times g give its moments m0 ... m4.
    """

    v: Tensor
    dv: Tensor
    negative: int
    powers: Tensor
    weights: Tensor

    @property
    def fastest(self) -> Tensor:
        """Largest |v| of each problem, (B,)."""
        return self.v.abs().amax(dim=1)


def uniform(dv: Tensor, negative: int, count: int) -> Velocities:
    """Return grids v_j = (j + 1/2 - negative) dv of `count` nodes for spacings dv (B,), which may leave 0 outside."""
    nodes = torch.arange(count, dtype=dv.dtype, device=dv.device) + 0.5 - negative
    v = nodes * dv[:, None]
    powers = torch.stack([v**k for k in range(3)], dim=-1)
    below = min(max(negative, 0), count)
    weights = torch.stack([v**k for k in range(HIGHEST + 1)], dim=1) * dv[:, None, None]
    return Velocities(v, dv, below, powers, weights)


def extent(u: np.ndarray, temperature: np.ndarray, reach: float) -> tuple[float, float]:
    """Return the lowest and highest velocity that a gas of these u and T (cells,) will have.

    ``reach`` thermal speeds beyond the flow, at the highest temperature that streams of these velocities can
    make when they collide head on: T + (max u - min u)^2 / 12.
    """
    hottest = temperature.max() + (u.max() - u.min()) ** 2 / 12
    width = reach * float(np.sqrt(hottest))
    return float(u.min()) - width, float(u.max()) + width


def spacing(low: float, high: float, count: int) -> tuple[float, int]:
    """Return dv and the number of negative nodes of the grid of `count` nodes that spans low ... high."""
    if low < 0 < high:
        dv = (high - low) / (count - 1)
        negative = min(max(round(-low / dv + 0.5), 1), count - 1)
        return max(-low / (negative - 0.5), high / (count - negative - 0.5)), negative
    dv = max(abs(low), abs(high)) / (count - 0.5)
    return dv, 0 if low >= 0 else count
