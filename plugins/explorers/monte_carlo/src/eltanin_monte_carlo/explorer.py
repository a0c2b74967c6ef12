"""The explorer: a Markov chain on ψ², whose walkers go on from round to round."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from eltanin.batch import Properties
from eltanin.protocols import Feedback, Predictor, Rng, System
from eltanin.registry import slot
from eltanin_monte_carlo.moves import Move
from eltanin_monte_carlo.sweeps import Sweep
from eltanin_walkers.walkers import Walkers

Psi = Predictor[Walkers, Properties]
State = dict[str, Any]
BLOCK = 10  # moves between two adaptations, while the walkers come to equilibrium


@dataclass(frozen=True)
class MonteCarlo:
    """Walks on the square of the first member's wave function (Metropolis et al. 1953; Hastings 1970).

    A move from x to x' is accepted with probability min(1, ψ(x')² T(x' → x) / ψ(x)² T(x → x')). Without feedback, as
    when a model that stands still is measured, the step stays: a chain that adapts has no stationary distribution.

    move: how walkers are moved.
    walkers: independent chains.
    steps: moves of every chain in a round; with explorer/move=single_particle each is a sweep over all particles.
    burn_in: moves of every chain before the first round with a wave function.
    step: length of a move at the beginning, in the system's unit of length.
    acceptance: part of the moves that is to be accepted; the step follows it.
    """

    domain: ClassVar[str] = "walkers"
    revision: ClassVar[int] = 1
    system: System
    move: Move | Sweep = slot("explorer/move", "gaussian")
    walkers: int = 256
    steps: int = 10
    burn_in: int = 200
    step: float = 0.5
    acceptance: float = 0.5

    def __post_init__(self) -> None:
        """Refuse chains that are none."""
        for name, least in (("walkers", 2), ("steps", 1), ("burn_in", 0)):
            if getattr(self, name) < least:
                raise ValueError(f"explorer.{name}={getattr(self, name)}: give {least} or more")
        if not self.step > 0:
            raise ValueError(f"explorer.step={self.step}: nothing would move; give a length above 0")
        if not 0 < self.acceptance < 1:
            raise ValueError(f"explorer.acceptance={self.acceptance}: give a part between 0 and 1")

    def init(self, rng: Rng) -> State:
        """Return where the walkers start."""
        return {"positions": self.system.start(self.walkers, rng), "step": self.step, "walked": False}

    def explore(
        self, committee: Sequence[Psi], state: State, feedback: Feedback | None, rng: Rng
    ) -> tuple[Walkers, State]:
        """Return the walkers after `steps` moves; without a wave function they stay where they start."""
        here, step, accepted = state["positions"], state["step"], np.full(self.walkers, np.nan)
        if committee:
            for _ in range(0 if state["walked"] else -(-self.burn_in // BLOCK)):
                here, accepted = walk(committee[0], self.move, here, step, BLOCK, rng)
                step = self._adapted(step, accepted)
            here, accepted = walk(committee[0], self.move, here, step, self.steps, rng)
            if feedback is not None:
                step = self._adapted(step, accepted)
        after = {"positions": here, "step": step, "walked": bool(committee)}
        return Walkers(here, {"acceptance": accepted}), after

    def _adapted(self, step: float, accepted: np.ndarray) -> float:
        """Return a step that is longer where more is accepted than is asked for."""
        return step * float(np.exp(0.5 * (accepted.mean() - self.acceptance))) if self.move.tuned else step


def walk(
    psi: Psi, move: Move | Sweep, here: np.ndarray, step: float, steps: int, rng: Rng
) -> tuple[np.ndarray, np.ndarray]:
    """Return where walkers (n, particles, dimensions) are after so many moves, and which part was accepted (n,)."""
    if isinstance(move, Sweep):
        return move.sweep(psi, here, step, steps, rng)
    log_here, seen, accepted = log_psi(psi, here), move.look(psi, here), np.zeros(len(here))
    for _ in range(steps):
        there = move.propose(here, seen, step, rng)
        log_there, seen_there = log_psi(psi, there), move.look(psi, there)
        gain = 2 * (log_there - log_here) + move.bias(here, seen, there, seen_there, step)
        moves = -rng.exponential(size=len(here)) < gain  # false where ψ is no number
        here, log_here = np.where(moves[:, None, None], there, here), np.where(moves, log_there, log_here)
        if seen is not None and seen_there is not None:
            seen = np.where(moves[:, None, None], seen_there, seen)
        accepted += moves
    return here, accepted / steps


def log_psi(psi: Psi, positions: np.ndarray) -> np.ndarray:
    """Return log|ψ| (n,) at positions (n, particles, dimensions)."""
    return np.asarray(psi.predict(Walkers(positions)).values["log_psi"])
