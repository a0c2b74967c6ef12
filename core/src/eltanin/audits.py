"""Audits: labels of what the selector called accurate, and what may be concluded from them.

A committee can agree and be wrong, so agreement never ends a campaign. An *exam* does: n samples
drawn at random from what the selector called accurate are labelled and compared with the model as
it was. With k failures the failure rate of the accurate is at most p (Clopper & Pearson 1934) where
sum_{i<=k} C(n, i) p^i (1 - p)^(n - i) = 1 - confidence.
A campaign may sit several exams; the j-th spends (1 - confidence) / 2^j of the risk, so that the
chance of passing any of them undeservedly stays below 1 - confidence.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from eltanin.protocols import Rng, Verdict


def failure_bound(failures: int, audits: int, confidence: float) -> float:
    """Return the upper bound of a failure rate, given failures in independent audits."""
    if failures >= audits:
        return 1.0
    low, high = failures / audits, 1.0
    while high - low > 1e-12:
        p = (low + high) / 2
        terms = (math.comb(audits, i) * p**i * (1 - p) ** (audits - i) for i in range(failures + 1))
        low, high = (p, high) if sum(terms) > 1 - confidence else (low, p)
    return high


def audits_needed(rate: float, confidence: float) -> int:
    """Return how many audits without a failure bound the failure rate."""
    return math.ceil(math.log(1 - confidence) / math.log(1 - rate) - 1e-9)


@dataclass
class Audit:
    """How the claims of the selector are tested.

    tolerance: error, in the unit of the domain's measure, above which an audit fails; none, and there are no audits.
    failure_rate: of what is called accurate, at most this part may fail.
    confidence: with which that must hold.
    each_round: audits in every round, for calibration.
    accurate_fraction: of the pool; from here on a round holds an exam.
    """

    tolerance: float | None = None
    failure_rate: float = 0.1
    confidence: float = 0.9
    each_round: int = 2
    accurate_fraction: float = 0.9

    def __post_init__(self) -> None:
        """Refuse settings that have no meaning."""
        for name in ("failure_rate", "confidence", "accurate_fraction"):
            if not 0 < (value := getattr(self, name)) < 1:
                raise ValueError(f"audit.{name}={value} is a fraction: give a number between 0 and 1")
        if self.tolerance is not None and not 0 < self.tolerance < math.inf:
            raise ValueError(
                f"audit.tolerance={self.tolerance}: an error bound is a number above 0; give audit.tolerance=NUMBER in"
                " the unit of the domain's measure, or null for no audits"
            )
        if self.each_round < 0:
            raise ValueError(f"audit.each_round={self.each_round}: give 0 or more")

    def confidence_of(self, exam: int) -> float:
        """Return the confidence that the exam of this number (1, 2, …) must reach on its own."""
        return 1 - (1 - self.confidence) / 2**exam

    def draw(self, verdict: np.ndarray, exams: int, rng: Rng) -> tuple[np.ndarray, bool]:
        """Return rows of the pool to audit, and whether they make an exam; `exams` were held."""
        accurate = np.flatnonzero(verdict == Verdict.ACCURATE)
        if self.tolerance is None or len(accurate) == 0:
            return accurate[:0], False
        size = audits_needed(self.failure_rate, self.confidence_of(exams + 1))
        exam = len(accurate) >= max(size, self.accurate_fraction * len(verdict))
        wanted = size if exam else min(self.each_round, len(accurate))
        return np.sort(rng.choice(accurate, size=wanted, replace=False)), exam

    def judge(self, errors: np.ndarray, exam: int) -> dict[str, Any]:
        """Return the statement that the errors (n,) of audits allow; `exam` is 0 if it was none."""
        if self.tolerance is None or len(errors) == 0:
            return {}
        confidence = self.confidence_of(exam) if exam else self.confidence
        failures = int(np.sum(~(errors <= self.tolerance)))
        bound = failure_bound(failures, len(errors), confidence)
        return {
            "audits": len(errors),
            "failures": failures,
            "failure_rate_at_most": bound,
            "confidence": confidence,
            "tolerance": self.tolerance,
            "exam": exam,
            "converged": bool(exam and bound <= self.failure_rate),
        }
