"""Answering one question, wherever the executor lets it run: claim it, ask, judge, keep, tell.

Whoever makes a label keeps it before telling anybody: so it is there even if the campaign has died
meanwhile. While it is made, its key is claimed: two campaigns that want one label pay for it once.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from eltanin.batch import Properties
from eltanin.execution.memory import is_lack_of_memory
from eltanin.execution.output import last_output
from eltanin.labelling.judge import Refusals, whole
from eltanin.protocols import Evidence, Failure, Labeler, Labels
from eltanin.randomness import stream
from eltanin.store.leases import Held, beating
from eltanin.store.objects import Objects
from eltanin.store.records import Record
from eltanin.store.reported import otherwise_made


class Question(NamedTuple):
    """One configuration, its fingerprint, the key of its label, where it came from, and what came of it so far.

    attempts: how often it was asked.  eased: it met a limit, and has twice as much now.
    """

    x: Any
    configuration: str
    key: str
    origin: Mapping[str, Any]
    attempts: int = 0
    eased: bool = False

    def is_answered_by(self, known: Record) -> bool:
        """Say whether a record tells more than was known when this was asked."""
        return known.failure is None or known.attempt > self.attempts

    def after(self, known: Record) -> Question:
        """Return the question as it is asked again after a failure."""
        met_limit = known.failure is not None and known.failure.kind in ("timeout", "memory")
        return self._replace(attempts=known.attempt, eased=met_limit)


class Busy(NamedTuple):
    """Somebody else is at this label."""

    holder: str


class Made(NamedTuple):
    """An answer, and whether it is in the store already."""

    record: Record
    kept: bool


@dataclass(frozen=True)
class Inquiry:
    """What all questions have in common. refusals: what no model may learn, of the domain."""

    labeler: Labeler[Any, Any]
    wanted: frozenset[str]
    method: Mapping[str, Any]
    versions: Mapping[str, str]
    refusals: Refusals
    objects: Objects

    def record(self, question: Question, answer: Any, seconds: float, evidence: Evidence) -> Record:
        """Return the answer with all that is to be known of it."""
        return Record.of(
            answer,
            question.x,
            evidence=evidence,
            configuration=question.configuration,
            wanted=tuple(sorted(self.wanted)),
            method=self.method,
            seconds=seconds,
            origin=question.origin,
            versions=self.versions,
            created=time.time(),
        )


def answer(inquiry: Inquiry, question: Question) -> Made | Busy:
    """Return the answer, somebody else's if there is one by now."""
    objects = inquiry.objects
    try:
        lease = objects.claim(question.key)
    except Held as held:
        return Busy(str(held))
    try:
        with beating(lease):
            known = objects.find(question.key)
            if known is not None and question.is_answered_by(known):
                return Made(known, kept=True)
            return _kept(objects, _asked(inquiry, question))
    finally:
        lease.remove()


def _kept(objects: Objects, record: Record) -> Made:
    try:
        return Made(objects.put(record), kept=True)
    except OSError:  # this place cannot keep it; perhaps the one that asked can, and else it says so
        return Made(record, kept=False)


def _asked(inquiry: Inquiry, question: Question) -> Record:
    """Ask, and judge what comes back."""
    labels, seconds = ask(inquiry.labeler, question.x, inquiry.wanted, int(question.key, 16))
    labels = whole(question.x, labels, inquiry.refusals)
    evidence = labels.evidence.get(0, {})
    failure = labels.failures.get(0) or otherwise_made(inquiry.objects.root, inquiry.method, evidence)
    if failure is not None:
        return inquiry.record(question, failure._replace(output=failure.output or last_output()), seconds, {})
    return inquiry.record(question, labels.values, seconds, evidence)


def ask(labeler: Labeler[Any, Any], x: Any, wanted: frozenset[str], entropy: int) -> tuple[Labels[Any], float]:
    """Return what a labeler says, and the seconds that it took.

    Its exceptions are failures of all rows, but for want of memory: that is about this process, not
    the labeler, and whoever runs it deals with it.
    """
    begun = time.perf_counter()
    try:
        labels = labeler.label(x, wanted, stream(entropy, "label"))
    except Exception as error:
        if is_lack_of_memory(error):
            raise
        told = "".join(traceback.format_exception(error)[-4:])
        said = traceback.TracebackException.from_exception(error)  # its text: that of an exception may raise another
        failure = Failure("error", f"{type(error).__name__}: {said}", told)
        labels = Labels(Properties.none(len(x)), dict.fromkeys(range(len(x)), failure))
    return labels, time.perf_counter() - begun
