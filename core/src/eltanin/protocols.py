"""The loop's roles, and what flows between them: explore ─▶ select ─▶ label ─▶ train ─▶ (next round)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import Annotated, Any, Generic, NamedTuple, Protocol, runtime_checkable

import numpy as np
from typing_extensions import TypeVar

from eltanin.batch import Batch, Column
from eltanin.terms import FREELY, Results, Tasks, Terms

X = TypeVar("X", bound=Batch, infer_variance=True)  # configurations
Y = TypeVar("Y", bound=Batch, infer_variance=True)  # labels
P = TypeVar("P", bound=Batch, infer_variance=True)  # predictions
S = TypeVar("S", infer_variance=True)  # the state of a part: a tree of arrays, numbers and batches
Rng = np.random.Generator
Metrics = Mapping[str, float | Sequence[float]]  # a sequence is a curve over the steps of a training
Evidence = Mapping[str, Any]  # how a label was reached: `converged: False` fails it, `method` is one in a campaign
System = Annotated[Any, "given", "system"]  # a field so annotated is filled from the top of the campaign alone
Data = Annotated[str, "given", "data"]
OwnDomain = Annotated[Any, "given", "domain"]
OwnExecutor = Annotated[Any, "given", "executor"]
Verdict = IntEnum("Verdict", [("ACCURATE", 0), ("CANDIDATE", 1), ("REJECTED", 2)])
Reason = IntEnum("Reason", [("INITIAL", 0), ("CANDIDATE", 1), ("AUDIT", 2)])


class Failure(NamedTuple):
    """Why a label is missing. kind: of `eltanin.store.attempts`.  output: the last lines of who failed."""

    kind: str
    message: str
    output: str = ""


@dataclass(frozen=True)
class Dataset(Batch, Generic[X, Y, P]):
    """Labelled configurations, (n,), and what was thought of them when they were chosen."""

    configurations: X
    labels: Y
    round: np.ndarray
    reason: np.ndarray  # (n,) of `Reason`
    score: np.ndarray  # (n,) the selector's, NaN where there was none
    predicted: P  # the committee's mean prediction, before it was trained on the label


@dataclass(frozen=True)
class Selection(Generic[X]):
    """What is worth a label, (m,), and what was thought of each sample of the pool, (n,)."""

    chosen: X  # the worthiest first
    origin: np.ndarray  # (m,) the row of the pool that each one is; -1 for a new one, such as a carved cluster
    verdict: np.ndarray  # (n,) of `Verdict`
    score: np.ndarray  # (n,) in the unit of the domain's measure


@dataclass(frozen=True)
class Feedback(Batch):
    """What the last round said of each explored sample, (n,), and where that sample came from."""

    evidence: Mapping[str, Column]
    verdict: np.ndarray
    score: np.ndarray
    asked: np.ndarray  # (n,) a label was asked for, whether it came or not


@dataclass(frozen=True)
class Labels(Generic[Y]):
    """The answers to n configurations: `values` has n rows, and those that failed are not read."""

    values: Y
    failures: Mapping[int, Failure]
    evidence: Mapping[int, Evidence] = field(default_factory=dict[int, Evidence])


class Predictor(Protocol[X, P]):
    """A trained model that answers."""

    def predict(self, x: X) -> P: ...


Committee = Sequence[Predictor[X, P]]


class Explorer(Protocol[X, P, S]):
    """Wanders where the present model leads; with an empty committee it says where to begin."""

    def init(self, rng: Rng) -> S: ...
    def explore(self, committee: Committee[X, P], state: S, feedback: Feedback | None, rng: Rng) -> tuple[X, S]: ...


class Selector(Protocol[X, Y, P]):
    """Finds the few configurations that are worth a label; with an empty committee, takes all."""

    def select(self, pool: X, committee: Committee[X, P], data: Dataset[X, Y, P] | None, rng: Rng) -> Selection[X]: ...


class Labeler(Protocol[X, Y]):
    """Asks the micro-scale model. A label depends on its configuration alone; a failure is data."""

    def label(self, x: X, wanted: frozenset[str], rng: Rng) -> Labels[Y]: ...


class Model(Protocol[X, Y, P, S]):
    """Learns from labels and predicts; trained as a committee of independent members."""

    def init(self, data: Dataset[X, Y, P], rng: Rng) -> S: ...
    def train(self, state: S, data: Dataset[X, Y, P], rng: Rng) -> tuple[S, Metrics]: ...
    def predictor(self, state: S) -> Predictor[X, P]: ...


@runtime_checkable
class Checks(Protocol[X]):
    """A labeler or model that can tell before work what it cannot take, by a ValueError."""

    def check(self, x: X) -> None: ...


class Domain(Protocol[X, Y, P]):
    """What the campaign must know of a field: how far predictions deviate and err, and its files."""

    measure: str  # what `deviation` and `error` measure, with the unit: "force deviation, eV/Å"
    wanted: frozenset[str]  # the properties asked of a labeler
    suffix: str  # of the file that `write` writes

    def deviation(self, predictions: Sequence[P]) -> np.ndarray: ...  # (n,) of a committee
    def error(self, predicted: P, labels: Y) -> np.ndarray: ...  # (n,) in the same unit
    def mean(self, predictions: Sequence[P]) -> P: ...
    def validation(self, x: X, predicted: P, labels: Y) -> Mapping[str, float]: ...  # units in keys
    def different(self, x: X) -> int: ...  # how many samples count as different
    def flaws(self, x: X) -> Mapping[int, Failure]: ...  # what no labeler should be asked
    def refusals(self, x: X, labels: Y) -> Mapping[int, Failure]: ...  # what no model may learn
    def trial(self, x: X, ask: Callable[[X], Labels[Y]], rng: Rng) -> str: ...  # why not to believe a labeler, or ""
    def write(self, path: Path, x: X, labels: Y) -> None: ...
    def read(self, path: Path) -> tuple[X, Y]: ...
    def panels(self, run: Any) -> Sequence[Any]: ...  # sections of the report


class Executor(Protocol):
    """Runs tasks, wherever; yields (index, result) as they end, a `Failure` for one whose worker died."""

    threads: int  # of each task

    def run(self, function: Callable[..., Any], tasks: Tasks, terms: Terms = FREELY) -> Results: ...
