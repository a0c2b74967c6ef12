"""The model that learns nothing: a classical closure where a learned one is expected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch

from eltanin.batch import Properties, Ragged
from eltanin.protocols import Dataset, Metrics, Rng
from eltanin_classical.closures import CLOSURES
from eltanin_gas.flows.problems import six_moments
from eltanin_gas.flows.six_moments import Closure, SixMoments
from eltanin_gas.gates import check_six_moments
from eltanin_gas.monatomic import invariants
from eltanin_gas.problems import Problems


@dataclass(frozen=True)
class Written:
    """A closure that answers for the given cells, and for the driver."""

    closure: str

    def __call__(self, s: torch.Tensor, a: torch.Tensor, b: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return A and B (...)."""
        return CLOSURES[self.closure](s, a, b)

    def jointly(self, members: Sequence[Closure]) -> SixMoments:
        """Return six moments under the closure."""
        return six_moments(members)

    def predict(self, x: Problems) -> Properties:
        """Return A and B (cells, 2) of the cells met."""
        states = torch.as_tensor(np.asarray(invariants(x.met.values)))
        closing = torch.stack(self(*states.unbind(-1)), dim=-1)
        return Properties.of(closing=Ragged(closing.numpy(), x.met.counts))


@dataclass(frozen=True)
class ClassicalClosure:
    """A closure of six moments that is written down, as a baseline in the place of a learned one.

    closure: grad, two_maxwellians or moderate.
    """

    domain: ClassVar[str] = "gas"
    revision: ClassVar[int] = 1
    predicts: ClassVar[frozenset[str]] = frozenset({"closing", "six_moments", "moment_system"})
    closure: str = "grad"

    def __post_init__(self) -> None:
        """Refuse a closure that is not known."""
        if self.closure not in CLOSURES:
            raise ValueError(f"model.closure={self.closure!r}: give one of {', '.join(CLOSURES)}")

    def check(self, x: Problems) -> None:
        """Refuse problems of another gas."""
        check_six_moments(x)

    def init(self, data: Dataset[Problems, Properties, Properties], rng: Rng) -> dict[str, Any]:
        """Return nothing: there is nothing to learn."""
        del data, rng
        return {"none": np.zeros(0)}

    def train(
        self, state: dict[str, Any], data: Dataset[Problems, Properties, Properties], rng: Rng
    ) -> tuple[dict[str, Any], Metrics]:
        """Return the error on the labels."""
        del rng
        moments, closing = data.labels.values["moments"].values, data.labels.values["closing"].values
        states = torch.as_tensor(np.asarray(invariants(moments)))
        found = torch.stack(CLOSURES[self.closure](*states.unbind(-1)), dim=-1).numpy()
        return state, {"closing_flux_rmse": float(np.sqrt(np.mean((found - closing) ** 2)))}

    def predictor(self, state: dict[str, Any]) -> Written:
        """Return the closure."""
        del state
        return Written(self.closure)
