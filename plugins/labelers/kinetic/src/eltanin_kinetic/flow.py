"""Batches of flows in time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from eltanin_gas.collisions import MonatomicGas
from eltanin_kinetic.equilibria import discrete_maxwellian
from eltanin_kinetic.relaxation import collisions, flow_state
from eltanin_kinetic.second_order import SecondOrder
from eltanin_kinetic.third_order import ThirdOrder
from eltanin_kinetic.transport import GHOSTS, Ends, open_ends, periodic, stable_step
from eltanin_kinetic.velocities import Velocities

SCHEMES: dict[str, type[SecondOrder | ThirdOrder]] = {"muscl": SecondOrder, "weno5": ThirdOrder}

# In far tails behind a front f falls by orders of magnitude in a step, and what ARS(2,2,2) extrapolates there can be
# negative, by less than the round-off of any moment.
LEAST = 1e-300


@dataclass(frozen=True)
class Flows:
    """B flows that are solved together: all of one number of cells, velocities and of one kind of ends.

    f: (B, 2, V, N) of g and h.  grid: their velocities.  knudsen: (B, N).  dx: (B,).  ends: ``periodic``, ``open`` or
    ``fixed``: beyond the ends stays what the outermost cells have at the start.
    """

    f: Tensor
    grid: Velocities
    knudsen: Tensor
    dx: Tensor
    ends: str


def evolve(flows: Flows, gas: MonatomicGas, times: Tensor, scheme: str, courant: float) -> Iterator[Tensor]:
    """Yield f (B, 2, V, N) at the times (B, K), one after the other.

    Each flow takes steps of its own length and number, so what becomes of it does not depend on the others.
    """
    collide = collisions(gas, flows.knudsen, flows.grid)
    longest = stable_step(flows.grid, flows.dx, courant)
    flow = SCHEMES[scheme](flows.f, flows.grid.negative, _ends(flows), collide)
    for lasting in torch.diff(times, dim=1, prepend=torch.zeros_like(times[:, :1])).unbind(1):
        steps = torch.ceil(lasting / longest - 1e-9).clamp(min=1)
        for step in range(int(steps.max())):
            dt = torch.where(step < steps, lasting / steps, 0.0)
            shift = flows.grid.v * (dt / flows.dx)[:, None]
            flow.step(dt[:, None], shift[:, None, :, None])
            if scheme == "muscl" and gas.model != "shakhov":
                flow.f.clamp_(min=LEAST)
        yield flow.f.clone()


def _ends(flows: Flows) -> Ends:
    if flows.ends != "fixed":
        return {"periodic": periodic, "open": open_ends}[flows.ends]
    rho, u, temperature, _ = flow_state(flows.f[..., [0, -1]], flows.grid)
    outside = torch.stack(discrete_maxwellian(rho, u, temperature, flows.grid), dim=1)
    shape = (*outside.shape[:-1], GHOSTS)
    stays = outside[..., :1].expand(shape), outside[..., 1:].expand(shape)
    return lambda _: stays


def entropy(f: Tensor, grid: Velocities) -> Tensor:
    """Return H = sum over v of g log(g^2 / h) dv (B, N), which collisions never raise; f (B, 2, V, N) > 0."""
    g, h = f.unbind(1)
    return (g * (2 * g.log() - h.log())).sum(dim=1) * grid.dv[:, None]
