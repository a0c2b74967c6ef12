"""How spins move on a lattice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from eltanin.protocols import Rng, System


@dataclass(frozen=True)
class SpinFlip:
    """Turns one spin, anywhere."""

    domain: ClassVar[str] = "walkers"
    revision: ClassVar[int] = 1
    tuned: ClassVar[bool] = False

    def look(self, psi: Any, positions: np.ndarray) -> None:
        """Return nothing: it does not look."""
        del psi, positions

    def propose(self, here: np.ndarray, seen: np.ndarray | None, step: float, rng: Rng) -> np.ndarray:
        """Return the spins with one of each walker turned."""
        del seen, step
        there, rows = here.copy(), np.arange(len(here))
        there[rows, rng.integers(here.shape[1], size=len(here))] *= -1
        return there

    def bias(self, *_: Any) -> float:
        """Return 0: the way back is as likely."""
        return 0.0


@dataclass(frozen=True)
class SpinExchange:
    """Exchanges the spins of two neighbours, so that their sum is conserved."""

    domain: ClassVar[str] = "walkers"
    revision: ClassVar[int] = 1
    tuned: ClassVar[bool] = False
    system: System

    def look(self, psi: Any, positions: np.ndarray) -> None:
        """Return nothing: it does not look."""
        del psi, positions

    def propose(self, here: np.ndarray, seen: np.ndarray | None, step: float, rng: Rng) -> np.ndarray:
        """Return the spins with two of each walker exchanged."""
        del seen, step
        bonds = self.system.bonds[rng.integers(len(self.system.bonds), size=len(here))]
        there, rows = here.copy(), np.arange(len(here))[:, None]
        there[rows, bonds] = here[rows, bonds[:, ::-1]]
        return there

    def bias(self, *_: Any) -> float:
        """Return 0: the way back is as likely."""
        return 0.0
