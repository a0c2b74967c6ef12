"""Selectors that serve every domain: they know a sample by its score alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from eltanin.protocols import OwnDomain, Predictor, Rng, Selection, Verdict

Committee = Sequence[Predictor[Any, Any]]


def scores(domain: Any, pool: Any, committee: Committee) -> np.ndarray | None:
    """Return how far the committee deviates per sample; none where nothing can tell.

    No two members, and none that knows its own standard error, cannot. Members that agree to the last
    bit, wherever they are asked, are copies: nor can these.
    """
    if len(committee) == 0 or len(pool) == 0:
        return None
    predictions = [member.predict(pool) for member in committee]
    if len(committee) == 1 and not getattr(predictions[0], "sigma", None):
        return None
    score = np.asarray(domain.deviation(predictions))
    return score if np.any(score != 0) else None


def verdicts(score: np.ndarray, low: float, high: float) -> np.ndarray:
    """Judge scores (n,): accurate below `low`, rejected from `high` on or where not finite."""
    verdict = np.full(len(score), int(Verdict.REJECTED))
    verdict[score < high] = Verdict.CANDIDATE
    verdict[score < low] = Verdict.ACCURATE
    return verdict


def choose(pool: Any, verdict: np.ndarray, score: np.ndarray | None, budget: int, rng: Rng) -> Selection[Any]:
    """Choose at random among the candidates, at most `budget` of them."""
    candidates = rng.permutation(np.flatnonzero(verdict == Verdict.CANDIDATE))[:budget]
    return Selection(pool[candidates], candidates, verdict, np.full(len(pool), np.nan) if score is None else score)


def everything(pool: Any) -> Selection[Any]:
    """Choose the whole pool, in its own order; nothing is known of it."""
    n = len(pool)
    return Selection(pool, np.arange(n), np.full(n, int(Verdict.CANDIDATE)), np.full(n, np.nan))


def _check_budget(budget: int) -> None:
    if budget < 1:
        raise ValueError(f"selector.budget={budget}: a round that labels nothing teaches nothing; give 1 or more")


@dataclass(frozen=True)
class TrustLevels:
    """Takes samples on which the committee disagrees, but not so much that they are nonsense.

    low: below this deviation a sample counts as accurate, in the unit of the domain's measure (eV/Å for atoms).
    high: from this deviation on a sample is rejected; so is one whose deviation is not finite.
    budget: labels of candidates per round, chosen at random among them.
    """

    domain: ClassVar[str] = "any"
    revision: ClassVar[int] = 1
    measured: OwnDomain
    low: float = 0.05
    high: float = 0.25
    budget: int = 50

    def __post_init__(self) -> None:
        """Refuse levels that are no interval."""
        if not 0 < self.low < self.high:
            raise ValueError(f"selector.low={self.low} and selector.high={self.high}: give 0 < low < high")
        _check_budget(self.budget)

    def select(self, pool: Any, committee: Committee, data: Any, rng: Rng) -> Selection[Any]:
        """Return candidates; where no two members can disagree, everything is one."""
        del data
        if not committee:
            return everything(pool)
        score = scores(self.measured, pool, committee)
        verdict = np.full(len(pool), int(Verdict.CANDIDATE)) if score is None else verdicts(score, self.low, self.high)
        return choose(pool, verdict, score, self.budget, rng)


@dataclass(frozen=True)
class RandomChoice:
    """Takes samples at random, whatever the committee thinks: what any selector has to beat.

    budget: labels per round.
    """

    domain: ClassVar[str] = "any"
    revision: ClassVar[int] = 1
    measured: OwnDomain
    budget: int = 50

    def __post_init__(self) -> None:
        """Refuse an empty budget."""
        _check_budget(self.budget)

    def select(self, pool: Any, committee: Committee, data: Any, rng: Rng) -> Selection[Any]:
        """Return a random part of the pool; the deviations are kept for the record."""
        del data
        if not committee:
            return everything(pool)
        score = scores(self.measured, pool, committee)
        return choose(pool, np.full(len(pool), int(Verdict.CANDIDATE)), score, self.budget, rng)


@dataclass(frozen=True)
class Everything:
    """Takes the whole pool: for pools that were made to be learned from."""

    domain: ClassVar[str] = "any"
    revision: ClassVar[int] = 1

    def select(self, pool: Any, committee: Committee, data: Any, rng: Rng) -> Selection[Any]:
        """Return the pool."""
        del committee, data, rng
        return everything(pool)
