"""The journal of a round: times its stages, counts, and tells whoever watches."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from eltanin.protocols import Failure, Metrics, Reason, Verdict

if TYPE_CHECKING:
    from eltanin.campaign import Rows
    from eltanin.labelling.ask import Asked
    from eltanin.protocols import Selection

QUANTILES = {"q05": 0.05, "q25": 0.25, "q50": 0.5, "q75": 0.75, "q95": 0.95, "max": 1.0}


class Outcome(NamedTuple):
    """What a round brought."""

    pool: Any
    different: int
    asked: Selection[Any]
    rows: Rows
    answer: Asked
    statement: Mapping[str, Any]
    metrics: Sequence[Metrics]
    errors: Mapping[str, float]

    def counts(self) -> dict[str, int]:
        """Return what adds up over rounds."""
        return {
            "explored": len(self.pool),
            "different": self.different,
            "labelled": len(self.rows),
            "failed": len(self.answer.labels.failures) - self.answer.flawed,
            "flawed": self.answer.flawed,
            "cached": self.answer.cached,
            "audited": int(np.sum(self.rows.reason == int(Reason.AUDIT))),
            "exams": int(self.statement.get("exam", 0) > 0),
        }

    def described(self) -> dict[str, Any]:
        """Return what is told of this round alone."""
        finite = self.asked.score[np.isfinite(self.asked.score)]
        failures = Counter(failure.kind for failure in self.answer.labels.failures.values())
        verdicts = {v.name.lower(): int(np.sum(self.asked.verdict == int(v))) for v in Verdict}
        return verdicts | {
            "initial": int(np.sum(self.rows.reason == int(Reason.INITIAL))),
            "failed": dict(failures),
            "deviation": {k: float(np.quantile(finite, q)) for k, q in QUANTILES.items() if len(finite)},
            "training": _means(self.metrics),
            "curves": {k: list(v) for k, v in _curves(self.metrics).items()},
            "validation": dict(self.errors),
            "audit": dict(self.statement),
        }


class Journal:
    """Mutable, and gone with its round: what lasts goes into the record and the snapshot."""

    def __init__(self, hooks: Any, number: int) -> None:
        """Start the clock of a round."""
        self.hooks, self.number, self.current = hooks, number, ""
        self.begun = time.perf_counter()
        self.seconds: defaultdict[str, float] = defaultdict(float)

    @contextmanager
    def stage(self, name: str, tasks: int = 0) -> Generator[None]:
        """Time a stage, and announce it."""
        self.current = name
        if self.hooks:
            self.hooks.stage_started(round=self.number, stage=name, tasks=tasks)
        begun = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] += time.perf_counter() - begun

    def task_finished(self) -> None:
        """Announce that a task of the present stage ended."""
        if self.hooks:
            self.hooks.task_finished(round=self.number, stage=self.current)

    def answered(self, key: str, answer: Any) -> None:
        """Announce the answer to a question: why there is no label, if there is none."""
        if self.hooks and isinstance(answer, Failure):
            self.hooks.labels_failed(round=self.number, failures=[answer], keys=[key])
        self.task_finished()

    def awaited(self, labels: int, holder: str) -> None:
        """Announce that labels are made by others, and will be taken from the store."""
        if self.hooks:
            self.hooks.labels_awaited(round=self.number, labels=labels, holder=holder)

    def finish(self, brought: Outcome, totals: Mapping[str, int]) -> None:
        """Announce the record of the round; `totals` are those of the campaign with it."""
        if not self.hooks:
            return
        record = {"round": self.number, **brought.counts(), **brought.described()}
        record |= {"labels_total": totals["labelled"], "seconds": self._seconds()}
        self.hooks.round_finished(record=record)

    def _seconds(self) -> dict[str, float]:
        whole = time.perf_counter() - self.begun
        return {**self.seconds, "core": max(0.0, whole - sum(self.seconds.values()))}


def _means(metrics: Sequence[Metrics]) -> dict[str, float]:
    numbers = [{k: v for k, v in one.items() if isinstance(v, int | float)} for one in metrics]
    return {k: float(np.mean([one[k] for one in numbers])) for k in (numbers[0] if numbers else {})}


def _curves(metrics: Sequence[Metrics]) -> dict[str, Sequence[float]]:
    first: Metrics = metrics[0] if metrics else {}
    return {k: v for k, v in first.items() if not isinstance(v, int | float)}
