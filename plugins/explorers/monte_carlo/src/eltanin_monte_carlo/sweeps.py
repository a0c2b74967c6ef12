"""Walks by one particle after the other: for fluids, where a move of all at once is hardly ever accepted."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np

from eltanin.protocols import Rng
from eltanin_walkers.courses import Course, Stepwise, Whole
from eltanin_walkers.walkers import Walkers


@runtime_checkable
class Sweep(Protocol):
    """A way to walk that decides by itself what is accepted."""

    tuned: ClassVar[bool]

    def sweep(self, psi: Any, here: np.ndarray, step: float, steps: int, rng: Rng) -> tuple[np.ndarray, np.ndarray]:
        """Return where walkers (n, particles, dimensions) are after so many sweeps, and the part accepted (n,)."""
        ...


@dataclass(frozen=True)
class SingleParticle:
    """Moves one particle after the other by normal numbers, whose standard deviation is the step.

    Each of these moves keeps ψ² as it is, and so does a sweep of them in fixed order.
    """

    domain: ClassVar[str] = "walkers"
    revision: ClassVar[int] = 1
    tuned: ClassVar[bool] = True

    def sweep(self, psi: Any, here: np.ndarray, step: float, steps: int, rng: Rng) -> tuple[np.ndarray, np.ndarray]:
        """Return where walkers are after so many sweeps over all particles, and which part was accepted (n,)."""
        n, particles, dimensions = here.shape
        course, accepted = _begun(psi, here), np.zeros(n)
        for _ in range(steps):
            away = rng.normal(scale=step, size=(particles, n, dimensions))
            luck = -0.5 * rng.exponential(size=(particles, n))
            for particle in range(particles):
                change = course.change(particle, course.positions[:, particle] + away[particle])
                moves = luck[particle] < change  # false where ψ is no number
                course.accept(moves)
                accepted += moves
        return course.positions.copy(), accepted / (steps * particles)


def _begun(psi: Any, here: np.ndarray) -> Course:
    if isinstance(psi, Stepwise) and (quick := psi.course(Walkers(here))) is not None:
        return quick
    return Whole(partial(_log_psi, psi), here)


def _log_psi(psi: Any, positions: np.ndarray) -> np.ndarray:
    return np.asarray(psi.predict(Walkers(positions)).values["log_psi"])
