"""The loop: explore ─▶ select ─▶ label ─▶ train ─▶ (next round)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from eltanin import endings
from eltanin.audits import Audit
from eltanin.batch import Properties
from eltanin.errors import EltaninError
from eltanin.labelling.ask import Asked, Labelling
from eltanin.protocols import (
    Dataset,
    Domain,
    Executor,
    Explorer,
    Failure,
    Feedback,
    Metrics,
    Model,
    Predictor,
    Reason,
    Rng,
    Selection,
    Selector,
    Verdict,
)
from eltanin.randomness import stream
from eltanin.registry import name_of
from eltanin.run.journal import Journal, Outcome

Committee = Sequence[Predictor[Any, Any]]
Rows = Dataset[Any, Any, Any]


@dataclass(frozen=True)
class Snapshot:
    """All that a campaign is between two rounds: what it needs to go on, and nothing else.

    round: the next one.  models: a state for each member.  spent: totals so far (explored, different,
    labelled, failed, flawed, cached, audited, exams).  stalled: rounds in which nothing could be learned, on end.
    status: running, converged, budget or failed.
    """

    round: int = 0
    data: Rows | None = None
    explorer: Any = None
    models: tuple[Any, ...] = ()
    feedback: Feedback | None = None
    status: str = "running"
    stop_reason: str = ""
    spent: Mapping[str, int] = field(default_factory=dict)
    stalled: int = 0


@dataclass(frozen=True)
class Campaign:
    """The parts of one campaign. `advance` is a round: a function of its snapshot alone.

    memory: "all" labels, those of the "latest" round, or of so many rounds.  labels: at most so
    many, over all rounds.  validation: configurations and labels that errors are measured on.
    hooks: who watches, see `eltanin.hooks`.
    """

    domain: Domain[Any, Any, Any]
    explorer: Explorer[Any, Any, Any]
    selector: Selector[Any, Any, Any]
    labelling: Labelling
    model: Model[Any, Any, Any, Any]
    executor: Executor
    audit: Audit = field(default_factory=Audit)
    seed: int = 0
    committee: int = 4
    memory: str = "all"
    labels: int | None = None
    validation: tuple[Any, Any] | None = None
    hooks: Any = None

    def begin(self) -> Snapshot:
        """Return the state before the first round."""
        return Snapshot(explorer=self.explorer.init(stream(self.seed, "explorer")))

    def advance(self, now: Snapshot) -> Snapshot:
        """Explore with the present committee, select, label, train: the next snapshot."""
        journal = Journal(self.hooks, now.round)
        with journal.stage("explore"):
            committee = [self.model.predictor(state) for state in now.models]
            pool, explorer = self.explorer.explore(committee, now.explorer, now.feedback, self.stream(now, "explore"))
        with journal.stage("select"):
            selection = self.selector.select(pool, committee, now.data, self.stream(now, "select"))
            asked, exam = self.add_audits(pool, selection, now)
            expected = self.expect(committee, asked.chosen)
        with journal.stage("label", len(asked.chosen)):
            answer = self.labelling.ask(asked.chosen, self.origin(now), journal, now.spent)
        rows = self.rows(now, asked, expected, answer)
        statement = self.state(rows, exam)
        data = self.remember(now.data, rows)
        models, metrics = now.models, ()
        if len(rows) and not statement.get("converged"):
            with journal.stage("train", self.committee):
                models, metrics = self.train(now.models, data, now.round, journal)
        with journal.stage("validate"):
            errors = self.errors(models)
        different = self.domain.different(pool)
        brought = Outcome(pool, different, asked, rows, answer, statement, metrics, errors)
        spent = {k: now.spent.get(k, 0) + n for k, n in brought.counts().items()}
        journal.finish(brought, spent)
        stalled = now.stalled + 1 if endings.learned_nothing(brought) else 0
        status, why = endings.ending(brought, now.round, spent, self.labels, data is not None, stalled)
        feedback = self.feedback(pool, asked)
        return Snapshot(now.round + 1, data, explorer, models, feedback, status, why, spent, stalled)

    def try_labeler(self, now: Snapshot) -> None:
        """Put the labeler on trial where the exploration begins, before it is believed."""
        if now.round == 0:
            pool, _ = self.explorer.explore([], now.explorer, None, self.stream(now, "explore"))
            journal = Journal(self.hooks, now.round)
            with journal.stage("label"):
                self.labelling.trial(pool, self.stream(now, "trial"), journal)

    def origin(self, now: Snapshot) -> dict[str, Any]:
        """Return what asks for the labels of a round, for their record."""
        return {"round": now.round, "explorer": name_of(type(self.explorer)), "seed": self.seed}

    def stream(self, now: Snapshot, *place: str | int) -> Rng:
        """Return the random stream of a place in a round."""
        return stream(self.seed, now.round, *place)

    def add_audits(self, pool: Any, selection: Selection[Any], now: Snapshot) -> tuple[Selection[Any], int]:
        """Add audits to the selection, within the budget; return the number of the exam, if it is one.

        The core draws them, whatever the selector: a player is not its own referee.
        """
        held = now.spent.get("exams", 0)
        audits, exam = self.audit.draw(selection.verdict, held, self.stream(now, "audit"))
        wanted = len(selection.chosen) + len(audits)
        left = wanted if self.labels is None else max(0, self.labels - now.spent.get("labelled", 0))
        if len(audits) > left:  # a part of an exam proves nothing
            audits, exam = audits[:0], False
        kept = min(len(selection.chosen), left - len(audits))
        chosen = [selection.chosen[:kept], pool[audits]]
        origin = np.concatenate([selection.origin[:kept], audits]).astype(np.int64)
        asked = replace(selection, chosen=type(pool).concatenate(chosen), origin=origin)
        return asked, held + 1 if exam else 0

    def expect(self, committee: Committee, x: Any) -> Any:
        """Return the committee's mean prediction, which audits are judged by; labels soon forgotten need none else."""
        if not committee or len(x) == 0 or (self.memory == "latest" and self.audit.tolerance is None):
            return Properties.none(len(x))
        return self.domain.mean([member.predict(x) for member in committee])

    def rows(self, now: Snapshot, asked: Selection[Any], expected: Any, answer: Asked) -> Rows:
        """Return what was labelled now, without what failed."""
        known = answer.known
        score = np.append(asked.score, np.nan)[asked.origin]  # a new configuration, -1, has none
        verdict = np.append(asked.verdict, int(Verdict.CANDIDATE))[asked.origin]
        reason = np.where(verdict == Verdict.ACCURATE, int(Reason.AUDIT), int(Reason.CANDIDATE))
        if not now.models:
            reason[:] = int(Reason.INITIAL)
        return Dataset(
            configurations=asked.chosen[known],
            labels=answer.labels.values[known],
            round=np.full(len(known), now.round),
            reason=reason[known],
            score=score[known],
            predicted=expected[known],
        )

    def state(self, rows: Rows, exam: int) -> dict[str, Any]:
        """Return what the audits of this round allow to be said of the model before its training."""
        audits = rows[rows.reason == int(Reason.AUDIT)]
        errors = self.domain.error(audits.predicted, audits.labels) if len(audits) else np.zeros(0)
        return self.audit.judge(np.asarray(errors), exam)

    def remember(self, data: Rows | None, rows: Rows) -> Rows | None:
        """Return the labels to learn from."""
        if data is None or self.memory == "latest":
            return rows if len(rows) else data
        joined = Dataset.concatenate([data, rows]) if len(rows) else data
        if self.memory == "all":
            return joined
        return joined[joined.round > joined.round.max() - int(self.memory)]

    def train(
        self, states: tuple[Any, ...], data: Rows | None, number: int, journal: Journal
    ) -> tuple[tuple[Any, ...], tuple[Metrics, ...]]:
        """Train every member, each with a stream of its own; the executor says where."""
        before = states or (None,) * self.committee
        streams = [stream(self.seed, number, "train", member) for member in range(self.committee)]
        tasks = [(self.model, state, data, rng) for state, rng in zip(before, streams, strict=True)]
        done: dict[int, tuple[Any, Metrics]] = {}
        for member, result in self.executor.run(train_member, tasks):
            if isinstance(result, Failure):
                raise EltaninError(f"training of member {member} did not end: {result.message}")
            done[member] = result
            journal.task_finished()
        if lost := sorted(set(range(self.committee)) - done.keys()):
            raise EltaninError(f"the executor never returned the training of members {lost}: resume the run")
        return tuple(done[m][0] for m in sorted(done)), tuple(done[m][1] for m in sorted(done))

    def errors(self, models: tuple[Any, ...]) -> Mapping[str, float]:
        """Return the errors of the committee's mean on the validation set."""
        if self.validation is None or not models:
            return {}
        x, labels = self.validation
        return self.domain.validation(x, self.predict(models, x), labels)

    def predict(self, models: tuple[Any, ...], x: Any) -> Any:
        """Return the committee's mean prediction."""
        return self.domain.mean([self.model.predictor(state).predict(x) for state in models])

    def feedback(self, pool: Any, asked: Selection[Any]) -> Feedback:
        """Return what this round says to the next exploration."""
        was_asked = np.zeros(len(pool), dtype=bool)
        was_asked[asked.origin[asked.origin >= 0]] = True
        return Feedback(getattr(pool, "evidence", {}), asked.verdict, asked.score, was_asked)


def train_member(model: Model[Any, Any, Any, Any], state: Any, data: Rows, rng: Rng) -> tuple[Any, Metrics]:
    """Train one member, from the beginning if it has no state yet."""
    begun = model.init(data, rng) if state is None else state
    return model.train(begun, data, rng)
