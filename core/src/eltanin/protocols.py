"""The loop's roles, and what flows between them: explore ─▶ select ─▶ label ─▶ train ─▶ (next round).

X: configurations, Y: labels, P: predictions, all batches. S: state of a part, a tree of arrays, numbers and batches.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Annotated, Any, Generic, NamedTuple, Protocol, TypeVar, runtime_checkable

import numpy as np

from eltanin.batch import Batch, Column

X = TypeVar("X", bound=Batch)
Y = TypeVar("Y", bound=Batch)
P = TypeVar("P", bound=Batch)
S = TypeVar("S")
Xi = TypeVar("Xi", bound=Batch, contravariant=True)
Xo = TypeVar("Xo", bound=Batch, covariant=True)
Pi = TypeVar("Pi", bound=Batch, contravariant=True)
Po = TypeVar("Po", bound=Batch, covariant=True)
Rng = np.random.Generator
Metrics = Mapping[str, float | Sequence[float]]  # a sequence is a curve over the steps of a training
# A field so annotated is filled from the top of the campaign, and cannot be set elsewhere.
System = Annotated[Any, "given", "system"]
Data = Annotated[str, "given", "data"]
OwnDomain = Annotated[Any, "given", "domain"]
OwnExecutor = Annotated[Any, "given", "executor"]
Verdict = IntEnum("Verdict", [("ACCURATE", 0), ("CANDIDATE", 1), ("REJECTED", 2)])
Reason = IntEnum("Reason", [("INITIAL", 0), ("CANDIDATE", 1), ("AUDIT", 2)])


class Failure(NamedTuple):
    """Why a label is missing. kind: unconverged, nonfinite, unphysical, unknown, crash, …"""

    kind: str
    message: str


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


class Predictor(Protocol[Xi, Po]):
    """A trained model that answers."""

    def predict(self, x: Xi) -> Po: ...


Committee = Sequence[Predictor[X, P]]


class Explorer(Protocol[Xo, Pi, S]):
    """Wanders where the present model leads; with an empty committee it says where to begin."""

    def init(self, rng: Rng) -> S: ...
    def explore(self, committee: Committee[Xo, Pi], state: S, feedback: Feedback | None, rng: Rng) -> tuple[Xo, S]: ...


class Selector(Protocol[X, Y, P]):
    """Finds the few configurations that are worth a label; with an empty committee, takes all."""

    def select(self, pool: X, committee: Committee[X, P], data: Dataset[X, Y, P] | None, rng: Rng) -> Selection[X]: ...


class Labeler(Protocol[Xi, Y]):
    """Asks the micro-scale model. A label depends on its configuration alone; a failure is data."""

    def label(self, x: Xi, wanted: frozenset[str], rng: Rng) -> Labels[Y]: ...


class Model(Protocol[X, Y, P, S]):
    """Learns from labels and predicts; trained as a committee of independent members."""

    def init(self, data: Dataset[X, Y, P], rng: Rng) -> S: ...
    def train(self, state: S, data: Dataset[X, Y, P], rng: Rng) -> tuple[S, Metrics]: ...
    def predictor(self, state: S) -> Predictor[X, P]: ...


@runtime_checkable
class Checks(Protocol[Xi]):
    """A labeler or model that can tell before work what it cannot take, by a ValueError."""

    def check(self, x: Xi) -> None: ...


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
    def refusals(self, x: X, labels: Y) -> Mapping[int, Failure]: ...  # what no model may learn
    def write(self, path: Path, x: X, labels: Y) -> None: ...
    def read(self, path: Path) -> tuple[X, Y]: ...
    def panels(self, run: Any) -> Sequence[Any]: ...  # sections of the report


class Executor(Protocol):
    """Runs tasks, wherever; yields (index, result) as they end, a `Failure` for one whose worker died."""

    threads: int  # of each task

    def run(self, function: Callable[..., Any], tasks: Sequence[tuple[Any, ...]]) -> Generator[tuple[int, Any]]: ...
