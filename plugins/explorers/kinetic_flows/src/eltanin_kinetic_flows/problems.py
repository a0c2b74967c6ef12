"""From families to problems: cells, Knudsen numbers, ends, and how long."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from eltanin.batch import Ragged
from eltanin.protocols import Rng
from eltanin_gas.monatomic import equilibrium_moments
from eltanin_gas.problems import Boundary, Problems
from eltanin_kinetic_flows import families

FAMILIES = ("wave", "riemann", "mixture", "transition", "shock")
AHEAD = 0.6  # part of a shock's stretch that lies upstream
WIDTHS = (1.0, 3.0)  # of the step that a shock begins as


class Ranges(NamedTuple):
    """Of Knudsen numbers, log-uniform, and of Mach numbers, uniform."""

    lowest_knudsen: float
    highest_knudsen: float
    lowest_mach: float
    highest_mach: float


@dataclass(frozen=True)
class Draw:
    """What problems are drawn: cells and duration of flows over a unit length, ranges, and the same of shocks."""

    cells: int
    duration: float
    ranges: Ranges
    shock_cells: int
    shock_length: float
    shock_duration: float


class Begun(NamedTuple):
    """One problem: ρ, u, T and Kn of its cells, length, duration, ends and Mach number (NaN of no shock)."""

    state: families.Maxwellians
    knudsen: np.ndarray
    length: float
    duration: float
    boundary: Boundary
    mach: float


def draw(family: np.ndarray, how: Draw, rng: Rng) -> Problems:
    """Return a problem of each of these families (n,), and as evidence what it is."""
    begun = [_begin(str(name), how, rng) for name in family]
    fields = Ragged.of([equilibrium_moments(*one.state) for one in begun])
    knudsen = Ragged.of([one.knudsen for one in begun])
    return Problems(
        fields=fields,
        knudsen=knudsen,
        length=np.array([one.length for one in begun]),
        duration=np.array([one.duration for one in begun]),
        boundary=np.array([int(one.boundary) for one in begun]),
        evidence={
            "region": family.astype(np.str_),
            "knudsen": np.array([float(np.exp(np.log(one.knudsen).mean())) for one in begun]),
            "mach": np.array([one.mach for one in begun]),
        },
    )


def _begin(name: str, how: Draw, rng: Rng) -> Begun:
    ranges = how.ranges
    if name == "shock":
        return _shock(how, rng)
    x = (np.arange(how.cells) + 0.5) / how.cells
    knudsen = np.full(how.cells, np.exp(rng.uniform(np.log(ranges.lowest_knudsen), np.log(ranges.highest_knudsen))))
    if name == "transition":
        knudsen = families.transition(x, ranges.lowest_knudsen, ranges.highest_knudsen, rng)
    state = {"wave": families.wave, "riemann": families.riemann}.get(name, families.mixture)(x, rng)
    boundary = Boundary.OPEN if name == "riemann" else Boundary.PERIODIC
    return Begun(state, knudsen, 1.0, how.duration, boundary, np.nan)


def _shock(how: Draw, rng: Rng) -> Begun:
    x = ((np.arange(how.shock_cells) + 0.5) / how.shock_cells - AHEAD) * how.shock_length
    mach = float(rng.uniform(how.ranges.lowest_mach, how.ranges.highest_mach))
    state = families.shock(x, mach, float(rng.uniform(*WIDTHS)))
    return Begun(state, np.ones(how.shock_cells), how.shock_length, how.shock_duration, Boundary.FIXED, mach)
