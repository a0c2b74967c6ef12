"""Trust levels: of a committee, of one member, and of one that knows its own standard error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from eltanin.batch import Batch, Properties
from eltanin.protocols import Verdict
from eltanin.selectors import TrustLevels

ACCURATE, CANDIDATE, REJECTED = (int(v) for v in (Verdict.ACCURATE, Verdict.CANDIDATE, Verdict.REJECTED))


@dataclass(frozen=True)
class Points(Batch):
    at: np.ndarray


class Line:
    """Deviates by the spread and the mean standard error of y; undefined where there is neither."""

    def deviation(self, predictions: Sequence[Properties]) -> np.ndarray:
        own = [p.sigma["y"] for p in predictions if "y" in p.sigma]
        if len(predictions) < 2 and not own:
            return np.full(len(predictions[0]), np.nan)
        return np.std([p.values["y"] for p in predictions], axis=0) + (np.mean(own, axis=0) if own else 0.0)


@dataclass(frozen=True)
class Guess:
    slope: float
    knows: bool = False

    def predict(self, x: Points) -> Properties:
        y = self.slope * x.at
        return Properties({"y": y}, {"y": np.ones(len(x), dtype=bool)}, {"y": 0.1 * np.abs(x.at)} if self.knows else {})


POOL = Points(np.array([0.1, 1.0, 10.0, np.nan]))


def verdicts(committee: Sequence[Any]) -> list[int]:
    chosen = TrustLevels(Line(), low=0.05, high=0.5).select(POOL, committee, None, np.random.default_rng(0))
    return chosen.verdict.tolist()


@pytest.mark.parametrize("committee", [[], [Guess(1.0)], [Guess(1.0), Guess(1.0)]], ids=["none", "one", "copies"])
def test_where_nothing_can_tell_nothing_is_accurate(committee: list[Guess]) -> None:
    pool = POOL[:3]
    chosen = TrustLevels(Line(), low=0.05, high=0.5).select(pool, committee, None, np.random.default_rng(0))
    assert chosen.verdict.tolist() == [CANDIDATE] * 3
    assert len(chosen.chosen) == 3


def test_two_members_that_disagree_are_judged() -> None:
    assert verdicts([Guess(1.0), Guess(1.2)]) == [ACCURATE, CANDIDATE, REJECTED, REJECTED]


def test_one_member_that_knows_its_own_error_is_judged() -> None:
    assert verdicts([Guess(1.0, knows=True)]) == [ACCURATE, CANDIDATE, REJECTED, REJECTED]
