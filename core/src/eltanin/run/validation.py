"""Independent test sets: what the errors of a campaign are measured on, and never trained on.

What has no test set, for its truth is no label, measures the committee itself when the campaign has ended.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np

from eltanin import labelled
from eltanin.errors import EltaninError
from eltanin.execution.memory import is_lack_of_memory
from eltanin.labelling.ask import Labelling
from eltanin.protocols import Data, Labeler, OwnDomain, Rng

NO_TRUTH = (
    "validation=reference lets the labeler itself drive the explorer, and it failed there: {}. Mend it; or start a new"
    " run with another test set, validation=labelled, or with none, validation=null"
)


@runtime_checkable
class Measures(Protocol):
    """A validation that measures the committee that is handed over, once, rather than making a test set."""

    def check_model(self, model: Any) -> None:
        """Refuse a model that could not be measured in the end, by a ValueError."""
        ...

    def measure(
        self, explorer: Any, state: Any, labelling: Labelling, committee: Sequence[Any], rng: Rng
    ) -> Mapping[str, Any]:
        """Return what the summary says under `validation`, and arrays for the report; state: where the explorer is."""
        ...


@dataclass(frozen=True)
class Labelled:
    """Measures errors on labelled data that exist already.

    parts: paths or globs below `data`; all of it if there are none.
    """

    domain: ClassVar[str] = "any"
    revision: ClassVar[int] = 1
    data: Data
    reader: OwnDomain
    parts: list[str] = field(default_factory=list[str])

    def __post_init__(self) -> None:
        """Refuse data that are not there."""
        labelled.find(self.data, self.parts)

    def make(self, explorer: Any, labelling: Labelling, rng: Rng) -> tuple[Any, Any]:
        """Return configurations and labels."""
        del explorer, labelling, rng
        return labelled.read(self.reader, self.data, self.parts)


@dataclass(frozen=True)
class Reference:
    """Measures errors where the explorer goes when it is driven by the labeler itself.

    That is the distribution that the model will be used on, sampled with no model at all: for
    labelers cheap enough to explore with.

    samples: configurations for each region (`evidence` of that name) of the explorer, or in all.
    warm_up: rounds of exploration thrown away first.
    rounds: rounds of exploration that the samples are drawn from.
    """

    domain: ClassVar[str] = "any"
    revision: ClassVar[int] = 1
    samples: int = 20
    warm_up: int = 1
    rounds: int = 1

    def __post_init__(self) -> None:
        """Refuse an empty test set."""
        for name, least in (("samples", 1), ("warm_up", 0), ("rounds", 1)):
            if getattr(self, name) < least:
                raise ValueError(f"validation.{name}={getattr(self, name)}: give {least} or more")

    def make(self, explorer: Any, labelling: Labelling, rng: Rng) -> tuple[Any, Any]:
        """Return configurations and labels; those that could not be labelled are left out."""
        truth = [_Truth(labelling.labeler, labelling.wanted, rng)]
        state, pools = explorer.init(rng), []
        for _ in range(self.warm_up + self.rounds):
            pool, state = explorer.explore(truth, state, None, rng)
            pools.append(pool)
        pool = type(pools[0]).concatenate(pools[self.warm_up :])
        x = pool[self._drawn(pool, rng)]
        answer = labelling.ask(x, {"reason": "validation"})
        kept = np.array([i for i in range(len(x)) if i not in answer.labels.failures], dtype=np.int64)
        return x[kept], answer.labels.values[kept]

    def _drawn(self, pool: Any, rng: Rng) -> np.ndarray:
        regions = np.asarray(getattr(pool, "evidence", {}).get("region", np.zeros(len(pool))))
        drawn = [rng.permutation(np.flatnonzero(regions == r))[: self.samples] for r in np.unique(regions)]
        return np.sort(np.concatenate(drawn)) if drawn else np.zeros(0, dtype=np.int64)


@dataclass(frozen=True)
class _Truth:
    """The labeler in the place of a model."""

    labeler: Labeler[Any, Any]
    wanted: frozenset[str]
    rng: Rng

    def predict(self, x: Any) -> Any:
        """Return the labels; where there is none, an explorer cannot go on."""
        try:
            labels = self.labeler.label(x, self.wanted, self.rng)
        except Exception as error:
            if is_lack_of_memory(error):
                raise
            raise EltaninError(NO_TRUTH.format(f"{type(error).__name__}: {error}")) from error
        for failure in labels.failures.values():
            raise EltaninError(NO_TRUTH.format(f"{failure.kind}: {failure.message}"))
        return labels.values
