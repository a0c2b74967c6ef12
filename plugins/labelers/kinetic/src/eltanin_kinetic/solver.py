"""From moments to moments: lift, flow in time, and the eight moments of all cells at the wanted times."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from math import ceil

import numpy as np
import torch
from torch import Tensor

from eltanin_gas.collisions import MonatomicGas
from eltanin_gas.lift import Pair, two_gaussians
from eltanin_kinetic.equilibria import discrete_gaussian
from eltanin_kinetic.flow import Flows, evolve
from eltanin_kinetic.snapshots import eight_moments
from eltanin_kinetic.velocities import RESOLVED, Velocities, extent, spacing, uniform

Tell = Callable[[Tensor, Velocities], Tensor]  # of f (B, 2, V, N): (B, N, k)
ROUND = 16  # numbers of velocities are multiples of it, so that more flows can be solved together
ON_CPU, ON_GPU = 160_000, 30_000_000  # numbers of a batch: what stays in a cache, what fills a device


@dataclass(frozen=True)
class Discretisation:
    """How a flow is solved.

    velocities: nodes at least; more where the coldest cell needs dv = 0.8 sqrt(T).  reach: of the grid beyond the
    flow, in thermal speeds of the hottest gas.  scheme: ``muscl`` (van Leer, ARS(2,2,2); f stays positive) or
    ``weno5`` (WENO5, ARS(4,4,3)).  courant: max |v| dt / dx.  device: cpu or cuda.
    """

    velocities: int = 48
    reach: float = 7.0
    scheme: str = "muscl"
    courant: float = 0.9
    device: str = "cpu"


@dataclass(frozen=True)
class VelocityPlan:
    """A velocity grid to be: spacing, nodes below 0, nodes."""

    dv: float
    negative: int
    count: int


def plan(pair: Pair, velocities: int, reach: float) -> VelocityPlan:
    """Return the velocity grid of a flow that begins with these Gaussians (2, N)."""
    widest = np.maximum(pair.along, pair.across)
    low, high = extent(pair.velocity, widest, reach)
    needed = (high - low) / (RESOLVED * float(np.sqrt(pair.along.min())))
    count = ROUND * ceil(max(velocities, needed) / ROUND)
    return VelocityPlan(*spacing(low, high, count), count)


def distribution(pair: Pair, grid: Velocities) -> Tensor:
    """Return g and h in (B, 2, V, N) of Gaussians (2, B, N)."""
    f = torch.zeros(())
    for rho, u, along, across in zip(*(torch.from_numpy(p).to(grid.v.device) for p in pair), strict=True):
        g = discrete_gaussian(rho, u, along, grid)
        f = f + torch.stack([g, g * across[:, None]], dim=1)
    return f


def solve(
    gas: MonatomicGas,
    moments: np.ndarray,
    knudsen: np.ndarray,
    length: np.ndarray,
    times: np.ndarray,
    ends: str,
    grid: list[VelocityPlan],
    how: Discretisation,
    tell: Tell = eight_moments,
) -> np.ndarray:
    """Return m0 … m4, k0, k1, k2 at the start and at all times in (B, K + 1, N, 8), or what `tell` tells of f.

    moments: (B, N, 6).  knudsen: (B, N).  length: (B,).  times: (B, K), ascending.  ends: periodic, open or fixed.
    grid: of each flow, alike in all but dv.
    """

    def tensor(a: np.ndarray) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(a, dtype=np.float64)).to(how.device)

    velocities = uniform(tensor(np.array([g.dv for g in grid])), grid[0].negative, grid[0].count)
    cells = moments.shape[1]
    flat = two_gaussians(moments.reshape(-1, 6))
    f = distribution(Pair(*(p.reshape(2, len(moments), cells) for p in flat)), velocities)
    flows = Flows(f, velocities, tensor(knudsen), tensor(length / cells), ends)
    keep_freed_memory()
    with torch.inference_mode():
        found = [f, *evolve(flows, gas, tensor(times), how.scheme, how.courant)]
        return torch.stack([tell(f, velocities) for f in found], dim=1).cpu().numpy()


@cache
def keep_freed_memory() -> None:
    """Have the C library keep what arrays give back, up to 60 MB, rather than return it to the system.

    What it frees it would have to ask for again, page by page, in every step: a third of the time. glibc learns how
    much to keep from the largest block that was ever freed, of 32 MB at most.
    """
    torch.empty(31 * 2**20, dtype=torch.uint8)


def batch_size(cells: int, velocities: int, device: str) -> int:
    """Return how many flows are best solved together."""
    return max(1, (ON_CPU if device == "cpu" else ON_GPU) // (2 * cells * velocities))
