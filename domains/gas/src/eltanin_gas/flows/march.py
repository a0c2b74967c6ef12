"""The march in time: transport explicit, collisions implicit and exact, invariants looked at in every step.

The scheme is ARS(2,2,2) of Ascher, Ruuth and Spiteri (1997), of second order and asymptotic preserving. Its
implicit stage U1 = U* + λ (E(U1) - U1), λ = γ Δt/τ, has the solution (U* + λ E(U*)) / (1 + λ), for collisions
conserve what E depends on: for τ → 0 it is the scheme for the Euler equations.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from eltanin_gas.flows.scheme import speeds_around, transport
from eltanin_gas.flows.system import MomentSystem, RelaxationTime, thermodynamic

IMPLICIT = 1 - 0.5**0.5
EXPLICIT = 1 - 1 / (2 * IMPLICIT)


@dataclass(frozen=True)
class Flow:
    """n flows on equal numbers of cells.

    moments: (n, cells, moments) at the start.  spacing: (n,) width of a cell.  boundary: (n,) of `Boundary`.
    beyond: (n, 2, moments), the gas beyond boundaries that are FIXED.
    """

    moments: Tensor
    spacing: Tensor
    boundary: Tensor
    beyond: Tensor

    @classmethod
    def of(cls, moments: Tensor, length: Tensor, boundary: Tensor) -> Flow:
        """Return flows on stretches of this length (n,); beyond a FIXED end lies what the end began with."""
        return cls(moments, length / moments.shape[1], boundary, moments[:, [0, -1]])


class Record(NamedTuple):
    """What was seen in the steps that were taken.

    steps: how many.  drift: (n,) largest change of total mass, momentum or energy over the total of their
    magnitudes (of closed stretches; open ones exchange them).  margins: name to (n,), the least ever seen.
    failed: (n,) time at which the state ceased to be a gas, and from when on it stands still; NaN if never.
    """

    steps: int
    drift: Tensor
    margins: dict[str, Tensor]
    failed: Tensor


def march(
    system: MomentSystem,
    flow: Flow,
    relaxation_time: RelaxationTime,
    duration: Tensor,
    courant: float = 0.45,
    inspect: int = 1,
) -> tuple[Tensor, Record]:
    """Return the moments (n, cells, moments) after a duration (n,) each, and what was seen on the way.

    courant: part of the longest step.  inspect: margins, which may cost more than a step, are looked at every so often.
    """
    u, time = flow.moments, torch.zeros_like(duration)
    failed = torch.full_like(duration, torch.nan)
    total = system.conserved(u).sum(1)
    scale = system.conserved(u).abs().sum(1)
    drift, least, steps = torch.zeros_like(duration), _least(system, u), 0
    while bool((going := (time < duration) & failed.isnan()).any()):
        speeds = speeds_around(system, u, flow.boundary, flow.beyond)
        longest = courant * longest_step(system, u, flow, relaxation_time, speeds)
        dt = torch.where(going, torch.minimum(longest, duration - time), 0)
        new = step(system, flow, u, dt, relaxation_time, speeds)
        wrong = going & ~sound(system, new)
        failed = torch.where(wrong, time, failed)
        u = torch.where(wrong[:, None, None], u, new)
        time = torch.where(going & (duration - time <= dt), duration, time + dt)
        drift = torch.maximum(drift, ((system.conserved(u).sum(1) - total) / scale).abs().amax(-1))
        steps += 1
        if steps % inspect == 0:
            least = {name: torch.minimum(least[name], now) for name, now in _least(system, u).items()}
    return u, Record(steps, drift, least, failed)


def step(
    system: MomentSystem,
    flow: Flow,
    u: Tensor,
    dt: Tensor,
    relaxation_time: RelaxationTime,
    speeds: tuple[Tensor, Tensor],
) -> Tensor:
    """Return the moments after one step of dt (n,); speeds of u, by `speeds_around`."""
    now = dt[:, None, None]

    def tau(v: Tensor) -> Tensor:
        rho, _, temperature = thermodynamic(system.conserved(v))
        return relaxation_time(rho, temperature)

    def rate(v: Tensor, known: tuple[Tensor, Tensor] | None = None) -> Tensor:
        return transport(system, v, tau(v), flow.spacing, flow.boundary, flow.beyond, known)

    def relaxed(v: Tensor) -> Tensor:
        lam = IMPLICIT * now / tau(v)[..., None]
        return (v + lam * system.equilibrium(v)) / (1 + lam)

    first = rate(u, speeds)
    middle = relaxed(u + IMPLICIT * now * first)
    collided = (system.equilibrium(middle) - middle) / tau(middle)[..., None]
    last = EXPLICIT * first + (1 - EXPLICIT) * rate(middle) + (1 - IMPLICIT) * collided
    return system.held(relaxed(u + now * last))


def longest_step(
    system: MomentSystem, u: Tensor, flow: Flow, relaxation_time: RelaxationTime, speeds: tuple[Tensor, Tensor]
) -> Tensor:
    """Return the time (n,) in which nothing crosses a cell, nor diffuses across it; speeds by `speeds_around`."""
    slow, fast = (speed[:, 1:-1] for speed in speeds)
    speed = torch.maximum(slow.abs(), fast.abs()).amax(1)
    rho, _, temperature = thermodynamic(system.conserved(u))
    spread = 2 * system.diffusivity(u, relaxation_time(rho, temperature)).amax(1)
    return flow.spacing / (speed + spread / flow.spacing)


def sound(system: MomentSystem, u: Tensor) -> Tensor:
    """Return which flows (n,) are finite everywhere, with positive density and temperature."""
    rho, _, temperature = thermodynamic(system.conserved(u))
    return u.isfinite().all(-1).all(-1) & (rho > 0).all(-1) & (temperature > 0).all(-1)


def _least(system: MomentSystem, u: Tensor) -> dict[str, Tensor]:
    return {name: margin.amin(1) for name, margin in system.margins(u).items()}
