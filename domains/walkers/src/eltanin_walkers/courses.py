"""Walks by one particle at a time: what a move leaves as it is, is not computed again.

A form whose parts are functions of pairs finds the change of log|ψ| that moves one of N particles in O(N).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np

from eltanin_walkers.walkers import Walkers


class Course(Protocol):
    """Walkers on their way, with what of ψ is kept between two moves."""

    @property
    def positions(self) -> np.ndarray:
        """Where walkers are (n, particles, dimensions)."""
        ...

    def change(self, particle: int, there: np.ndarray) -> np.ndarray:
        """Return log|ψ'/ψ| (n,) if this particle of each walker were at `there` (n, dimensions)."""
        ...

    def accept(self, moves: np.ndarray) -> None:
        """Go where the last `change` looked, those walkers (n,) that do."""
        ...


@runtime_checkable
class Stepwise(Protocol):
    """A predictor that knows what moves of one particle cost it."""

    def course(self, x: Walkers) -> Course | None:
        """Begin a walk, if there is a quicker way than looking at the whole."""
        ...


@dataclass
class Whole:
    """Looks at all of ψ for every move: right for any form, N times as much work as for pairs."""

    log_psi: Callable[[np.ndarray], np.ndarray]
    positions: np.ndarray
    _here: np.ndarray = field(init=False)
    _there: tuple[np.ndarray, np.ndarray] = field(init=False)

    def __post_init__(self) -> None:
        """Look where walkers are."""
        self._here = self.log_psi(self.positions)

    def change(self, particle: int, there: np.ndarray) -> np.ndarray:
        """Return log|ψ'/ψ| (n,) if this particle of each walker were at `there` (n, dimensions)."""
        moved = self.positions.copy()
        moved[:, particle] = there
        self._there = moved, self.log_psi(moved)
        return self._there[1] - self._here

    def accept(self, moves: np.ndarray) -> None:
        """Go where the last `change` looked, those walkers (n,) that do."""
        moved, log = self._there
        self.positions = np.where(moves[:, None, None], moved, self.positions)
        self._here = np.where(moves, log, self._here)
