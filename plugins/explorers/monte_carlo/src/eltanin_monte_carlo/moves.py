"""How walkers move through space: the slot `explorer/move`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np

from eltanin.protocols import Rng
from eltanin_walkers.walkers import Walkers
from eltanin_walkers.wavefunctions import Sloped


class Move(Protocol):
    """A way to propose where walkers go; what is asymmetric about it is made up for by `bias`.

    tuned: the step is adapted to the acceptance; a move without a length has none to adapt.
    """

    tuned: ClassVar[bool]

    def look(self, psi: Any, positions: np.ndarray) -> np.ndarray | None:
        """Return what must be known of the wave function at positions (n, particles, dimensions)."""
        ...

    def propose(self, here: np.ndarray, seen: np.ndarray | None, step: float, rng: Rng) -> np.ndarray:
        """Return where to go."""
        ...

    def bias(
        self, here: np.ndarray, seen: np.ndarray | None, there: np.ndarray, seen_there: np.ndarray | None, step: float
    ) -> np.ndarray | float:
        """Return log of the chance to propose the way back over that to propose the way there (n,)."""
        ...


@dataclass(frozen=True)
class Gaussian:
    """Moves all particles at once by normal numbers, whose standard deviation is the step."""

    domain: ClassVar[str] = "walkers"
    revision: ClassVar[int] = 1
    tuned: ClassVar[bool] = True

    def look(self, psi: Any, positions: np.ndarray) -> None:
        """Return nothing: it does not look."""
        del psi, positions

    def propose(self, here: np.ndarray, seen: np.ndarray | None, step: float, rng: Rng) -> np.ndarray:
        """Return where to go."""
        del seen
        return here + rng.normal(scale=step, size=here.shape)

    def bias(self, *_: Any) -> float:
        """Return 0: the way back is as likely."""
        return 0.0


@dataclass(frozen=True)
class Langevin:
    """Drifts up the gradient of log|ψ|, then moves by normal numbers: x' = x + τ v̄ + √τ η, where √τ is the step.

    Near a nucleus or a node v = ∇ log|ψ| is large, and the drift of each particle is limited to
    v̄ = v (√(1 + 2 v² τ) - 1) / (v² τ) (Umrigar, Nightingale and Runge, JCP 99, 2865 (1993)).
    """

    domain: ClassVar[str] = "walkers"
    revision: ClassVar[int] = 1
    tuned: ClassVar[bool] = True

    def look(self, psi: Any, positions: np.ndarray) -> np.ndarray:
        """Return ∇ log|ψ|."""
        if not isinstance(psi, Sloped):
            raise TypeError(
                f"explorer/move=langevin follows the gradient of log psi, and {type(psi).__name__} has none: take"
                " explorer/move=gaussian"
            )
        return psi.gradient(Walkers(positions))

    def propose(self, here: np.ndarray, seen: np.ndarray | None, step: float, rng: Rng) -> np.ndarray:
        """Return where to go."""
        return here + drift(seen, step) + rng.normal(scale=step, size=here.shape)

    def bias(
        self, here: np.ndarray, seen: np.ndarray | None, there: np.ndarray, seen_there: np.ndarray | None, step: float
    ) -> np.ndarray:
        """Return log T(there -> here) - log T(here -> there)."""
        forth = ((there - here - drift(seen, step)) ** 2).sum((1, 2))
        back = ((here - there - drift(seen_there, step)) ** 2).sum((1, 2))
        return (forth - back) / (2 * step**2)


def drift(velocity: np.ndarray | None, step: float) -> np.ndarray:
    """Return τ v̄ (n, particles, dimensions) of velocities v of the same shape; τ is the square of the step."""
    v = np.asarray(velocity)
    reach = step**2 * (v**2).sum(axis=-1, keepdims=True)  # v² τ
    return step**2 * v * 2 / (1 + np.sqrt(1 + 2 * reach))
