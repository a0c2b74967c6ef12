"""Problems in the unit cube with zero at its walls: a source, and a free particle."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from eltanin.protocols import System
from eltanin_walkers.hamiltonian import Hamiltonian
from eltanin_walkers.systems.cube import Cube


def refuse_others(system: Any, name: str) -> None:
    """Refuse what has no walls."""
    if not isinstance(system, Cube):
        raise ValueError(f"labeler={name} is a problem in a cube with walls: choose system=cube")


@dataclass(frozen=True)
class Poisson(Hamiltonian):
    """Gives the source f of -Δu = f, as `potential`, whose solution is u = Π sin(kπ x).

    Of all functions that are zero at the walls, it has the least ∫ ½|∇u|² - fu.

    waves: k, half waves in each direction.
    """

    domain: ClassVar[str] = "walkers"
    energy_unit: ClassVar[str] = "1"

    system: System
    waves: int = 1

    def __post_init__(self) -> None:
        """Refuse what has no walls, and a solution that is zero."""
        refuse_others(self.system, "poisson")
        if self.waves < 1:
            raise ValueError(f"labeler.waves={self.waves}: the solution would be zero; give 1 or more")

    def solution(self, positions: np.ndarray) -> np.ndarray:
        """Return u (n,) at points (n, 1, d)."""
        return np.sin(self.waves * np.pi * positions).prod(axis=(1, 2))

    def potential(self, positions: np.ndarray) -> np.ndarray:
        """Return f = d (kπ)² u (n,)."""
        return self.system.dimensions * (self.waves * np.pi) ** 2 * self.solution(positions)

    def exact_energy(self) -> float:
        """Return the least ∫ ½|∇u|² - fu = -½ ∫ fu = -d (kπ)² / 2^(d+1)."""
        return -self.system.dimensions * (self.waves * np.pi) ** 2 / 2 ** (self.system.dimensions + 1)


@dataclass(frozen=True)
class FreeParticle(Hamiltonian):
    """No potential: H = -½Δ between walls, whose lowest eigenvalue is d π²/2, hartree and bohr."""

    domain: ClassVar[str] = "walkers"

    system: System

    def __post_init__(self) -> None:
        """Refuse what has no walls."""
        refuse_others(self.system, "free_particle")

    def potential(self, positions: np.ndarray) -> np.ndarray:
        """Return 0 (n,)."""
        return np.zeros(len(positions))

    def exact_energy(self) -> float:
        """Return d π²/2."""
        return self.system.dimensions * np.pi**2 / 2
