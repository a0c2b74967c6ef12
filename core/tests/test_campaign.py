"""The loop itself, on the smallest of worlds: learn y = sin(x) with polynomials."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from eltanin.audits import Audit
from eltanin.batch import Batch, Properties, fingerprints
from eltanin.campaign import Campaign, Snapshot
from eltanin.errors import EltaninError
from eltanin.execution import Inline
from eltanin.labelling.ask import Labelling
from eltanin.protocols import Failure, Labels, Reason, Rng
from eltanin.selectors import Everything, RandomChoice, TrustLevels


@dataclass(frozen=True)
class Points(Batch):
    x: np.ndarray
    evidence: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Line:
    """A domain of numbers."""

    measure: str = "deviation of y"
    wanted: frozenset[str] = frozenset({"y"})
    suffix: str = ".npz"

    def deviation(self, predictions: Sequence[Properties]) -> np.ndarray:
        return np.std([p.values["y"] for p in predictions], axis=0)

    def error(self, predicted: Properties, labels: Properties) -> np.ndarray:
        return np.abs(predicted.values["y"] - labels.values["y"])

    def mean(self, predictions: Sequence[Properties]) -> Properties:
        return Properties.of(y=np.mean([p.values["y"] for p in predictions], axis=0))

    def validation(self, x: Points, predicted: Properties, labels: Properties) -> Mapping[str, float]:
        return {"rmse": float(np.sqrt(np.mean(self.error(predicted, labels) ** 2)))}

    def different(self, x: Points) -> int:
        return len(x)

    def flaws(self, x: Points) -> Mapping[int, Failure]:
        return {int(i): Failure("nonfinite", "x is not finite") for i in np.flatnonzero(~np.isfinite(x.x))}

    def trial(self, x: Points, ask: Any, rng: Rng) -> str:
        return ""

    def refusals(self, x: Points, labels: Properties) -> Mapping[int, Failure]:
        bad = np.flatnonzero(~np.isfinite(labels.values["y"]))
        return {int(i): Failure("nonfinite", "y is not finite") for i in bad}

    def write(self, path: Path, x: Points, labels: Properties) -> None: ...
    def read(self, path: Path) -> tuple[Points, Properties]: ...
    def panels(self, run: Any) -> Sequence[Any]:
        return []


@dataclass(frozen=True)
class Wander:
    """Explores an interval that widens with the rounds."""

    samples: int = 200

    def init(self, rng: Rng) -> dict[str, float]:
        return {"width": 1.0}

    def explore(
        self, committee: Any, state: dict[str, float], feedback: Any, rng: Rng
    ) -> tuple[Points, dict[str, float]]:
        n = self.samples if committee else 8
        x = rng.uniform(-state["width"], state["width"], size=n)
        return Points(x, {"width": np.full(n, state["width"])}), {"width": min(3.0, state["width"] + 0.5)}


@dataclass(frozen=True)
class Sine:
    """Labels y = sin(x); configurations beyond `reach` fail."""

    reach: float = np.inf

    def label(self, x: Points, wanted: frozenset[str], rng: Rng) -> Labels[Properties]:
        far = {int(i): Failure("unconverged", f"x={x.x[i]}") for i in np.flatnonzero(np.abs(x.x) > self.reach)}
        return Labels(Properties.of(y=np.sin(x.x)), far)


@dataclass(frozen=True)
class Fit:
    """A polynomial whose members see different parts of the data."""

    degree: int = 7
    scatter: float = 0.3

    def init(self, data: Any, rng: Rng) -> dict[str, Any]:
        return {"w": np.zeros(self.degree + 1)}

    def train(self, state: dict[str, Any], data: Any, rng: Rng) -> tuple[dict[str, Any], Mapping[str, float]]:
        x, y = data.configurations.x, data.labels.values["y"]
        weight = rng.exponential(size=len(x)) * self.scatter + 1.0
        a = np.vander(x, self.degree + 1) * weight[:, None]
        w = np.linalg.solve(a.T @ a + 1e-6 * np.eye(self.degree + 1), a.T @ (y * weight))
        return {"w": w}, {"rmse": float(np.sqrt(np.mean((np.vander(x, self.degree + 1) @ w - y) ** 2)))}

    def predictor(self, state: dict[str, Any]) -> Any:
        return Evaluated(state["w"])


@dataclass(frozen=True)
class Evaluated:
    w: np.ndarray

    def predict(self, x: Points) -> Properties:
        return Properties.of(y=np.vander(x.x, len(self.w)) @ self.w)


@dataclass(frozen=True)
class Wrong(Fit):
    """Members that all but agree, and are wrong."""

    def predictor(self, state: dict[str, Any]) -> Any:
        return Evaluated(np.array([1e-6 * state["w"][-1], 0.0]))


@dataclass(frozen=True)
class Copied(Fit):
    """Members that are copies of each other."""

    def train(self, state: dict[str, Any], data: Any, rng: Rng) -> tuple[dict[str, Any], Mapping[str, float]]:
        return super().train(state, data, np.random.default_rng(0))


@dataclass(frozen=True)
class Far:
    """Labels y = sin(x), and a pool that the committee knows nothing of."""

    def init(self, rng: Rng) -> dict[str, float]:
        return {}

    def explore(self, committee: Any, state: Any, feedback: Any, rng: Rng) -> tuple[Points, dict[str, float]]:
        return Points(rng.uniform(50, 60, size=20) if committee else rng.uniform(-1, 1, size=8)), {}


class Listener:
    """Takes the place of the hooks, and keeps the records."""

    def __init__(self) -> None:
        self.records: list[dict[str, Any]] = []

    def round_finished(self, record: dict[str, Any]) -> None:
        self.records.append(record)

    def __getattr__(self, name: str) -> Any:
        return lambda **_: None


def campaign(**changes: Any) -> Campaign:
    line, executor = Line(), Inline()
    parts: dict[str, Any] = {
        "domain": line,
        "explorer": Wander(),
        "selector": TrustLevels(line, low=0.01, high=0.5, budget=10),
        "labelling": Labelling(line, Sine(), executor, 0, None),
        "model": Fit(),
        "executor": executor,
        "audit": Audit(tolerance=0.05),
    }
    return Campaign(**parts | changes)


def run(parts: Campaign, rounds: int, now: Snapshot | None = None) -> Snapshot:
    now = now or parts.begin()
    while now.status == "running" and now.round < rounds:
        now = parts.advance(now)
    return now


def test_a_campaign_converges_to_the_function_by_audits() -> None:
    listener = Listener()
    end = run(campaign(hooks=listener), 30)
    assert end.status == "converged"
    assert end.data is not None
    last = listener.records[-1]["audit"]
    assert last["converged"]
    assert last["failure_rate_at_most"] <= 0.1
    x = np.linspace(-2.5, 2.5, 50)
    predicted = campaign().predict(end.models, Points(x)).values["y"]
    np.testing.assert_allclose(predicted, np.sin(x), atol=0.05)


def test_the_committee_that_passed_the_exam_is_the_one_that_is_handed_over() -> None:
    parts, seen = campaign(), []
    now = parts.begin()
    while now.status == "running":
        before, now = now, parts.advance(now)
        seen.append(now)
    assert now.models is before.models


def test_one_seed_is_one_campaign_and_another_is_not() -> None:
    one, same, other = (run(campaign(seed=seed), 4) for seed in (1, 1, 2))
    assert fingerprints(one.data.configurations) == fingerprints(same.data.configurations)
    assert all(np.array_equal(a["w"], b["w"]) for a, b in zip(one.models, same.models, strict=True))
    assert fingerprints(one.data.configurations) != fingerprints(other.data.configurations)


def test_a_round_is_a_function_of_its_snapshot() -> None:
    parts = campaign()
    half = run(parts, 3)
    direct, again = run(campaign(), 6), run(campaign(), 6, half)
    assert fingerprints(direct.data.configurations) == fingerprints(again.data.configurations)
    assert all(np.array_equal(a["w"], b["w"]) for a, b in zip(direct.models, again.models, strict=True))


def test_a_committee_that_agrees_and_is_wrong_never_converges_and_is_told_so() -> None:
    end = run(campaign(model=Wrong()), 12)
    assert end.status == "failed"
    assert "it is wrong where it agrees" in end.stop_reason
    assert end.spent["exams"] == 3


def test_copies_of_one_member_call_nothing_accurate() -> None:
    listener = Listener()
    end = run(campaign(model=Copied(), hooks=listener), 4)
    assert end.status == "running"
    assert all(record["accurate"] == record["audited"] == 0 for record in listener.records)
    assert end.spent["exams"] == 0


def test_a_pool_that_is_all_rejected_is_told_of() -> None:
    end = run(campaign(explorer=Far()), 12)
    assert (end.status, end.round) == ("failed", 4)
    assert "rejected all 20 samples" in end.stop_reason


def test_one_member_calls_nothing_accurate() -> None:
    listener = Listener()
    end = run(campaign(committee=1, hooks=listener), 3)
    assert end.status == "running"
    assert all(record["accurate"] == 0 for record in listener.records)
    assert not np.any(end.data.reason == int(Reason.AUDIT))


def test_labels_stay_within_their_budget() -> None:
    end = run(campaign(labels=21, audit=Audit(), selector=RandomChoice(Line(), budget=10)), 10)
    assert end.status == "budget"
    assert len(end.data) == 21


def test_failed_labels_are_counted_and_never_learned_from() -> None:
    labelling = Labelling(Line(), Sine(reach=0.5), Inline(), 0, None)
    listener = Listener()
    end = run(campaign(labelling=labelling, hooks=listener), 3)
    assert np.abs(end.data.configurations.x).max() <= 0.5
    assert end.spent["failed"] == sum(record["failed"].get("unconverged", 0) for record in listener.records) > 0


def test_a_labeler_that_always_fails_ends_the_campaign_with_the_reason() -> None:
    labelling = Labelling(Line(), Sine(reach=-1.0), Inline(), 0, None)
    end = run(campaign(labelling=labelling), 3)
    assert (end.status, end.round) == ("failed", 1)
    assert "all 8 that were asked for failed (8 unconverged)" in end.stop_reason
    far = Labelling(Line(), Sine(reach=1.0), Inline(), 0, None)
    end = run(campaign(labelling=far, explorer=Far(), selector=RandomChoice(Line(), budget=3), audit=Audit()), 12)
    assert (end.status, end.round) == ("failed", 4)
    assert "3 rounds on end taught nothing: all 3 that were asked for failed" in end.stop_reason


def test_flawed_configurations_are_never_asked_for() -> None:
    class Torn(Wander):
        def explore(self, *args: Any) -> Any:
            pool, state = super().explore(*args)
            return replace(pool, x=np.where(np.arange(len(pool)) % 2, np.nan, pool.x)), state

    listener = Listener()
    end = run(campaign(explorer=Torn(), selector=RandomChoice(Line(), budget=10), hooks=listener, audit=Audit()), 3)
    assert end.spent["flawed"] > 0 == end.spent["failed"]
    assert np.isfinite(end.data.configurations.x).all()


@pytest.mark.parametrize(("memory", "rows"), [("latest", 10), ("2", 20)])
def test_memory_forgets_what_is_older(memory: str, rows: int) -> None:
    chosen = RandomChoice(Line(), budget=10)
    end = run(campaign(memory=memory, selector=chosen, audit=Audit()), 5)
    assert len(end.data) == rows
    assert set(end.data.round) == set(range(5 - rows // 10, 5))


def test_a_training_that_an_executor_loses_is_missed() -> None:
    class Forgetful(Inline):
        def run(self, *args: Any) -> Any:
            yield from list(super().run(*args))[:-1]

    with pytest.raises(EltaninError, match=r"never returned the training of members \[3\]"):
        run(campaign(executor=Forgetful()), 1)


def test_rows_keep_what_was_thought_of_them() -> None:
    end = run(campaign(), 5)
    later = end.data[end.data.round > 0]
    assert np.isfinite(later.score).all()
    error = Line().error(later.predicted, later.labels)
    assert np.isfinite(error).all()
    assert np.isnan(end.data[end.data.round == 0].score).all()


def test_the_core_costs_little() -> None:
    """Printed, not asserted on: a round of an empty campaign costs well below a millisecond."""
    parts = campaign(explorer=Wander(samples=1), selector=Everything(), memory="latest", committee=1, audit=Audit())
    parts = replace(parts, model=Fit(degree=0))
    now = run(parts, 20)
    begun = time.perf_counter()
    now = run(parts, 520, now)
    print(f"{(time.perf_counter() - begun) * 2:.3f} ms for a round")
    assert now.round == 520
