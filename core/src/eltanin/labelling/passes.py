"""Passes over the questions that are open: what may pass is asked again, what others are at is waited for."""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from eltanin.errors import EltaninError
from eltanin.labelling.answer import Busy, Inquiry, Made, Question, answer
from eltanin.labelling.listener import Listener
from eltanin.protocols import Executor, Failure
from eltanin.store.attempts import AT_ONCE, settled
from eltanin.store.labels import LabelStore
from eltanin.store.records import Record
from eltanin.terms import Terms

FIRST_LOOK, LAST_LOOK = 0.05, 2.0  # seconds between looks at a label that somebody else is making
LIMITS = {"timeout": "seconds", "memory": "gigabytes"}
LOST = Failure("transient", "the executor took the task and never answered")


@dataclass(frozen=True)
class Passes:
    """One inquiry: who answers, where answers are kept, what questions have in common, on what terms, who listens."""

    executor: Executor
    store: LabelStore
    inquiry: Inquiry
    terms: Terms
    listener: Listener

    def answers(self, questions: Sequence[Question]) -> Generator[Record, None, None]:
        """Yield the answers as they come, kept already; those that `may_pass` come again.

        One configuration is one task, so that no label depends on its neighbours, and its random
        stream is named by its key alone: whoever asks, in whatever campaign, gets the same label.
        """
        pending, pause = list(questions), FIRST_LOOK
        while pending:
            asked, pending, busy = pending, list[Question](), list[Busy]()
            for question, found in self._all(asked):
                if isinstance(found, Busy):
                    busy.append(found)
                    pending.append(question)
                else:
                    if may_pass(found):
                        pending.append(question.after(found))
                    yield found
            if len(busy) == len(asked):
                self.listener.awaited(len(busy), busy[0].holder)
                time.sleep(pause)
                pause = min(2 * pause, LAST_LOOK)
            else:
                pause = FIRST_LOOK

    def _all(self, questions: Sequence[Question]) -> Generator[tuple[Question, Record | Busy], None, None]:
        """Ask each question once, those that met a limit on easier terms."""
        for eased, terms in ((False, self.terms), (True, self.terms.eased(2))):
            yield from self._once([question for question in questions if question.eased == eased], terms)

    def _once(
        self, questions: Sequence[Question], terms: Terms
    ) -> Generator[tuple[Question, Record | Busy], None, None]:
        """Ask each question once; yield it with what the store holds now, or with who is at it.

        An executor may lose results, deliver them twice, in any order, or when another question has their index.
        """
        waiting, tasks = dict(enumerate(questions)), [(self.inquiry, question) for question in questions]
        with closing(self.executor.run(answer, tasks, terms)) as results:
            for index, result in results:
                if index in waiting and _answers(result, waiting[index]):
                    question = waiting.pop(index)
                    yield question, self._kept(question, result, terms)
        for question in waiting.values():
            yield question, self._kept(question, LOST, terms)

    def _kept(self, question: Question, result: Any, terms: Terms) -> Record | Busy:
        match result:
            case Busy():
                return result
            case Made(record, True):
                self.store.enter([record])
                return record
            case Made(record, False):
                return self.store.put(record)
            case Failure():  # the worker may have kept an answer before it died
                known = self.store.get([question.key]).get(question.key)
                if known is not None and question.is_answered_by(known):
                    return known
                spent = terms.seconds if result.kind == "timeout" else None  # of others nobody knows
                allowed = {"seconds": terms.seconds, "gigabytes": terms.gigabytes}
                return self.store.put(self.inquiry.record(question, result, spent or 0.0, {"allowed": allowed}))
            case _:
                what = type(result).__name__
                raise EltaninError(f"the executor returned a {what} in the place of a label: tell whoever wrote it")


def _answers(result: Any, question: Question) -> bool:
    return not isinstance(result, Made) or result.record.key == question.key


def is_known(record: Record, terms: Terms) -> bool:
    """Say whether an answer in the store holds on these terms: one that met a tighter limit is asked again."""
    failure, allowed = record.failure, record.evidence.get("allowed", {})
    if failure is None or failure.kind not in LIMITS:
        return failure is None or settled(failure, record.attempt)
    before, now = allowed.get(LIMITS[failure.kind]), getattr(terms.eased(2), LIMITS[failure.kind])
    return settled(failure, record.attempt) and (before is None or (now is not None and now <= before))


def may_pass(record: Record) -> bool:
    """Say whether an answer is a failure that is asked again at once."""
    failure = record.failure
    return failure is not None and failure.kind in AT_ONCE and not settled(failure, record.attempt)
