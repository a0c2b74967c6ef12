"""Labelling: how the loop asks labelers. Known labels are looked up, new ones are made, judged and kept."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from eltanin.batch import Batch, Properties, Ragged, columns_of, fingerprints, missing, to_numpy
from eltanin.errors import EltaninError
from eltanin.protocols import Executor, Failure, Labeler, Labels
from eltanin.randomness import stream
from eltanin.store.labels import LabelStore
from eltanin.store.method import label_key, method_of, versions_of
from eltanin.store.records import Record
from eltanin.store.trees import decode, encode


@dataclass(frozen=True)
class Asked:
    """The answers to n configurations.

    labels: n rows, and why some have no label.  cached: how many labels were in the store before.
    keys: in the store, of each row; none without a store.
    """

    labels: Labels[Any]
    cached: int
    keys: tuple[str, ...]

    @property
    def known(self) -> np.ndarray:
        """The rows that have a label."""
        rows = range(len(self.labels.values))
        return np.array([row for row in rows if row not in self.labels.failures], dtype=np.int64)


class Question(NamedTuple):
    """One configuration, its fingerprint, and the key of its label."""

    x: Any
    configuration: str
    key: str


def _unheard() -> None:
    """Tell nobody."""


@dataclass(frozen=True)
class Labelling:
    """How configurations get their labels.

    wanted: the properties to ask for.  seed: of the campaign.  store: where labels are kept; without
    one they are cheap: asked all at once, and forgotten.  refusals: what no model may learn, of
    configurations and their labels.
    """

    labeler: Labeler[Any, Any]
    wanted: frozenset[str]
    executor: Executor
    seed: int
    store: LabelStore | None
    refusals: Callable[[Any, Any], Mapping[int, Failure]]

    @cached_property
    def method(self) -> dict[str, Any]:
        """The method of the labels, as the labeler describes it."""
        return method_of(self.labeler)

    @cached_property
    def versions(self) -> dict[str, str]:
        """The code that makes the labels."""
        return versions_of(self.labeler)

    def ask(self, x: Any, provenance: Mapping[str, Any], on_done: Callable[[], None] = _unheard) -> Asked:
        """Return labels of configurations; `on_done` hears of each as it comes, without a store of all."""
        if len(x) == 0:
            return Asked(Labels(Properties.none(0), {}), 0, ())
        if self.store is None:
            return self._ask_at_once(x, on_done)
        bare = _without_evidence(x)
        names = fingerprints(bare)
        keys = tuple(label_key(name, self.method, self.wanted) for name in names)
        times = Counter(keys)
        answers = {key: record.answer for key, record in self.store.answers(times).items()}
        cached = sum(times[key] for key, answer in answers.items() if not isinstance(answer, Failure))
        for _ in range(sum(times[key] for key in answers)):
            on_done()
        rows = {key: row for row, key in enumerate(keys) if key not in answers}  # equal ones are asked once
        questions = [Question(bare[np.array([row])], names[row], key) for key, row in rows.items()]
        with closing(self._made(questions, provenance, self.store)) as made:
            for key, answer in made:
                answers[key] = answer
                for _ in range(times[key]):
                    on_done()
        return Asked(_joined([answers[key] for key in keys]), cached, keys)

    def _made(
        self, questions: Sequence[Question], provenance: Mapping[str, Any], store: LabelStore
    ) -> Generator[tuple[str, Any], None, None]:
        """Yield keys and answers as they come, kept already.

        One configuration is one task, so that no label depends on its neighbours, and its random
        stream is named by its key alone: whoever asks, in whatever campaign, gets the same label.
        """
        tasks = [(self.labeler, one.x, self.wanted, int(one.key, 16)) for one in questions]
        with closing(_closable(self.executor.run(label, tasks))) as results:
            for index, result in results:
                one = questions[index]
                labels, seconds = _lost(one.x, result) if isinstance(result, Failure) else result
                record = Record(
                    answer=self._answer(one.x, labels),
                    configuration=one.configuration,
                    wanted=tuple(sorted(self.wanted)),
                    method=self.method,
                    seconds=seconds,
                    origin=provenance,
                    versions=self.versions,
                    created=time.time(),
                )
                yield one.key, store.put(one.key, record).answer

    def _answer(self, x: Any, labels: Labels[Any]) -> Any:
        """Return the label of one configuration, on the host, or why there is none."""
        on_host = Labels(decode(*encode(labels.values)), labels.failures)
        judged = self._judged(x, on_host)
        return judged.failures.get(0, judged.values)

    def _ask_at_once(self, x: Any, on_done: Callable[[], None]) -> Asked:
        bare = _without_evidence(x)
        tasks = [(self.labeler, bare, self.wanted, _entropy(bare, self.seed))]
        with closing(_closable(self.executor.run(label, tasks))) as results:
            _, result = next(results)
        labels, _ = _lost(bare, result) if isinstance(result, Failure) else result
        on_done()
        return Asked(self._judged(bare, labels), 0, ())

    def _judged(self, x: Any, labels: Labels[Any]) -> Labels[Any]:
        """Return the labels with what no model may learn among the failures."""
        if len(labels.failures) == len(x):
            return labels
        if len(labels.values) != len(x):
            raise EltaninError(
                f"{type(self.labeler).__name__} was asked for {len(x)} labels and returned {len(labels.values)}:"
                " `values` has a row for each configuration, those that failed included. Tell whoever wrote it"
            )
        refused = self.refusals(x, labels.values)
        return replace(labels, failures={**refused, **labels.failures}) if refused else labels


def label(labeler: Labeler[Any, Any], x: Any, wanted: frozenset[str], entropy: int) -> tuple[Labels[Any], float]:
    """Ask a labeler; return its answer, and the seconds that it took."""
    begun = time.perf_counter()
    labels = labeler.label(x, wanted, stream(entropy, "label"))
    return labels, time.perf_counter() - begun


def _lost(x: Any, failure: Failure) -> tuple[Labels[Any], float]:
    return Labels(Properties.none(len(x)), dict.fromkeys(range(len(x)), failure)), 0.0


def _joined(answers: Sequence[Any]) -> Labels[Any]:
    """Return labels row by row, with a blank where there is none."""
    failures = {row: answer for row, answer in enumerate(answers) if isinstance(answer, Failure)}
    if len(failures) == len(answers):
        return Labels(Properties.none(len(answers)), failures)
    example = next(answer for answer in answers if not isinstance(answer, Failure))
    kind: type[Any] = type(example)
    blank = kind(**missing(columns_of(example), 1))
    return Labels(kind.concatenate([blank if r in failures else a for r, a in enumerate(answers)]), failures)


def _without_evidence(x: Any) -> Any:
    """Return what a label depends on; where a configuration came from never reaches a labeler."""
    return replace(x, evidence={}) if any(f.name == "evidence" for f in fields(x)) else x


def _entropy(x: Batch, seed: int) -> int:
    """Return the name of the random stream of a batch."""
    digest = hashlib.sha256(str(seed).encode())
    for array in _arrays(columns_of(x)):
        digest.update(to_numpy(array).tobytes())
    return int.from_bytes(digest.digest(), "big")


def _arrays(column: Any) -> Iterable[Any]:
    match column:
        case Mapping():
            parts = column.values()
        case Ragged():
            parts = (column.values, column.counts)
        case Batch():
            parts = columns_of(column).values()
        case _:
            return [column]
    return [array for part in parts for array in _arrays(part)]


def _closable(results: Iterable[tuple[int, Any]]) -> Generator[tuple[int, Any], None, None]:
    """Pass results on; closing this ends an executor that can be ended."""
    yield from results
