"""A predictor as an ASE calculator that stops the dynamics where a guard does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from ase import Atoms, units
from ase.calculators.calculator import all_changes

from eltanin.protocols import Predictor
from eltanin_atoms.calculator import CommitteeCalculator
from eltanin_atoms.structures import Structures
from eltanin_molecular_dynamics.guards import (
    cell_fault,
    configuration_fault,
    prediction_fault,
    velocity_fault,
)
from eltanin_molecular_dynamics.settings import Guards


class Stopped(Exception):
    """A guard stopped a trajectory; the message is the guard's name."""


class Watched(CommitteeCalculator):
    """Energy, forces and stress by one predictor, with guards before and after it.

    volume: what the volume is compared with, Å^3.
    """

    def __init__(self, predictor: Predictor[Structures, Any], volume: float, guards: Guards) -> None:
        """Take one member of a committee."""
        super().__init__([predictor])
        self.guards = guards
        self.volumes = (guards.smallest_volume * volume, guards.largest_volume * volume)

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = tuple(all_changes),
    ) -> None:
        """Fill the results, or raise `Stopped`."""
        now: Any = self.atoms if atoms is None else atoms
        where = (now.positions, now.numbers, now.cell.array, now.pbc)
        _heed(configuration_fault(*where, volumes=self.volumes, distance=self.guards.distance))
        super().calculate(atoms, properties, system_changes)
        _heed(
            prediction_fault(
                energy=self.results["energy"],
                forces=self.results["forces"],
                stress=self.results.get("stress", np.zeros(6)),
                largest=self.guards.force,
            )
        )

    def check_cell(self, rate: float, timestep: float) -> None:
        """Raise `Stopped` if the next step would take the cell apart; rate: of the logarithm of V."""
        _heed(cell_fault(rate, timestep, self.guards.smallest_volume, self.guards.largest_volume))

    def check_velocities(self, atoms: Atoms, temperature: float) -> None:
        """Raise `Stopped` if the atoms are much hotter than a temperature, K."""
        hottest = self.guards.temperature * temperature
        _heed(velocity_fault(atoms.get_masses(), atoms.get_velocities() * units.fs, hottest))


def _heed(fault: str) -> None:
    if fault:
        raise Stopped(fault)
