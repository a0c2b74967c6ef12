"""Liquid ⁴He: atoms that attract and repel each other by a Lennard-Jones potential."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from eltanin.protocols import System
from eltanin_walkers.hamiltonian import Hamiltonian
from eltanin_walkers.systems.periodic_box import PeriodicBox
from eltanin_walkers.walkers import Walkers

TOGETHER = 2_000_000  # pairs that are looked at at once


def lennard_jones(square: np.ndarray, epsilon: float, sigma: float) -> np.ndarray:
    """Return 4ε ((σ/r)¹² - (σ/r)⁶) of squares r²."""
    sixth = (sigma**2 / square) ** 3
    return 4 * epsilon * (sixth**2 - sixth)


def tail(cutoff: float, density: float, epsilon: float, sigma: float) -> float:
    """Return what pairs beyond a cutoff add for each particle, as if these were everywhere alike (g = 1).

    2πρ ∫ v r² dr = (8/3) πρεσ³ ((σ/r_c)⁹/3 - (σ/r_c)³), from r_c to infinity.
    """
    ratio = (sigma / cutoff) ** 3
    return 8 / 3 * np.pi * density * epsilon * sigma**3 * (ratio**3 / 3 - ratio)


@dataclass(frozen=True)
class Helium4(Hamiltonian):
    """Gives the potential energy of helium atoms, in kelvin: pairs up to half of the box, and the tail beyond.

    The parameters are those of de Boer and Michiels (Physica 5, 945 (1938)), which McMillan took
    (Phys. Rev. 138, A442 (1965)).

    epsilon: depth of the well, K.
    sigma: distance where the potential is zero, in the box's unit of length (Å).
    """

    domain: ClassVar[str] = "walkers"
    energy_unit: ClassVar[str] = "K"
    per_particle: ClassVar[bool] = True

    system: System
    epsilon: float = 10.22
    sigma: float = 2.556

    def __post_init__(self) -> None:
        """Refuse what is in no box, and atoms without size."""
        if not isinstance(self.system, PeriodicBox):
            raise ValueError("labeler=helium4 acts between atoms in a periodic box: choose system=periodic_box")
        for name in ("epsilon", "sigma"):
            if not getattr(self, name) > 0:
                raise ValueError(f"labeler.{name}={getattr(self, name)}: give a number above 0")

    def check(self, x: Walkers) -> None:
        """Refuse walkers of another box."""
        if x.positions.shape[1:] != (self.system.number, 3):
            raise ValueError(
                f"walkers of shape {x.positions.shape[1:]}, but the box holds {self.system.number} atoms in 3"
                " dimensions: set system.number to what the walkers have"
            )

    def potential(self, positions: np.ndarray) -> np.ndarray:
        """Return the potential energy of all atoms (n,), K."""
        self.check(Walkers(positions))
        n, number, _ = positions.shape
        pieces = -(-n * number * (number - 1) // 2 // TOGETHER)
        beyond = number * tail(self.system.edge / 2, self.system.density, self.epsilon, self.sigma)
        return np.concatenate([self._pairs(some) for some in np.array_split(positions, pieces)]) + beyond

    def _pairs(self, positions: np.ndarray) -> np.ndarray:
        first, second = np.triu_indices(self.system.number, 1)
        between = self.system.nearest(positions[:, first] - positions[:, second])
        square = (between**2).sum(-1)
        near = square < (self.system.edge / 2) ** 2
        return np.where(near, lennard_jones(square, self.epsilon, self.sigma), 0.0).sum(1)
