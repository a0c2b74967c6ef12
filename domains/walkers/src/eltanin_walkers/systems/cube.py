"""One point in a cube with walls: where boundary value problems are solved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from eltanin.protocols import Rng


@dataclass(frozen=True)
class Cube:
    """A point in the unit cube (0, 1)^d, at whose walls a solution is zero.

    dimensions: d.
    """

    domain: ClassVar[str] = "walkers"
    revision: ClassVar[int] = 1
    number: ClassVar[int] = 1
    mass: ClassVar[float] = 1.0
    dimensions: int = 2

    def __post_init__(self) -> None:
        """Refuse a cube without extent."""
        if self.dimensions < 1:
            raise ValueError(f"system.dimensions={self.dimensions}: give 1 or more")

    def start(self, walkers: int, rng: Rng) -> np.ndarray:
        """Return points (walkers, 1, d), uniform in the cube."""
        return rng.uniform(size=(walkers, 1, self.dimensions))
