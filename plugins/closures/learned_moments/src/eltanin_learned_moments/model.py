"""The model: a committee of sets of moments that began with other weights and saw other parts of the labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from eltanin.batch import Properties, Ragged
from eltanin.protocols import Dataset, Metrics, OwnDomain, Rng
from eltanin_gas.flows.system import RelaxationTime
from eltanin_gas.gates import check_six_moments
from eltanin_gas.monatomic import invariants
from eltanin_gas.perceptron import Layers, layers_of, seeded
from eltanin_gas.problems import Problems
from eltanin_learned_moments.closing import closing_moments
from eltanin_learned_moments.features import FeatureMap, first_layers, learned
from eltanin_learned_moments.gas import lifted, raw_moments
from eltanin_learned_moments.march import KineticFlow, Record, march
from eltanin_learned_moments.training import NEAREST, Cells, Schedule, cells_of, fit, relative_divergence

LOOKED_AT = 2048  # cells at most whose divergence is reported


@dataclass(frozen=True)
class LearnedMomentClosure:
    """Trained moments: they answer for the cells met, and solve flows."""

    layers: Layers
    even: int
    odd: int

    @property
    def features(self) -> FeatureMap:
        """The features whose means the moments are."""
        return learned(self.layers, self.even, self.odd)

    def __call__(self, s: Tensor, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        """Return A and B (...) of the reduced stress and fluxes (...)."""
        states = torch.stack([s, a, b], dim=-1)
        found = closing_moments(states.reshape(-1, 3), self.features).reshape((*states.shape[:-1], 2))
        return found[..., 0], found[..., 1]

    def predict(self, x: Problems) -> Properties:
        """Return A and B (cells, 2) of the cells met."""
        states = torch.as_tensor(np.asarray(invariants(x.met.values), dtype=float))
        return Properties.of(closing=Ragged(closing_moments(states, self.features).numpy(), x.met.counts))

    def solve(
        self,
        moments: np.ndarray,
        relaxation_time: RelaxationTime,
        length: np.ndarray,
        duration: np.ndarray,
        boundary: np.ndarray,
        velocities: int = 32,
        reach: float = 7.0,
    ) -> tuple[np.ndarray, Record]:
        """Return m0 … m4, k0, k1, k2 (n, cells, 8) of flows after their durations, and what was seen on the way.

        moments: (n, cells, 6) they begin with, lifted as labels are.  relaxation_time: τ of ρ and T (n, cells).
        length, duration, boundary: (n,).  velocities: nodes at least.  reach: of the grid, in thermal speeds.
        """
        f, grid = lifted(moments, velocities, reach)
        flow = KineticFlow.of(f, grid, torch.as_tensor(length, dtype=torch.float64), torch.as_tensor(boundary))
        f, record = march(self.features, flow, relaxation_time, torch.as_tensor(duration, dtype=torch.float64))
        return raw_moments(f, grid).numpy(), record


@dataclass(frozen=True)
class LearnedMoments:
    """Learns features of c = (v - u)/T^(1/2) whose means close the equations of a gas by least entropy.

    even, odd: features of each parity; 1 and 2 make six moments with mass, momentum and energy.
    width: neurons of each of two layers.
    steps: of Adam, in every training; 0 keeps bounded Hermite features.
    cells: labelled cells of one step.
    rate: largest rate of learning.
    """

    domain: ClassVar[str] = "gas"
    revision: ClassVar[int] = 1
    measured: OwnDomain
    even: int = 1
    odd: int = 2
    width: int = 16
    steps: int = 400
    cells: int = 192
    rate: float = 1e-2

    def __post_init__(self) -> None:
        """Refuse too few features, a training that teaches nothing, and a domain without distributions."""
        if self.even < 1 or self.odd < 2:
            raise ValueError(
                f"model.even={self.even}, odd={self.odd}: stress is even, and the two parts of the heat flux are odd;"
                " give 1 and 2 or more"
            )
        for name in ("width", "rate", "cells"):
            if not getattr(self, name) > 0:
                raise ValueError(f"model.{name}={getattr(self, name)}: nothing could be learned; give more than 0")
        if self.steps < 0:
            raise ValueError(f"model.steps={self.steps}: give 0 (bounded Hermite features) or more")
        if not self.measured.distributions:
            raise ValueError(
                "learned_moments learns from distribution functions, and labelers are not asked for them:"
                " set domain=gas domain.distributions=true"
            )

    def check(self, x: Problems) -> None:
        """Refuse problems of another gas."""
        check_six_moments(x)

    def init(self, data: Dataset[Problems, Properties, Properties], rng: Rng) -> dict[str, Any]:
        """Return a member with random weights."""
        del data
        parameters = first_layers(self.width, self.even + self.odd, seeded(rng), last=0.1 if self.steps else 0.0)
        return {"parameters": [x.numpy() for x in parameters]}

    def train(
        self, state: dict[str, Any], data: Dataset[Problems, Properties, Properties], rng: Rng
    ) -> tuple[dict[str, Any], Metrics]:
        """Return the member after so many steps more on the labels of all visited cells."""
        cells, weights = drawn(data, rng)
        schedule = Schedule(self.steps, self.cells, self.rate, self.even, self.odd)
        flat = [torch.as_tensor(np.array(x)) for x in state["parameters"]]
        flat, losses = fit(flat, cells, weights, schedule, seeded(rng))
        some = torch.linspace(0, len(weights) - 1, min(LOOKED_AT, len(weights))).long()
        left = relative_divergence(cells[some], learned(layers_of(flat), self.even, self.odd))
        told = {
            "relative_divergence": float(left.nanmean()),
            "unconverged_fraction": float(left.isnan().double().mean()),
            "loss": losses,
        }
        return {"parameters": [x.numpy() for x in flat]}, told

    def predictor(self, state: dict[str, Any]) -> LearnedMomentClosure:
        """Return the closure of a member."""
        layers = layers_of([torch.as_tensor(np.array(x)) for x in state["parameters"]])
        return LearnedMomentClosure(layers, self.even, self.odd)


def drawn(data: Dataset[Problems, Properties, Properties], rng: Rng) -> tuple[Cells, Tensor]:
    """Return the gases that were labelled, and how often each is drawn: problems by Exp(1) (Rubin 1981).

    Within a problem the cells have equal weight; those at equilibrium, where all is known, none.
    """
    told = data.labels.values["distribution"]
    cells = cells_of(told.values)
    away = cells.distance > NEAREST
    if not bool(away.any()):
        raise ValueError(
            "all labelled cells are at equilibrium: there is nothing to learn; label flows that go somewhere"
        )
    weights = (rng.exponential(size=len(data)) / np.maximum(told.counts, 1))[told.owner]
    return cells[away], torch.as_tensor(weights)[away]
