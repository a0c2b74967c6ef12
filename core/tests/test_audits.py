"""Audits: the statement of convergence is true as often as it says."""

import numpy as np
import pytest

from eltanin.audits import Audit, audits_needed, failure_bound
from eltanin.protocols import Verdict


@pytest.mark.parametrize(("rate", "confidence", "n"), [(0.1, 0.9, 22), (0.05, 0.95, 59)])
def test_as_many_passes_as_the_design_says_bound_the_rate(rate: float, confidence: float, n: int) -> None:
    assert audits_needed(rate, confidence) == n
    assert failure_bound(0, n, confidence) <= rate < failure_bound(0, n - 1, confidence)


def test_the_bound_is_that_of_clopper_and_pearson() -> None:
    # Upper limits of the one-sided interval, from tables of the beta distribution: I_p(k+1, n-k) = confidence.
    assert failure_bound(1, 20, 0.95) == pytest.approx(0.216106, abs=1e-6)
    assert failure_bound(2, 50, 0.90) == pytest.approx(0.102959, abs=1e-6)
    assert failure_bound(5, 5, 0.9) == 1.0


def test_failures_of_the_model_are_found_as_often_as_stated() -> None:
    """A model that fails just too often must not pass more often than the risk allows, over all its exams."""
    audit, rng, rounds, campaigns = Audit(tolerance=1.0), np.random.default_rng(7), 8, 2000
    verdict = np.full(400, int(Verdict.ACCURATE))
    wrong = 0
    for _ in range(campaigns):
        for exam in range(rounds):
            drawn, held = audit.draw(verdict, exam, rng)
            assert held
            errors = np.where(rng.random(len(drawn)) < 0.1001, 2.0, 0.5)
            if audit.judge(errors, exam + 1)["converged"]:
                wrong += 1
                break
    assert wrong / campaigns <= 0.1 + 3 * np.sqrt(0.1 * 0.9 / campaigns)


def test_a_good_model_passes_its_first_exam() -> None:
    audit, rng = Audit(tolerance=1.0), np.random.default_rng(0)
    drawn, held = audit.draw(np.zeros(100, dtype=int), 0, rng)
    assert held
    assert audit.judge(np.full(len(drawn), 0.5), 1)["converged"]


def test_no_exam_while_much_is_unknown_or_too_few_are_accurate() -> None:
    audit, rng = Audit(tolerance=1.0), np.random.default_rng(0)
    half = np.array([int(Verdict.ACCURATE)] * 50 + [int(Verdict.CANDIDATE)] * 50)
    assert not audit.draw(half, 0, rng)[1]
    assert len(audit.draw(half, 0, rng)[0]) == audit.each_round
    few = np.full(10, int(Verdict.ACCURATE))
    assert not audit.draw(few, 0, rng)[1]


def test_an_error_that_is_not_finite_is_a_failure() -> None:
    statement = Audit(tolerance=1.0).judge(np.array([0.1] * 40 + [np.nan]), 1)
    assert statement["failures"] == 1
    assert not statement["converged"]


def test_without_a_tolerance_there_is_neither_audit_nor_convergence() -> None:
    audit = Audit()
    assert len(audit.draw(np.zeros(100, dtype=int), 0, np.random.default_rng(0))[0]) == 0
    assert audit.judge(np.zeros(50), 1) == {}


@pytest.mark.parametrize("bad", [{"failure_rate": 0.0}, {"confidence": 1.0}, {"tolerance": -1.0}, {"each_round": -1}])
def test_settings_without_meaning_are_refused(bad: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(bad))):
        Audit(**bad)
