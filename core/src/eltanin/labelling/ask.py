"""Asking for labels: flaws are refused, known labels are looked up, and the rest is asked of the labeler."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import isfinite
from typing import Any

import numpy as np

from eltanin.batch import Properties, columns_of, fingerprints, missing, to_numpy
from eltanin.errors import EltaninError
from eltanin.labelling.answer import Inquiry, Question, ask
from eltanin.labelling.entropy import entropy
from eltanin.labelling.judge import learnable
from eltanin.labelling.listener import NOBODY, Listener
from eltanin.labelling.passes import LOST, Passes, is_known, may_pass
from eltanin.labelling.patience import LabelerBroken, Limits, Patience
from eltanin.protocols import Domain, Executor, Failure, Labeler, Labels, Rng
from eltanin.store.labels import LabelStore
from eltanin.store.method import differences, label_key, method_of, versions_of
from eltanin.store.records import Record


@dataclass(frozen=True)
class Asked:
    """The answers to n configurations.

    labels: n rows, and why some have no label.  cached: how many labels were in the store before.
    flawed: how many were never asked for.  keys: in the store, of each row; none without a store.
    """

    labels: Labels[Any]
    cached: int
    flawed: int
    keys: tuple[str, ...]

    @property
    def known(self) -> np.ndarray:
        """The rows that have a label."""
        rows = range(len(self.labels.values))
        return np.array([row for row in rows if row not in self.labels.failures], dtype=np.int64)


@dataclass(frozen=True)
class Labelling:
    """How configurations get their labels.

    domain: says what is asked for, what no labeler should be asked and what no model may learn.  seed:
    of the campaign.  store: where labels are kept; without one they are cheap: asked all at once, and
    forgotten.
    """

    domain: Domain[Any, Any, Any]
    labeler: Labeler[Any, Any]
    executor: Executor
    seed: int
    store: LabelStore | None
    limits: Limits = field(default_factory=Limits)

    @cached_property
    def method(self) -> dict[str, Any]:
        """The method of the labels, as the labeler describes it when the campaign begins."""
        return method_of(self.labeler)

    def ask(
        self, x: Any, provenance: Mapping[str, Any], listener: Listener = NOBODY, spent: Mapping[str, int] | None = None
    ) -> Asked:
        """Return labels of configurations; `listener` hears of each as it comes.

        spent: how many were "labelled" and "failed" in this campaign before: whether to go on depends on it.
        """
        if len(x) == 0:
            return Asked(Labels(Properties.none(0), {}), 0, 0, ())
        bare = replace(x, evidence={}) if hasattr(x, "evidence") else x  # where it came from never reaches a labeler
        flaws = self.domain.flaws(bare)
        if self.store is None:
            return self._at_once(bare, flaws, listener)
        patience = Patience(self.limits.failed, spent or {}, listener)
        return self._one_by_one(bare, flaws, _origins(x, provenance), self.store, patience)

    def trial(self, x: Any, rng: Rng, listener: Listener = NOBODY) -> None:
        """Put the labeler on trial, and raise `LabelerBroken` if the domain has reasons not to believe it."""
        lenient = replace(self, limits=replace(self.limits, failed=1.0))  # one that cannot be tried is not broken

        def asked(configurations: Any) -> Labels[Any]:
            return lenient.ask(configurations, {"reason": "trial"}, listener, {"labelled": 1}).labels

        if why := self.domain.trial(x, asked, rng):
            raise LabelerBroken(
                f"the labeler is not to be believed: {why}. Mend it, and raise its `revision`:"
                " what it said is in the store"
            )

    def _one_by_one(
        self,
        x: Any,
        flaws: Mapping[int, Failure],
        origins: Sequence[Mapping[str, Any]],
        store: LabelStore,
        patience: Patience,
    ) -> Asked:
        self._check_method()
        names = fingerprints(x)
        keys = tuple(label_key(name, self.method, self.wanted) for name in names)
        times = Counter(keys)
        known = store.get(times.keys() - {keys[row] for row in flaws})
        answers = {key: self._seen(record) for key, record in known.items() if is_known(record, self.limits.terms)}
        cached = sum(times[key] for key, one in answers.items() if not isinstance(one, Failure))
        for key in answers:
            patience.pass_on(key, answers[key], times[key])
        for row, failure in flaws.items():  # which no key of the store tells of
            answers[keys[row]] = failure
            patience.pass_on("", failure, 1)
        new = {key: row for row, key in enumerate(keys) if key not in answers}  # equal ones are asked once
        questions = [Question(x[np.array([row])], names[row], key, origins[row]) for key, row in new.items()]
        questions = [one.after(known[one.key]) if one.key in known else one for one in questions]
        with closing(
            Passes(self.executor, store, self._inquiry(store), self.limits.terms, patience.listener).answers(questions)
        ) as made:
            for record in made:
                if may_pass(record):
                    patience.doubt(record.key, self._seen(record))
                else:
                    answers[record.key] = self._seen(record)
                    patience.hear(record.key, answers[record.key], times[record.key])
        return Asked(_joined([answers[key] for key in keys]), cached, len(flaws), keys)

    def _seen(self, record: Record) -> Any:
        """Return an answer as this campaign sees it: a label that it may not learn is a failure."""
        if record.failure is not None:
            return record.failure
        labels = learnable(record.x, Labels(record.answer, {}), self.domain.refusals)
        return labels.failures.get(0, record.answer)

    def _inquiry(self, store: LabelStore) -> Inquiry:
        versions = versions_of(self.labeler)
        return Inquiry(self.labeler, self.wanted, self.method, versions, self.domain.refusals, store.objects)

    def _check_method(self) -> None:
        """Refuse to go on if what the method stands on has changed since the campaign began."""
        if changed := differences(self.method, method_of(self.labeler)):
            raise EltaninError(
                f"the method of the labels is not what it was when this campaign began: {'; '.join(changed)}."
                " Labels of two methods are never mixed: put it back and resume, or start a new run"
            )

    def _at_once(self, x: Any, flaws: Mapping[int, Failure], listener: Listener) -> Asked:
        sound = np.array([row for row in range(len(x)) if row not in flaws], dtype=np.int64)
        labels = self._batch(x[sound]) if len(sound) else Labels(Properties.none(0), {})
        failures = {int(sound[row]): failure for row, failure in labels.failures.items()} | dict(flaws)
        for failure in failures.values():
            listener.answered("", failure)
        values = labels.values
        if flaws:  # in their place any row will do: it is not read
            at = np.searchsorted(sound, np.arange(len(x))).clip(max=len(sound) - 1)
            values = values[at] if len(sound) else Properties.none(len(x))
        return Asked(Labels(values, failures), 0, len(flaws), ())

    def _batch(self, x: Any) -> Labels[Any]:
        """Return the answers to all of a batch, made in one task, which may take as long as all of them."""
        task = (self.labeler, x, self.wanted, entropy(x, self.seed))
        seconds = self.limits.seconds and self.limits.seconds * len(x)
        terms = self.limits.terms._replace(seconds=seconds, outlives=False)
        with closing(self.executor.run(ask, [task], terms)) as results:
            _, result = next(results, (0, LOST))
        if isinstance(result, Failure):
            return Labels(Properties.none(len(x)), dict.fromkeys(range(len(x)), result))
        labels, _ = result
        return learnable(x, labels, self.domain.refusals)

    @property
    def wanted(self) -> frozenset[str]:
        """The properties to ask for."""
        return self.domain.wanted


def _origins(x: Any, provenance: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return where each configuration came from: who asked, and its own evidence as far as it is a number or a word."""
    told = {k: to_numpy(v) for k, v in getattr(x, "evidence", {}).items() if getattr(v, "ndim", 0) == 1}
    rows = [{name: _finite(column[row].item()) for name, column in told.items()} for row in range(len(x))]
    return [{**provenance, "evidence": row} for row in rows]


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not isfinite(value) else value


def _joined(answers: Sequence[Any]) -> Labels[Any]:
    """Return labels row by row, with a blank where there is none."""
    failures = {row: answer for row, answer in enumerate(answers) if isinstance(answer, Failure)}
    if len(failures) == len(answers):
        return Labels(Properties.none(len(answers)), failures)
    example = next(answer for answer in answers if not isinstance(answer, Failure))
    kind: type[Any] = type(example)
    blank = kind(**missing(columns_of(example), 1))
    return Labels(kind.concatenate([blank if r in failures else a for r, a in enumerate(answers)]), failures)
