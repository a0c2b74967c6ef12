"""The particles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from eltanin.protocols import Rng


@dataclass(frozen=True)
class Particles:
    """Bosons, or distinguishable particles, that do not act on each other.

    number: of particles.
    dimensions: of space.
    mass: of each, electron masses.
    """

    domain: ClassVar[str] = "walkers"
    revision: ClassVar[int] = 1
    number: int = 2
    dimensions: int = 3
    mass: float = 1.0

    def __post_init__(self) -> None:
        """Refuse what is not there or weighs nothing."""
        for name in ("number", "dimensions"):
            if getattr(self, name) < 1:
                raise ValueError(f"system.{name}={getattr(self, name)}: nothing would move; give 1 or more")
        if not self.mass > 0:
            raise ValueError(f"system.mass={self.mass}: give a mass above 0")

    @property
    def coordinates(self) -> int:
        """Coordinates of a walker."""
        return self.number * self.dimensions

    def start(self, walkers: int, rng: Rng) -> np.ndarray:
        """Return where particles begin (walkers, number, dimensions), bohr: round the origin."""
        return rng.normal(size=(walkers, self.number, self.dimensions))
