"""Points that no wave function leads: uniform in the system, new ones in every round."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from eltanin.protocols import Feedback, Rng, System
from eltanin_walkers.walkers import Walkers


@dataclass(frozen=True)
class Uniform:
    """Draws points anew in every round, so that a mean over rounds is an integral over the system.

    walkers: points in a round.
    """

    domain: ClassVar[str] = "walkers"
    revision: ClassVar[int] = 1
    system: System
    walkers: int = 256

    def __post_init__(self) -> None:
        """Refuse rounds without points."""
        if self.walkers < 2:
            raise ValueError(f"explorer.walkers={self.walkers}: give 2 or more")

    def init(self, rng: Rng) -> dict[str, Any]:
        """Return nothing: one round does not depend on another."""
        del rng
        return {}

    def explore(
        self, committee: Sequence[Any], state: dict[str, Any], feedback: Feedback | None, rng: Rng
    ) -> tuple[Walkers, dict[str, Any]]:
        """Return new points."""
        del committee, feedback
        return Walkers(self.system.start(self.walkers, rng)), state
