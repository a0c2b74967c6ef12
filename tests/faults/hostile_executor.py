"""An executor that loses results, repeats them, hands them over in any order or too late, and dies."""

from __future__ import annotations

import pickle
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from eltanin.labelling.answer import answer
from eltanin.protocols import Failure
from eltanin.terms import FREELY, Results, Tasks, Terms

# What becomes of a task, and of its result.
FATES = (
    "fine",
    "never run",
    "lost",
    "repeated",
    "run twice",
    "last of all",
    "late",
    "worker dies",
    "dies before",
    "dies after",
)
COSTS_AN_ATTEMPT = {"never run", "lost", "late", "worker dies"}
SPARED = 2  # times that a label is lost, at most: the third time it would be a failure, and rightly so


class Died(BaseException):
    """The process of the campaign is gone."""


class Hostile:
    """Deals with tasks one after another as fate has it; when no fate is left, as it should."""

    threads = 1

    def __init__(self) -> None:
        self.fates: list[str] = []
        self.order = np.random.default_rng(0)
        self.late: list[tuple[int, Any]] = []
        self.lost: Counter[str] = Counter()

    def run(self, function: Callable[..., Any], tasks: Tasks, terms: Terms = FREELY) -> Results:
        """Yield (index, result), more or less."""
        labels = function is answer
        if labels:  # what a label's task left behind may turn up among others; a training's has nowhere to go
            yield from self.late
            self.late = []
        held: list[tuple[int, Any]] = []
        for index in self.order.permutation(len(tasks)):
            fate = self._fate(tasks[index], labels)
            for result in self._done(fate, function, tasks[index]):
                match fate:
                    case "lost":
                        continue
                    case "late":
                        self.late.append((int(index), result))
                    case "last of all":
                        held.append((int(index), result))
                    case _:
                        yield int(index), result
        yield from held

    def _fate(self, task: Sequence[Any], labels: bool) -> str:
        fate = self.fates.pop() if self.fates else "fine"
        if fate in COSTS_AN_ATTEMPT:
            key = task[1].key if labels else ""
            if not labels or self.lost[key] >= SPARED:
                return "fine"
            self.lost[key] += 1
        return fate

    def _done(self, fate: str, function: Callable[..., Any], task: Sequence[Any]) -> list[Any]:
        if fate == "never run":
            return []
        if fate == "worker dies":
            return [Failure("crash", "the worker died before it began")]
        if fate == "dies before":
            raise Died
        copies = [
            pickle.loads(pickle.dumps(task)) for _ in range(2 if fate == "run twice" else 1)
        ]  # as if it were sent
        results = [function(*copy) for copy in copies]
        if fate == "dies after":
            raise Died
        return results * (2 if fate == "repeated" else 1)
