"""What is learned from: how the moments of labelled distributions change from each cell to the next.

A face between two cells of one instant has a mean state and a jump. Along the jump, d m_{N+1} and d k_{N+1} are
labelled, so that what the closure says of them (`eltanin_gas.flows.many_moments.closing_changes`) has an error. It is
of the same functions that the scheme evaluates.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from eltanin.batch import Properties
from eltanin_gas.distributions import NODES, SPACING
from eltanin_gas.flows.hermite import hermite_moments
from eltanin_gas.flows.many_moments import conserved, scales, standardised
from eltanin_gas.flows.system import thermodynamic
from eltanin_gas.monatomic import state_of
from eltanin_gas.problems import Boundary, Problems

LEAST = 1e-3  # of the flow's own changes: a face that changes less counts no more


class Faces(NamedTuple):
    """n faces.

    standardised: (n, 2, N + 1) mean moments, in their own frame.  jump: (n, 2, N + 2) changes in that frame, of which
    the last is asked for, over the root of the face's whole change times the flow's.  owner: (n,) their problem.
    """

    standardised: Tensor
    jump: Tensor
    owner: Tensor


def faces_of(x: Problems, labels: Properties, order: int) -> Faces:
    """Return the faces of all labelled instants but the first, of which all is known."""
    moments, told = labels.values["moments"], labels.values["distribution"]
    found: list[Faces] = []
    for i, cells in enumerate(x.cells):
        six = np.asarray(moments[np.array([i])].values, dtype=float).reshape(-1, cells, 6)[1:]
        f = np.asarray(told[np.array([i])].values, dtype=float).reshape(-1, cells, 2, len(NODES))[1:]
        if len(six):
            raw = chains_of(torch.as_tensor(six), torch.as_tensor(f), order + 1)
            found.append(between(raw, bool(x.boundary[i] == Boundary.PERIODIC), i))
    if not found:
        raise ValueError("no label has a later instant: there is nothing to learn; give problems a duration above 0")
    return Faces(*(torch.cat(parts) for parts in zip(*found, strict=True)))


def chains_of(six: Tensor, distribution: Tensor, order: int) -> Tensor:
    """Return raw moments (..., 2, order + 1) of g and h (..., 2, V), on nodes in the frame of six moments (..., 6)."""
    rho, u, temperature, *_ = state_of(six)
    c = torch.as_tensor(NODES)
    v = u[..., None] + temperature.sqrt()[..., None] * c
    powers = torch.stack([v**j for j in range(order + 1)], dim=-1)
    weight = SPACING * torch.stack([rho, rho * temperature], dim=-1)
    return weight[..., None] * (distribution @ powers)


def between(raw: Tensor, periodic: bool, owner: int) -> Faces:
    """Return the faces between neighbours of raw moments (instants, cells, 2, N + 2) of one flow."""
    neighbour = torch.roll(raw, -1, dims=1)
    raw, neighbour = (raw, neighbour) if periodic else (raw[:, :-1], neighbour[:, :-1])
    middle = (raw + neighbour) / 2
    rho, u, temperature = thermodynamic(conserved(middle))
    jump = hermite_moments(neighbour - raw, u[..., None], temperature[..., None])
    jump = jump / scales(rho, temperature, jump.shape[-1])
    size = jump[..., :-1].square().sum((-1, -2))
    whole = size.mean().clamp(min=1e-30)
    jump = jump / ((size + LEAST**2 * whole) * whole)[..., None, None] ** 0.25
    states = standardised(middle[..., :-1])
    n = states.shape[-1]
    return Faces(states.reshape(-1, 2, n), jump.reshape(-1, 2, n + 1), torch.full((states[..., 0, 0].numel(),), owner))
