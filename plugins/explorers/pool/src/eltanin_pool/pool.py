"""Active learning: many configurations are given, and few of them are to be labelled.

The pool of a round is what has no label yet. Labels that lie beside the configurations are not
looked at: they are the labeler's to give when it is asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from eltanin import labelled
from eltanin.protocols import Data, Feedback, OwnDomain, Predictor, Rng

FIRST = ("random", "even")


@dataclass(frozen=True)
class Pool:
    """Shows configurations that exist already, as long as they have no label.

    parts: paths or globs below `data`; all of it if there are none.
    initial: configurations of the first round.
    first: how these are taken, at `random` or `even`, at equal strides in the order of the data from the first to the
        last: for a scan or a path, of which no part should be left out by chance.
    per_round: configurations shown in a later round, drawn at random; all if left out.
    """

    domain: ClassVar[str] = "any"
    revision: ClassVar[int] = 1

    data: Data
    reader: OwnDomain
    parts: list[str] = field(default_factory=list)
    initial: int = 20
    first: str = "random"
    per_round: int | None = None

    def __post_init__(self) -> None:
        """Refuse data that are not there, and rounds without configurations."""
        labelled.find(self.data, self.parts)
        if self.initial < 1:
            raise ValueError(f"explorer.initial={self.initial}: give 1 or more to begin with")
        if self.first not in FIRST:
            raise ValueError(
                f"explorer.first={self.first}: configurations to begin with are taken {' or '.join(FIRST)}"
            )
        if self.per_round is not None and self.per_round < 1:
            raise ValueError(f"explorer.per_round={self.per_round}: give 1 or more, or leave it out to show all")

    @cached_property
    def everything(self) -> Any:
        """All configurations, in the order of the data; read once."""
        x, _ = labelled.read(self.reader, self.data, self.parts)
        return x

    def init(self, rng: Rng) -> np.ndarray:
        """Return which configurations have a label: (n,) booleans, none as yet."""
        del rng
        n = len(self.everything)
        if self.initial > n:
            raise ValueError(
                f"explorer.initial={self.initial}, but data={self.data} holds {n} configurations "
                "in these parts: ask for fewer"
            )
        return np.zeros(n, dtype=bool)

    def explore(
        self,
        committee: Sequence[Predictor[Any, Any]],
        state: np.ndarray,
        feedback: Feedback | None,
        rng: Rng,
    ) -> tuple[Any, np.ndarray]:
        """Return configurations that were not asked for yet, evidence["index"] telling which; and the state."""
        done = with_asked(state, feedback)
        left = np.flatnonzero(~done)
        shown = drawn(left, self.per_round, rng) if committee else self._begun(left, rng)
        x = self.everything[shown]
        return replace(x, evidence=dict(x.evidence) | {"index": shown}), done

    def _begun(self, rows: np.ndarray, rng: Rng) -> np.ndarray:
        return spaced(rows, self.initial) if self.first == "even" else drawn(rows, self.initial, rng)


def with_asked(done: np.ndarray, feedback: Feedback | None) -> np.ndarray:
    """Return (n,) booleans that also hold what was asked in the last round."""
    if feedback is None or "index" not in feedback.evidence:
        return done
    now = done.copy()
    now[np.asarray(feedback.evidence["index"])[np.asarray(feedback.asked, dtype=bool)]] = True
    return now


def drawn(rows: np.ndarray, most: int | None, rng: Rng) -> np.ndarray:
    """Return at most so many rows, drawn at random without replacement, in their order."""
    if most is None or most >= len(rows):
        return rows
    return np.sort(rng.choice(rows, size=most, replace=False))


def spaced(rows: np.ndarray, most: int) -> np.ndarray:
    """Return at most so many rows at equal strides, the first and the last among them if there are two or more."""
    if most >= len(rows):
        return rows
    return rows[np.rint(np.linspace(0, len(rows) - 1, most)).astype(np.int64)]
