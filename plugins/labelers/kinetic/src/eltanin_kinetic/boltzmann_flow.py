"""Flows of Boltzmann's equation in time: d_t f + v d_x f = Q(f) / Kn.

Where Kn is small collisions are far faster than the flow. They are penalised by what is easy to solve (Filbet and Jin
2010): with beta (M - f) of a BGK operator,

    d_t f = E(f) + beta (M - f),    E = -v d_x f + Q / Kn - beta (M - f),

E is explicit and the rest implicit, by the second-order backward formula SBDF2 of Ascher, Ruuth and Wetton (1995),

    (3 f2 - 4 f1 + f0) / (2 dt) = 2 E1 - E0 + beta2 (M2 - f2),

which asks for one Q a step. M2 depends on conserved moments, which are known before f2 is. Where collisions
are infinitely fast, a mode that Q damps at a rate r beta goes on with the roots of x^2 - 2 e x + e = 0, e = 1 - r: it
decays for 0 < r < 4/3. beta = 4 pi C rho (3 R / 4)^gamma / Kn bounds every loss in this way, so dt is limited by
transport alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil
from typing import NamedTuple

import torch
from torch import Tensor

from eltanin_kinetic.fast_spectral import Collisions
from eltanin_kinetic.relaxation import flow_state
from eltanin_kinetic.transport import GHOSTS, Ends, muscl, open_ends, padded, periodic
from eltanin_kinetic.velocity_cube import Cube, maxwellian, reduced


@dataclass(frozen=True)
class BoltzmannFlow:
    """A flow of X cells.

    f: (X, N, N, N).  knudsen: (X,).  dx: width of a cell.  ends: ``periodic``, ``open`` or ``fixed``.
    """

    f: Tensor
    cube: Cube
    collisions: Collisions
    knudsen: Tensor
    dx: float
    ends: str


class Stage(NamedTuple):
    """A distribution f (X, N, N, N) and its explicit rate E."""

    f: Tensor
    rate: Tensor


def steps_of(duration: float, dx: float, fastest: float, courant: float) -> int:
    """Return how many steps a duration takes."""
    return max(1, ceil(duration * fastest / (courant * dx) - 1e-9))


def evolve(flow: BoltzmannFlow, duration: float, instants: int, courant: float) -> Iterator[Tensor]:
    """Yield f (X, N, N, N) at equally spaced instants, the last at the end of the duration."""
    steps = steps_of(duration / instants, flow.dx, float(flow.cube.along.fastest), courant)
    dt, ends = duration / instants / steps, _ends(flow)
    before, now = None, Stage(flow.f, _rate(flow, flow.f, ends))
    for step in range(1, steps * instants + 1):
        if before is None:
            new = _relaxed(flow, now.f + dt * now.rate, dt)
        else:
            known = (4 * now.f - before.f) / 3 + (2 * dt / 3) * (2 * now.rate - before.rate)
            new = _relaxed(flow, known, 2 * dt / 3)
        if step % steps == 0:
            yield new
        if step < steps * instants:
            before, now = now, Stage(new, _rate(flow, new, ends))


def _rate(flow: BoltzmannFlow, f: Tensor, ends: Ends) -> Tensor:
    """Return E (X, N, N, N) of f."""
    equilibrium, frequency = _penalty(flow, f)
    collided = flow.collisions(f, equilibrium) / flow.knudsen[:, None, None, None]
    return collided.sub_(frequency * (equilibrium - f)).add_(_streaming(flow, f, ends))


def _relaxed(flow: BoltzmannFlow, f: Tensor, dt: float) -> Tensor:
    """Return f_new = f + dt beta (M - f_new)."""
    equilibrium, frequency = _penalty(flow, f)
    return torch.lerp(f, equilibrium, dt * frequency / (1 + dt * frequency))


def _penalty(flow: BoltzmannFlow, f: Tensor) -> tuple[Tensor, Tensor]:
    """Return M (X, N, N, N) and beta (X, 1, 1, 1)."""
    rho, u, temperature, _ = (field[0] for field in flow_state(reduced(f, flow.cube), flow.cube.along))
    frequency = flow.collisions.frequency * rho / flow.knudsen
    return maxwellian(rho, u, temperature, flow.cube), frequency[:, None, None, None]


def _streaming(flow: BoltzmannFlow, f: Tensor, ends: Ends) -> Tensor:
    """Return -v d_x f by MUSCL."""
    difference = muscl(padded(_cells_last(f), ends), flow.cube.along.negative)
    return (difference * (flow.cube.along.v / flow.dx)[0, :, None])[0].permute(2, 1, 0).reshape(f.shape)


def _cells_last(f: Tensor) -> Tensor:
    """Return (1, N^2, N, X) of f (X, N, N, N): velocities along the flow next to the last."""
    return f.flatten(2).permute(2, 1, 0).contiguous()[None]


def _ends(flow: BoltzmannFlow) -> Ends:
    if flow.ends != "fixed":
        return {"periodic": periodic, "open": open_ends}[flow.ends]
    outermost = reduced(flow.f[[0, -1]], flow.cube)
    rho, u, temperature, _ = (field[0] for field in flow_state(outermost, flow.cube.along))
    outside = _cells_last(maxwellian(rho, u, temperature, flow.cube))
    shape = (*outside.shape[:-1], GHOSTS)
    stays = outside[..., :1].expand(shape), outside[..., 1:].expand(shape)
    return lambda _: stays
