"""A standing shock by a march in time, and how far it is from a reference.

In ξ with dξ = dx/τ the steady profile is the same for every τ; so the march takes τ = 1, and x is ξ.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from scipy.interpolate import CubicSpline
from torch import Tensor

from eltanin_gas.flows.march import Flow
from eltanin_gas.flows.system import MomentSystem
from eltanin_gas.monatomic import State, equilibrium_moments, rankine_hugoniot, state_of
from eltanin_gas.problems import Boundary

WITHIN = 20  # points between two, where a slope is looked for


class Profile(NamedTuple):
    """A shock on points ξ (N,), ξ = 0 where the density is the mean of both sides: ρ, u, T, σ, q, (N,) each."""

    xi: np.ndarray
    density: np.ndarray
    velocity: np.ndarray
    temperature: np.ndarray
    stress: np.ndarray
    heat_flux: np.ndarray


def centres(extent: tuple[float, float], cells: int) -> Tensor:
    """Return the centres (cells,) of equal cells of an extent."""
    low, high = extent
    return low + (high - low) * (torch.arange(cells, dtype=torch.float64) + 0.5) / cells


def beginning(system: MomentSystem, mach: float, extent: tuple[float, float], cells: int, width: float = 5.0) -> Flow:
    """Return the flow (1, cells) that begins as a mixture of the Maxwellians of both sides (Mott-Smith 1951)."""
    upstream, downstream = (
        equilibrium_moments(*torch.tensor(side, dtype=torch.float64)) for side in rankine_hugoniot(mach)
    )
    share = (1 + torch.tanh(centres(extent, cells) / width))[:, None] / 2
    moments = system.from_state(state_of((upstream + (downstream - upstream) * share)[None]))
    length = torch.tensor([extent[1] - extent[0]], dtype=torch.float64)
    flow = Flow.of(moments, length, torch.tensor([int(Boundary.FIXED)]))
    ends = torch.stack([upstream, downstream])[None]
    return Flow(flow.moments, flow.spacing, flow.boundary, system.from_state(state_of(ends)))


def profile(x: np.ndarray, state: State, mach: float) -> Profile:
    """Return the profile of a state (N,) at x (N,), moved so that ξ = 0 is its middle."""
    density = np.asarray(state.density)
    middle = (1 + rankine_hugoniot(mach).downstream[0]) / 2
    last = int(np.flatnonzero((density[:-1] < middle) & (density[1:] >= middle))[-1])
    part = (middle - density[last]) / (density[last + 1] - density[last])
    xi = x - (x[last] + part * (x[last + 1] - x[last]))
    fields = (state.density, state.velocity, state.temperature, state.stress, state.heat_flux)
    return Profile(xi, *(np.asarray(field) for field in fields))


def thickness(found: Profile, mach: float) -> float:
    """Return (ρ2 - ρ1) / max d_ξ ρ, ρ a cubic spline through the points.

    Differences of neighbours would make a shock thicker on fewer cells: by 0.8 % with 19 of them in its thickness.
    """
    fine = np.linspace(found.xi[0], found.xi[-1], WITHIN * len(found.xi))
    return (rankine_hugoniot(mach).downstream[0] - 1) / float(CubicSpline(found.xi, found.density)(fine, 1).max())


def relative_l1(found: Profile, reference: Profile, mach: float) -> dict[str, float]:
    """Return ∫ |found - reference| / ∫ |reference - step| of each field over the reference's points, equally spaced."""
    upstream, downstream = rankine_hugoniot(mach)
    sides = [*zip(upstream, downstream, strict=True), (0.0, 0.0), (0.0, 0.0)]
    errors: dict[str, float] = {}
    for name, (before, behind) in zip(Profile._fields[1:], sides, strict=True):
        known: np.ndarray = getattr(reference, name)
        here = np.interp(reference.xi, found.xi, getattr(found, name))
        step = np.where(reference.xi < 0, before, behind)
        errors[name] = float(np.abs(here - known).sum() / np.abs(known - step).sum())
    return errors
