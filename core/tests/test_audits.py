"""Audits: the statement of convergence is true as often as it says."""

import numpy as np
import pytest

from eltanin.audits import Audit, audits_needed, failure_bound
from eltanin.protocols import Verdict

TOLERANCE = 1.0


@pytest.mark.parametrize(("rate", "confidence", "n"), [(0.1, 0.9, 22), (0.05, 0.95, 59)])
def test_as_many_passes_as_the_design_says_bound_the_rate(rate: float, confidence: float, n: int) -> None:
    assert audits_needed(rate, confidence) == n
    assert failure_bound(0, n, confidence) <= rate < failure_bound(0, n - 1, confidence)


def test_the_bound_is_that_of_clopper_and_pearson() -> None:
    # Upper limits of the one-sided interval, from tables of the beta distribution: I_p(k+1, n-k) = confidence.
    assert failure_bound(1, 20, 0.95) == pytest.approx(0.216106, abs=1e-6)
    assert failure_bound(2, 50, 0.90) == pytest.approx(0.102959, abs=1e-6)
    assert failure_bound(5, 5, 0.9) == 1.0


def sit_exams(audit: Audit, rates: list[float], rng: np.random.Generator) -> float | None:
    """Return how often the first model to pass an exam fails; `rates`: how often those of a campaign do, by round."""
    held = 0
    for rate in rates:
        pool = np.where(rng.random(400) < rate, 2.0 * TOLERANCE, 0.5 * TOLERANCE)
        drawn, exam = audit.draw(np.full(len(pool), int(Verdict.ACCURATE)), held, rng)
        held += exam
        if exam and audit.judge(pool[drawn], held)["converged"]:
            return rate
    return None


# How often the models of a campaign fail, in units of the rate that is allowed.
HISTORIES = {
    "just too often in every round": [1.001] * 8,
    "just too often in three rounds": [1.001] * 3,
    "better and better, and never good enough": [3.0, 2.0, 1.5, 1.2, 1.1, 1.05, 1.01, 1.001],
}


@pytest.mark.parametrize("history", HISTORIES)
@pytest.mark.parametrize(("rate", "confidence"), [(0.1, 0.9), (0.05, 0.9), (0.1, 0.8)])
def test_a_campaign_converges_undeservedly_as_seldom_as_it_says(rate: float, confidence: float, history: str) -> None:
    """Of 1000 campaigns that do not deserve it, over all their exams, and 2 % for chance: 1 - confidence in all."""
    audit, rng, campaigns = Audit(TOLERANCE, rate, confidence), np.random.default_rng(7), 1000
    rates = [times * rate for times in HISTORIES[history]]
    undeserved = sum(sit_exams(audit, rates, rng) is not None for _ in range(campaigns)) / campaigns
    print(f"stated {confidence:.0%}, held in {1 - undeserved:.1%} of {campaigns} campaigns: {history}")
    assert undeserved <= 1 - confidence + 0.02
    if history.endswith("every round"):
        assert undeserved > 0.2 * (1 - confidence), "a test that nobody could fail says nothing"


def test_a_campaign_that_deserves_it_converges_in_the_end() -> None:
    audit, rng = Audit(TOLERANCE), np.random.default_rng(8)
    passed = [sit_exams(audit, [0.3, 0.1, 0.01, 0.01, 0.01, 0.01], rng) for _ in range(500)]
    assert sum(rate == 0.01 for rate in passed) > 0.9 * len(passed)


def test_an_exam_is_drawn_at_random_from_all_that_is_accurate_and_from_nothing_else() -> None:
    audit, rng = Audit(TOLERANCE), np.random.default_rng(9)
    verdict = np.full(300, int(Verdict.ACCURATE))
    verdict[::20] = int(Verdict.CANDIDATE)
    verdict[:3] = int(Verdict.REJECTED)
    times = np.zeros(len(verdict))
    for _ in range(3000):
        drawn, exam = audit.draw(verdict, 0, rng)
        assert exam
        assert len(set(drawn)) == len(drawn) == audits_needed(0.1, 0.95)
        times[drawn] += 1
    accurate = verdict == Verdict.ACCURATE
    assert times[~accurate].sum() == 0
    expected = 3000 * 29 / accurate.sum()
    assert np.abs(times[accurate] - expected).max() < 5 * np.sqrt(expected)


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
