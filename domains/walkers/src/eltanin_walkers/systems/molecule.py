"""Electrons round fixed nuclei."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from eltanin.protocols import Rng
from eltanin_walkers.systems.geometry import Geometry, parse


@dataclass(frozen=True)
class Molecule:
    """The electrons of a molecule; those of spin up come first.

    atoms: symbols and places, "H 0 0 0; H 0 0 1.4", or the path of an xyz file (Å).
    unit: of these places, bohr or angstrom.
    charge: of the whole.
    spin: electrons of spin up less those of spin down; left empty, as few as there can be.
    """

    domain: ClassVar[str] = "walkers"
    revision: ClassVar[int] = 1
    dimensions: ClassVar[int] = 3
    mass: ClassVar[float] = 1.0
    atoms: str = "He 0 0 0"
    unit: str = "bohr"
    charge: int = 0
    spin: int | None = None

    def __post_init__(self) -> None:
        """Refuse molecules without electrons, and spins that these cannot have."""
        if self.number < 1:
            raise ValueError(f"system.charge={self.charge}: no electron is left; give {self._charges - 1} or less")
        if self.spin is not None and (abs(self.spin) > self.number or (self.spin - self.number) % 2):
            low = self.number % 2
            raise ValueError(
                f"system.spin={self.spin}: {self.number} electrons have {low}, {low + 2}, … up to {self.number} more of"
                " spin up than of spin down, or so many less; give one of these"
            )

    @cached_property
    def geometry(self) -> Geometry:
        """Charges and places of the nuclei, bohr."""
        return parse(self.atoms, self.unit)

    @property
    def _charges(self) -> int:
        return int(self.geometry.charges.sum())

    @property
    def number(self) -> int:
        """How many electrons there are."""
        return self._charges - self.charge

    @property
    def spins(self) -> tuple[int, int]:
        """How many electrons are of spin up, and of spin down."""
        excess = self.number % 2 if self.spin is None else self.spin
        return (self.number + excess) // 2, (self.number - excess) // 2

    @property
    def homes(self) -> np.ndarray:
        """The nucleus that each electron begins at, (number,): as its charge asks, spins alternating over atoms."""
        charges = self.geometry.charges.astype(float)
        wanted, homes = charges / 2, list[int]()
        for spin, count in enumerate(self.spins):
            if spin:
                wanted = charges - np.bincount(homes, minlength=len(charges))
            for _ in range(count):
                home = int(wanted.argmax())
                homes.append(home)
                wanted[home] -= 1
        return np.array(homes)

    def start(self, walkers: int, rng: Rng) -> np.ndarray:
        """Return where electrons begin (walkers, number, 3), bohr: about their nuclei."""
        return self.geometry.positions[self.homes] + rng.normal(size=(walkers, self.number, 3))
