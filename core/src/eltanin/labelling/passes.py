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
        """Yield the answers as they come, kept already.

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
                elif _may_pass(found):
                    pending.append(question.after(found))
                else:
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
                    yield question, self._kept(question, result)
        for question in waiting.values():
            yield question, self._kept(question, LOST)

    def _kept(self, question: Question, result: Any) -> Record | Busy:
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
                return self.store.put(self.inquiry.record(question, result, 0.0, {}))
            case _:
                what = type(result).__name__
                raise EltaninError(f"the executor returned a {what} in the place of a label: tell whoever wrote it")


def _answers(result: Any, question: Question) -> bool:
    return not isinstance(result, Made) or result.record.key == question.key


def _may_pass(record: Record) -> bool:
    failure = record.failure
    return failure is not None and failure.kind in AT_ONCE and not settled(failure, record.attempt)
