"""Selection by grade: levels, one member, several, and what has no grade."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from eltanin.batch import Batch, Properties
from eltanin.errors import EltaninError
from eltanin.protocols import Verdict
from eltanin_extrapolation_grade import ExtrapolationGrade


@dataclass(frozen=True)
class Points(Batch):
    at: np.ndarray


@dataclass(frozen=True)
class Within:
    """Learned what lies between -width and width: the grade is |x|/width."""

    width: float

    def predict(self, x: Points) -> Properties:
        return Properties.of(energy=x.at**2)

    def grade(self, x: Points) -> np.ndarray:
        return np.abs(x.at) / self.width


@dataclass(frozen=True)
class Gradeless:
    def predict(self, x: Points) -> Properties:
        return Properties.of(energy=x.at**2)


RNG = np.random.default_rng(0)
POOL = Points(np.array([0.5, -1.5, 2.5, -9.0, 11.0, np.nan]))


def test_grades_between_the_levels_are_candidates_and_one_member_is_enough():
    found = ExtrapolationGrade(low=2, high=10).select(POOL, [Within(1.0)], None, RNG)
    accurate, candidate, rejected = Verdict.ACCURATE, Verdict.CANDIDATE, Verdict.REJECTED
    assert found.verdict.tolist() == [accurate, accurate, candidate, candidate, rejected, rejected]
    assert sorted(found.origin) == [2, 3]
    np.testing.assert_array_equal(found.score, np.abs(POOL.at))


def test_of_several_members_the_largest_grade_counts():
    found = ExtrapolationGrade().select(POOL, [Within(2.0), Within(0.5), Within(1.0)], None, RNG)
    np.testing.assert_array_equal(found.score, 2 * np.abs(POOL.at))


def test_no_more_than_the_budget_is_taken():
    pool = Points(np.full(40, 3.0))
    assert len(ExtrapolationGrade(budget=7).select(pool, [Within(1.0)], None, RNG).chosen) == 7


def test_the_first_round_takes_everything():
    found = ExtrapolationGrade(budget=1).select(POOL, [], None, RNG)
    assert len(found.chosen) == len(POOL)
    assert np.isnan(found.score).all()


def test_a_model_without_a_grade_is_refused_by_name():
    with pytest.raises(EltaninError, match=r"Gradeless has none.*moment_tensor.*trust_levels"):
        ExtrapolationGrade().select(POOL, [Within(1.0), Gradeless()], None, RNG)


@pytest.mark.parametrize("wrong", [{"low": 0.0}, {"low": 11.0}, {"budget": 0}])
def test_settings_without_meaning_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        ExtrapolationGrade(**wrong)
