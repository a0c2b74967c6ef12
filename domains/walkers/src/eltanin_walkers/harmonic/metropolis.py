"""The explorer: a Markov chain on psi^2.

A walker moves from R to R' = R + step * normal with probability min(1, psi(R')^2 / psi(R)^2)
(Metropolis et al. 1953), so that psi^2 stays psi^2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from eltanin.batch import Properties
from eltanin.protocols import Feedback, Predictor, Rng, System
from eltanin_walkers.walkers import Walkers

Committee = Sequence[Predictor[Walkers, Properties]]


@dataclass(frozen=True)
class Metropolis:
    """Walks on the square of the first member's wave function by the Metropolis algorithm.

    walkers: independent chains.
    steps: of every chain in a round.
    step: standard deviation of a proposed move in each coordinate, bohr.
    spread: standard deviation of each coordinate at the start, bohr.
    """

    domain: ClassVar[str] = "walkers"
    revision: ClassVar[int] = 1
    system: System
    walkers: int = 256
    steps: int = 10
    step: float = 0.5
    spread: float = 1.0

    def __post_init__(self) -> None:
        """Refuse chains that are none."""
        for name, least in (("walkers", 2), ("steps", 1)):
            if getattr(self, name) < least:
                raise ValueError(f"explorer.{name}={getattr(self, name)}: give {least} or more")
        for name in ("step", "spread"):
            if not getattr(self, name) > 0:
                raise ValueError(f"explorer.{name}={getattr(self, name)}: give a length above 0")

    def init(self, rng: Rng) -> dict[str, Any]:
        """Return where the walkers start: Gaussian round the origin."""
        shape = (self.walkers, self.system.number, self.system.dimensions)
        return {"positions": rng.normal(scale=self.spread, size=shape)}

    def explore(
        self, committee: Committee, state: dict[str, Any], feedback: Feedback | None, rng: Rng
    ) -> tuple[Walkers, dict[str, Any]]:
        """Return the walkers after `steps` moves; without a wave function they stay where they start."""
        del feedback
        here, accepted = state["positions"], np.zeros(self.walkers)
        if committee:
            here, accepted = self._walk(committee[0], here, rng)
        return Walkers(here, {"acceptance": accepted / self.steps}), {"positions": here}

    def _walk(self, psi: Predictor[Walkers, Properties], here: np.ndarray, rng: Rng) -> tuple[np.ndarray, np.ndarray]:
        log_here, accepted = log_psi(psi, here), np.zeros(len(here))
        for _ in range(self.steps):
            there = here + rng.normal(scale=self.step, size=here.shape)
            log_there = log_psi(psi, there)
            moves = rng.exponential(size=len(here)) > 2 * (log_here - log_there)
            here = np.where(moves[:, None, None], there, here)
            log_here = np.where(moves, log_there, log_here)
            accepted += moves
        return here, accepted


def log_psi(psi: Predictor[Walkers, Properties], positions: np.ndarray) -> np.ndarray:
    """Return log |psi| (n,) at positions (n, particles, dimensions)."""
    return np.asarray(psi.predict(Walkers(positions)).values["log_psi"])
