"""The labeler: a harmonic well."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from eltanin.protocols import System
from eltanin_walkers.hamiltonian import Hamiltonian
from eltanin_walkers.harmonic.gaussian import square_radius
from eltanin_walkers.walkers import Walkers


@dataclass(frozen=True)
class HarmonicWell(Hamiltonian):
    """Gives the potential energy V = m w^2 r^2 / 2 of walkers; the ground state has E = N d w / 2.

    frequency: w, hartree (hbar = 1).
    """

    domain: ClassVar[str] = "walkers"

    system: System
    frequency: float = 1.0

    def __post_init__(self) -> None:
        """Refuse a well that holds nothing."""
        if not self.frequency > 0:
            raise ValueError(
                f"labeler.frequency={self.frequency}: such a well binds no particle; give a number above 0"
            )

    def check(self, x: Walkers) -> None:
        """Refuse walkers of another system."""
        wanted = (self.system.number, self.system.dimensions)
        if x.positions.shape[1:] != wanted:
            raise ValueError(
                f"walkers of shape {x.positions.shape[1:]} (particles, dimensions), but the system has "
                f"{wanted}: set system.number and system.dimensions to what the walkers have"
            )

    def potential(self, positions: np.ndarray) -> np.ndarray:
        """Return the potential energy of each walker, hartree."""
        self.check(Walkers(positions))
        return 0.5 * self.system.mass * self.frequency**2 * square_radius(positions)

    def exact_energy(self) -> float:
        """Return the energy of the ground state of bosons, hartree."""
        return 0.5 * self.system.coordinates * self.frequency
