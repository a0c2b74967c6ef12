"""The scheme: streaming, collisions and, in the frame of each cell, the distribution of least entropy.

A step of Δt, from (g, h) on a fixed grid of velocities:

1. collisions for Δt/2, exactly: f ← M + (f - M) e^(-Δt/2τ), M the discrete Maxwellian of the same sums;
2. streaming for Δt (`transport.py`);
3. collisions for Δt/2;
4. u_j, T_j and the moments W of the features φ((v - u_j)/T_j^(1/2)) are taken in each cell;
5. f ← the distribution of least entropy that has them (`projection.py`).

Whatever the features are (the first three being those of mass, momentum and energy):

* conservation: 1 and 3 keep the three sums of each cell, 5 keeps W, and what leaves a cell in 2 enters its neighbour;
* positivity: 1 to 3 are averages with positive weights, 5 is an exponential over a positive β;
* entropy: 1 and 3 are averages with M, which has least entropy of its sums; 2 is an average of neighbours, or limited
  to the bound that this gives; 5 takes the least of all with the same W. So H never rises, but by what enters at ends.

Steps are bounded by the fastest velocity alone, whatever τ: for τ → 0 this is a kinetic scheme for Euler's equations.
For τ < Δt it has a viscosity of its own, (Δt/2) coth(Δt/2τ) p instead of τ p.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from eltanin.protocols import Failure
from eltanin_gas.flows.system import RelaxationTime
from eltanin_learned_moments.family import Features, invariants, moments, with_invariants
from eltanin_learned_moments.features import FeatureMap
from eltanin_learned_moments.gas import Frame, Grid, frame
from eltanin_learned_moments.projection import Projection, entropic_projection
from eltanin_learned_moments.transport import densities, extended, largest_entropy, limited


@dataclass(frozen=True)
class KineticFlow:
    """n flows on equal numbers of cells and of velocities.

    f: (n, cells, 2, V) of g and h.  grid: their velocities.  spacing: (n,) width of a cell.  boundary: (n,) of
    `Boundary`.  beyond: (n, 2, 2, V), the Maxwellians beyond boundaries that are FIXED.
    """

    f: Tensor
    grid: Grid
    spacing: Tensor
    boundary: Tensor
    beyond: Tensor

    @classmethod
    def of(cls, f: Tensor, grid: Grid, length: Tensor, boundary: Tensor) -> KineticFlow:
        """Return flows on stretches of this length (n,); beyond FIXED ends stay Maxwellians of what they began with."""
        ends, _ = maxwellians(f[:, [0, -1]], grid)
        return cls(f, grid, length / f.shape[1], boundary, ends)


class Record(NamedTuple):
    """What was seen in the steps that were taken, of each flow (n,).

    steps: the most that any flow took.  drift: largest change of total mass, momentum or energy over the total of
    their magnitudes (of closed stretches; open ones exchange them).  rise: largest rise of the entropy in a step, less
    what entered at the ends, over the sum of magnitudes; negative if it always fell.  least: least g or h ever.
    second_order: least part of the second order that was kept.  newton: mean steps of Newton's method, of the slowest
    cell.  failed: why flows were given up, by row; their f is NaN.
    """

    steps: int
    drift: Tensor
    rise: Tensor
    least: Tensor
    second_order: Tensor
    newton: float
    failed: Mapping[int, Failure]


class _Now(NamedTuple):
    """f (n, cells, 2, V), its Maxwellians, multipliers to begin with, and the flows (n,) whose Newton did not end."""

    f: Tensor
    maxwellian: Tensor
    alpha: Tensor
    unconverged: Tensor
    newton: int


def maxwellians(f: Tensor, grid: Grid) -> tuple[Tensor, Tensor]:
    """Return the discrete Maxwellians of the sums of f (n, cells, 2, V), and which flows have none (n,)."""
    at = frame(f, grid)
    c, weight = _reduced_grid(at, grid)
    found = _projected(f, at, weight, invariants(c), None)
    return _expanded(found, at, f.shape), found.unconverged.reshape(f.shape[:2]).any(-1)


def projected(f: Tensor, grid: Grid, features: FeatureMap, alpha: Tensor | None = None) -> tuple[Tensor, Projection]:
    """Return f (n, cells, 2, V) of least entropy with the moments that f has in the frame of each cell.

    alpha: multipliers (n cells, features) to begin with.
    """
    at = frame(f, grid)
    c, weight = _reduced_grid(at, grid)
    found = _projected(f, at, weight, with_invariants(c, features(c)), alpha)
    return _expanded(found, at, f.shape), found


def march(
    features: FeatureMap,
    flow: KineticFlow,
    relaxation_time: RelaxationTime,
    duration: Tensor,
    courant: float = 0.9,
) -> tuple[Tensor, Record]:
    """Return f (n, cells, 2, V) after a duration (n,) each, and what was seen on the way.

    courant: part of the longest step, Δx / max |v|.
    """
    grid = flow.grid
    longest = courant * flow.spacing / grid.v.abs().amax(1)
    steps = torch.ceil(duration / longest - 1e-9).clamp(min=1)
    now = _begun(flow, features)
    at_once = Failure("unconverged", "no multipliers of least entropy were found of the first moments")
    failed = {int(row): at_once for row in torch.nonzero(now.unconverged).flatten()}
    begun, scale = _totals(now.f, flow)
    drift = torch.zeros_like(longest)
    rise, least, kept = (torch.full_like(drift, x) for x in (-torch.inf, torch.inf, 1.0))
    newton = 0
    for i in range(int(steps.max())):
        going = (i < steps) & ~now.unconverged
        dt = torch.where(going, duration / steps, 0.0)
        new, risen, theta = _stepped(flow, now, features, relaxation_time, dt)
        newton += new.newton
        for row in torch.nonzero(new.unconverged & going).flatten().tolist():
            failed[row] = Failure("unconverged", f"no multipliers of least entropy were found in step {i + 1}")
        now = _kept(now, new)
        total, _ = _totals(now.f, flow)
        drift = torch.maximum(drift, ((total - begun).abs() / scale).amax(-1))
        rise = torch.where(going, torch.maximum(rise, risen), rise)
        least, kept = torch.minimum(least, now.f.amin((1, 2, 3))), torch.minimum(kept, theta)
    f = torch.where(now.unconverged[:, None, None, None], torch.nan, now.f)
    return f, Record(int(steps.max()), drift, rise, least, kept, newton / int(steps.max()), failed)


def _begun(flow: KineticFlow, features: FeatureMap) -> _Now:
    f, found = projected(flow.f, flow.grid, features)
    maxwellian, lost = maxwellians(f, flow.grid)
    return _Now(f, maxwellian, found.alpha, lost | _of_flows(found.unconverged, f), found.steps)


def _kept(now: _Now, new: _Now) -> _Now:
    """Return the new state, but the old one of flows that have failed: they stand still."""
    failed = now.unconverged | new.unconverged
    rows = failed[:, None, None, None]
    f, maxwellian = (torch.where(rows, a, b) for a, b in ((now.f, new.f), (now.maxwellian, new.maxwellian)))
    cells = failed.repeat_interleave(now.f.shape[1])[:, None]
    return _Now(f, maxwellian, torch.where(cells, now.alpha, new.alpha), failed, new.newton)


def _stepped(
    flow: KineticFlow, now: _Now, features: FeatureMap, relaxation_time: RelaxationTime, dt: Tensor
) -> tuple[_Now, Tensor, Tensor]:
    """Return the next state, by how much entropy rose, and the part of the second order."""
    grid = flow.grid
    shift = grid.v * (dt / flow.spacing)[:, None]
    before = densities(now.f)
    f = _collided(now.f, now.maxwellian, grid, relaxation_time, dt / 2)
    around = extended(f, flow.boundary, flow.beyond)
    entered = largest_entropy(around, shift) - densities(f).sum((1, 2))
    f, theta = limited(around, shift)
    maxwellian, lost = maxwellians(f, grid)
    f, found = projected(_collided(f, maxwellian, grid, relaxation_time, dt / 2), grid, features, now.alpha)
    risen = (densities(f).sum((1, 2)) - before.sum((1, 2)) - entered) / before.abs().sum((1, 2))
    return _Now(f, maxwellian, found.alpha, lost | _of_flows(found.unconverged, f), found.steps), risen, theta


def _collided(f: Tensor, maxwellian: Tensor, grid: Grid, relaxation_time: RelaxationTime, dt: Tensor) -> Tensor:
    at = frame(f, grid)
    weight = -torch.expm1(-dt[:, None] / relaxation_time(at.density, at.temperature))
    return torch.lerp(f, maxwellian, weight[:, :, None, None])


def _reduced_grid(at: Frame, grid: Grid) -> tuple[Tensor, Tensor]:
    """Return velocities (n cells, V) in the frame of each cell, and their distance (n cells,)."""
    thermal = at.temperature.sqrt()
    c = (grid.v[:, None] - at.velocity[..., None]) / thermal[..., None]
    return c.flatten(0, 1), (grid.dv[:, None] / thermal).flatten()


def _projected(f: Tensor, at: Frame, weight: Tensor, features: Features, alpha: Tensor | None) -> Projection:
    thermal = at.temperature.sqrt()
    scale = torch.stack([thermal / at.density, 1 / (at.density * thermal)], dim=-1)
    g, h = (f * scale[..., None]).flatten(0, 1).unbind(1)
    return entropic_projection(moments(g, h, features, weight), features, weight, alpha)


def _expanded(found: Projection, at: Frame, shape: torch.Size) -> Tensor:
    thermal = at.temperature.sqrt()
    scale = torch.stack([at.density / thermal, at.density * thermal], dim=-1)
    return torch.stack([found.g, found.h], dim=1).reshape(shape) * scale[..., None]


def _of_flows(cells: Tensor, f: Tensor) -> Tensor:
    return cells.reshape(f.shape[:2]).any(-1)


def _totals(f: Tensor, flow: KineticFlow) -> tuple[Tensor, Tensor]:
    """Return mass, momentum and energy (n, 3), and the totals of their magnitudes."""
    g, h = f.unbind(2)
    v = flow.grid.v[:, None]
    parts = torch.stack([g, v * g, v**2 * g / 2 + h], dim=-1)
    return parts.sum((1, 2)), parts.abs().sum((1, 2))
