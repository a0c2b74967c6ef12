"""What a user may say of an exploration, beside numbers: regions, guards, ensembles, drivers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import Enum
from itertools import product
from math import inf, isfinite, nan
from typing import NamedTuple


class Ensemble(Enum):
    """What the dynamics holds fixed, beside the number of atoms."""

    nve = "nve"
    nvt = "nvt"
    npt = "npt"


class Driver(Enum):
    """Which member of the committee the atoms follow."""

    first = "first"
    rotating = "rotating"


@dataclass
class Region:
    """A grid of state points.

    temperatures: K.  pressures: GPa; none at fixed volume.  melt: K, of the first round of each
    trajectory, for liquids that begin as crystals (which bear to be overheated); 0 for none.
    """

    temperatures: list[float] = field(default_factory=list)
    pressures: list[float] = field(default_factory=list)
    melt: float = 0.0


@dataclass
class Guards:
    """Where a trajectory is stopped, since no condensed matter is beyond.

    temperature: kinetic temperature, in units of the one asked for (while melting or later, the
    higher one).  force: of one atom, eV/Å.
    distance: between two atoms, in units of the sum of their covalent radii.
    smallest_volume, largest_volume: in units of the volume the trajectory began with.
    """

    temperature: float = 5.0
    force: float = 50.0
    distance: float = 0.5
    smallest_volume: float = 0.5
    largest_volume: float = 2.0


class StatePoint(NamedTuple):
    """Where in the phase diagram a trajectory walks; pressure is NaN at fixed volume.

    first_temperature: of its first round.
    """

    region: str
    temperature: float
    pressure: float
    first_temperature: float


def state_points(regions: Mapping[str, Region]) -> list[StatePoint]:
    """Return the grids of all regions, one behind the other."""
    return [
        StatePoint(name, temperature, pressure, region.melt or temperature)
        for name, region in regions.items()
        for temperature, pressure in product(region.temperatures, region.pressures or [nan])
    ]


def check_regions(regions: Mapping[str, Region], ensemble: Ensemble) -> None:
    """Refuse regions without a state point, and those that do not fit the ensemble."""
    if not regions:
        raise ValueError(
            "explorer.regions is empty, so there is nowhere to go: name at least one, "
            "explorer.regions='{solid: {temperatures: [300, 600], pressures: [0, 10]}}' (K, GPa)"
        )
    for name, region in regions.items():
        at = f"explorer.regions.{name}"
        if not region.temperatures or not all(0 < t < inf for t in region.temperatures):
            raise ValueError(f"{at}.temperatures={region.temperatures}: give K, above 0")
        if not 0 <= region.melt < inf:
            raise ValueError(f"{at}.melt={region.melt}: give K, or 0 to begin at the temperatures")
        if not all(map(isfinite, region.pressures)):
            raise ValueError(f"{at}.pressures={region.pressures}: give finite pressures in GPa")
        if bool(region.pressures) != (ensemble is Ensemble.npt):
            raise ValueError(
                f"{at}.pressures={region.pressures} with explorer.ensemble={ensemble.value}: npt "
                "needs pressures in GPa, nvt and nve keep the volume and take none"
            )


def check_guards(guards: Guards) -> None:
    """Refuse guards that would let everything or nothing pass."""
    for one in fields(guards):
        if not (value := getattr(guards, one.name)) > 0:
            raise ValueError(f"explorer.guards.{one.name}={value}: give a number above 0")
    if guards.temperature <= 1:
        raise ValueError(
            f"explorer.guards.temperature={guards.temperature} would stop every trajectory: "
            "it is a multiple of the temperature asked for, give more than 1"
        )
    if not guards.smallest_volume < 1 < guards.largest_volume:
        raise ValueError(
            f"explorer.guards.smallest_volume={guards.smallest_volume} and largest_volume="
            f"{guards.largest_volume} are multiples of the first volume: give less and more than 1"
        )
