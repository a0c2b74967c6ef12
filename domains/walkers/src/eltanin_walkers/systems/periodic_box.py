"""A fluid: particles in a cube whose walls are joined."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, TypeVar

import numpy as np
from torch import Tensor

from eltanin.protocols import Rng

Displacements = TypeVar("Displacements", np.ndarray, Tensor)
BASIS = np.array([[0, 0, 0], [0, 1, 1], [1, 0, 1], [1, 1, 0]]) / 2  # of a face-centred cubic cell
SHAKEN = 0.05  # displacements from the lattice at the beginning, in distances of neighbours


@dataclass(frozen=True)
class PeriodicBox:
    """Bosons in a periodic cube, where every one sees the nearest image of each other; they begin on a lattice.

    Walkers are not folded back into the box: only displacements, to the nearest image, have a meaning.

    number: of particles, 4 n³ for a face-centred cubic lattice; in a box of 4 none would see another within L/2.
    density: particles in a unit of volume; ⁴He in equilibrium has 0.0218 Å⁻³.
    hbar2_m: ħ²/m, energy times the square of a length; of ⁴He 12.1193 K Å² (CODATA 2018).
    """

    domain: ClassVar[str] = "walkers"
    revision: ClassVar[int] = 1
    dimensions: ClassVar[int] = 3
    number: int = 108
    density: float = 0.0218
    hbar2_m: float = 12.1193

    def __post_init__(self) -> None:
        """Refuse numbers that fill no lattice, and fluids of nothing."""
        if self.number < 32 or 4 * self._cells**3 != self.number:
            raise ValueError(
                f"system.number={self.number} fills no face-centred cubic lattice: give 4 n³, such as 32, 108 or 256"
            )
        for name in ("density", "hbar2_m"):
            if not getattr(self, name) > 0:
                raise ValueError(f"system.{name}={getattr(self, name)}: give a number above 0")

    @property
    def _cells(self) -> int:
        return round((self.number / 4) ** (1 / 3))

    @property
    def mass(self) -> float:
        """Mass of a particle in the unit where ħ = 1."""
        return 1 / self.hbar2_m

    @property
    def edge(self) -> float:
        """Length of the cube's edge L."""
        return (self.number / self.density) ** (1 / 3)

    def nearest(self, between: Displacements) -> Displacements:
        """Return displacements (..., 3) to the nearest images, of an array or a tensor."""
        return between - self.edge * (between / self.edge).round()

    def start(self, walkers: int, rng: Rng) -> np.ndarray:
        """Return where particles begin (walkers, number, 3): about the sites of the lattice."""
        corners = np.array(list(np.ndindex(*(self._cells,) * 3)))
        cell = self.edge / self._cells
        sites = cell * (corners[:, None] + BASIS).reshape(-1, 3)
        scale = SHAKEN * cell / np.sqrt(2)
        return sites + rng.normal(scale=scale, size=(walkers, self.number, 3))
