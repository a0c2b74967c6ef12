"""The selector, and what it asks of predictors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np

from eltanin.errors import EltaninError
from eltanin.protocols import Rng, Selection
from eltanin.selectors import choose, everything, verdicts


@runtime_checkable
class Grades(Protocol):
    """A predictor that says how far outside of what it learned a sample lies: at most 1 is inside."""

    def grade(self, x: Any) -> np.ndarray:
        """Return the grade of each sample, (n,); not finite for what is no sample any more."""
        ...


@dataclass(frozen=True)
class ExtrapolationGrade:
    """Takes samples on which the model extrapolates, but not so far that they are nonsense.

    low: below this grade a sample counts as accurate; from 1 on a model extrapolates.
    high: from this grade on a sample is rejected; so is one whose grade is not finite.
    budget: labels of candidates per round, chosen at random among them.
    """

    domain: ClassVar[str] = "any"
    revision: ClassVar[int] = 1
    measure: ClassVar[str] = "extrapolation grade"
    low: float = 2.0
    high: float = 10.0
    budget: int = 50

    def __post_init__(self) -> None:
        """Check the settings."""
        if not 0 < self.low < self.high:
            raise ValueError(f"selector.low={self.low} and selector.high={self.high}: give 0 < low < high")
        if self.budget < 1:
            raise ValueError(f"selector.budget={self.budget}: a round without labels teaches nothing; give 1 or more")

    def select(self, pool: Any, committee: Sequence[Any], data: Any, rng: Rng) -> Selection[Any]:
        """Return candidates; of several members the one that is farthest from what it learned counts."""
        del data
        if not committee:
            return everything(pool)
        score = np.max([graded(member, pool) for member in committee], axis=0)
        return choose(pool, verdicts(score, self.low, self.high), score, self.budget, rng)


def graded(member: Any, pool: Any) -> np.ndarray:
    """Return the grades of a predictor; refuse one that has none."""
    if not isinstance(member, Grades):
        raise EltaninError(
            f"selector=extrapolation_grade asks predictors for their grade, and {type(member).__module__}."
            f"{type(member).__name__} has none: choose a model that has one, such as model=moment_tensor, or"
            " selector=trust_levels with a committee"
        )
    return np.asarray(member.grade(pool), dtype=float)
