"""The model: a committee of closures that began with other weights and saw other parts of the labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from eltanin.batch import Properties, Ragged
from eltanin.protocols import Dataset, Metrics, Rng
from eltanin_gas.flows.problems import six_moments
from eltanin_gas.flows.six_moments import Closure, SixMoments
from eltanin_gas.gates import check_six_moments
from eltanin_gas.monatomic import invariants
from eltanin_gas.perceptron import Layers, layers_of, seeded
from eltanin_gas.problems import Problems
from eltanin_hermite.form import learned
from eltanin_hermite.training import Cells, Schedule, first_layers, fit

NEAREST = 1e-6  # |s| + |b| below which a cell is at equilibrium, and teaches nothing
FAR = 0.02  # |s| + |b| from which on a cell counts in proportion to it


@dataclass(frozen=True)
class LearnedClosure:
    """A trained closure: answers for the given cells, and for the driver."""

    layers: Layers

    def __call__(self, s: Tensor, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        """Return A and B (...)."""
        return learned(self.layers, s, a, b)

    def jointly(self, members: Sequence[Closure]) -> SixMoments:
        """Return six moments under the mean closure."""
        return six_moments(members)

    def predict(self, x: Problems) -> Properties:
        """Return A and B (cells, 2) of the cells met."""
        states = torch.as_tensor(np.asarray(invariants(x.met.values), dtype=float))
        closing = torch.stack(self(*states.unbind(-1)), dim=-1)
        return Properties.of(closing=Ragged(closing.numpy(), x.met.counts))


@dataclass(frozen=True)
class HermiteClosure:
    """Learns the closing fluxes of six moments, with exact symmetries and limits.

    width: neurons of each of two layers.
    steps: evaluations of the loss by L-BFGS, in every training; in the last 12 % speeds are looked at, too.
    cells: labelled cells that are looked at in one step.
    hyperbolicity: weight of imaginary parts of characteristic speeds.
    mixtures: weight of mixtures of two Maxwellians, for precursors faster than the labels show.
    changes: weight of the change of A and B from one labelled cell to the next.
    """

    domain: ClassVar[str] = "gas"
    revision: ClassVar[int] = 3
    predicts: ClassVar[frozenset[str]] = frozenset({"closing", "six_moments", "moment_system"})
    width: int = 24
    steps: int = 1700
    cells: int = 1000
    hyperbolicity: float = 3e-5
    mixtures: float = 0.1
    changes: float = 0.3

    def __post_init__(self) -> None:
        """Refuse a training that teaches nothing."""
        for name in ("width", "steps"):
            if not getattr(self, name) > 0:
                raise ValueError(f"model.{name}={getattr(self, name)}: nothing could be learned; give more than 0")
        if self.cells < 4:
            raise ValueError(f"model.cells={self.cells}: a step needs some; give 4 or more")
        for name in ("hyperbolicity", "mixtures", "changes"):
            if getattr(self, name) < 0:
                raise ValueError(f"model.{name}={getattr(self, name)}: a weight; give 0 or more")

    def check(self, x: Problems) -> None:
        """Refuse problems of another gas."""
        check_six_moments(x)

    def init(self, data: Dataset[Problems, Properties, Properties], rng: Rng) -> dict[str, Any]:
        """Return a member with random weights."""
        del data
        return {"parameters": [x.numpy() for x in first_layers(self.width, seeded(rng))]}

    def train(
        self, state: dict[str, Any], data: Dataset[Problems, Properties, Properties], rng: Rng
    ) -> tuple[dict[str, Any], Metrics]:
        """Return the member after so many steps more on the labels of all visited cells."""
        cells = cells_of(data, rng)
        schedule = Schedule(self.steps, self.cells, self.hyperbolicity, self.mixtures, self.changes)
        parameters, losses = fit([torch.as_tensor(x) for x in state["parameters"]], cells, schedule, seeded(rng))
        with torch.no_grad():
            found = torch.stack(learned(layers_of(parameters), *cells.states.unbind(-1)), dim=-1)
        rmse = float((found - cells.closing).square().mean().sqrt())
        return {"parameters": [x.numpy() for x in parameters]}, {"closing_flux_rmse": rmse, "loss": losses}

    def predictor(self, state: dict[str, Any]) -> LearnedClosure:
        """Return the closure of a member."""
        return LearnedClosure(layers_of([torch.as_tensor(np.asarray(x)) for x in state["parameters"]]))


def cells_of(data: Dataset[Problems, Properties, Properties], rng: Rng) -> Cells:
    """Return the cells that were labelled, each problem weighted by Exp(1) (Bayesian bootstrap, Rubin 1981).

    Within a problem the cells count as they are far from equilibrium: most of a shock's are in its tails, and few are
    where it is steep. Those at equilibrium, where A and B are exact, do not count.
    """
    moments, closing = data.labels.values["moments"], data.labels.values["closing"]
    states = np.asarray(invariants(moments.values), dtype=float)
    far = np.abs(states[:, 0]) + np.abs(states[:, 2])
    away = far > NEAREST
    if not away.any():
        raise ValueError(
            "all labelled cells are at equilibrium: there is nothing to learn; label flows that go somewhere"
        )
    weights = (rng.exponential(size=len(data)) / np.maximum(moments.counts, 1))[moments.owner] * (far + FAR)
    kept = (torch.as_tensor(np.asarray(x)[away]) for x in (states, closing.values, weights))
    return Cells(*kept)
