"""The model: a committee of tails that began with other weights and saw other parts of the labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from eltanin.batch import Properties, Ragged
from eltanin.protocols import Dataset, Metrics, OwnDomain, Rng
from eltanin_gas.flows.many_moments import LEAST_ORDER, ManyMoments, Tail, hermite_tail
from eltanin_gas.gates import check_six_moments
from eltanin_gas.monatomic import state_of
from eltanin_gas.perceptron import Layers, layers_of, seeded
from eltanin_gas.problems import Problems
from eltanin_hyperbolic.faces import faces_of
from eltanin_hyperbolic.tail import first_layers, learned
from eltanin_hyperbolic.training import fit, residuals

MOST_ORDER = 12  # beyond it the moments of gases at two temperatures do not converge


@dataclass(frozen=True)
class MeanTail:
    """The mean of a committee's α and β: speeds stay real."""

    members: Sequence[Tail]

    def __call__(self, standardised: Tensor) -> tuple[Tensor, Tensor]:
        """Return α and β (..., 2)."""
        found = [torch.stack(member(standardised)) for member in self.members]
        alpha, beta = torch.stack(found).mean(0)
        return alpha, beta


@dataclass(frozen=True)
class LearnedTail:
    """A trained tail: answers for the cells that a run met, and for the driver."""

    layers: Layers | None
    order: int

    def __call__(self, standardised: Tensor) -> tuple[Tensor, Tensor]:
        """Return α and β (..., 2) of standardised moments (..., 2, N + 1)."""
        return learned(self.layers, standardised) if self.layers else hermite_tail(standardised)

    def jointly(self, members: Sequence[LearnedTail]) -> ManyMoments:
        """Return the system that the mean of members closes."""
        return ManyMoments(members[0] if len(members) == 1 else MeanTail(members), self.order)

    def predict(self, x: Problems) -> Properties:
        """Return the characteristic speeds over T^(1/2), from u, (cells, 2 N + 2), of the cells met."""
        system = ManyMoments(self, self.order)
        met = torch.as_tensor(np.asarray(x.met.values, dtype=float))
        u = met if met.shape[1] == system.moments else system.from_state(state_of(met))
        return Properties.of(speeds=Ragged(system.jacobi_speeds(u).flatten(-2).numpy(), x.met.counts))


@dataclass(frozen=True)
class HyperbolicClosure:
    """Learns what closes 2 (N + 1) moments, with real characteristic speeds whatever it learns.

    order: N, the highest power of the velocity among the moments.
    width: neurons of each of two layers.
    steps: evaluations of the loss by L-BFGS, in every training; 0 keeps Hermite's speeds (Cai, Fan and Li 2013).
    faces: labelled pairs of neighbouring cells that are looked at in one step.
    """

    domain: ClassVar[str] = "gas"
    revision: ClassVar[int] = 1
    predicts: ClassVar[frozenset[str]] = frozenset({"speeds", "moment_system"})
    measured: OwnDomain
    order: int = 7
    width: int = 32
    steps: int = 400
    faces: int = 8000

    def __post_init__(self) -> None:
        """Refuse what has no limit of Navier and Stokes, or teaches nothing, and a domain without distributions."""
        if not LEAST_ORDER <= self.order <= MOST_ORDER:
            raise ValueError(
                f"model.order={self.order}: Navier, Stokes and Fourier are exact from {LEAST_ORDER} on, and"
                f" Hermite's series of a gas of two temperatures ceases to converge; give {LEAST_ORDER} to {MOST_ORDER}"
            )
        for name, least in (("width", 1), ("faces", 4), ("steps", 0)):
            if not getattr(self, name) >= least:
                raise ValueError(f"model.{name}={getattr(self, name)}: give {least} or more")
        if self.steps and not self.measured.distributions:
            raise ValueError(
                "hyperbolic_closure learns from distribution functions, and labelers are not asked for them:"
                " set domain=gas domain.distributions=true"
            )

    def check(self, x: Problems) -> None:
        """Refuse problems of another gas."""
        check_six_moments(x)

    def init(self, data: Dataset[Problems, Properties, Properties], rng: Rng) -> dict[str, Any]:
        """Return a member with random weights; with Hermite's speeds if nothing is to be learned."""
        del data
        flat = first_layers(self.width, self.order, seeded(rng)) if self.steps else []
        return {"parameters": [x.numpy() for x in flat]}

    def train(
        self, state: dict[str, Any], data: Dataset[Problems, Properties, Properties], rng: Rng
    ) -> tuple[dict[str, Any], Metrics]:
        """Return the member after so many steps more, on faces whose problems are weighted by Exp(1) (Rubin 1981)."""
        if not self.steps:
            return state, {}
        faces = faces_of(data.configurations, data.labels, self.order)
        counts = torch.bincount(faces.owner, minlength=len(data)).clamp(min=1)
        weights = (torch.as_tensor(rng.exponential(size=len(data))) / counts)[faces.owner]
        flat = [torch.as_tensor(np.asarray(x)) for x in state["parameters"]]
        flat, losses = fit(flat, faces, weights, self.steps, self.faces, seeded(rng))
        with torch.no_grad():
            left = residuals(learned(layers_of(flat), faces.standardised), faces.jump).square().mean()
            of_hermite = residuals(hermite_tail(faces.standardised), faces.jump).square().mean()
        told = {"closing_change_rmse": float(left.sqrt()), "over_hermite": float((left / of_hermite).sqrt())}
        return {"parameters": [x.numpy() for x in flat]}, {**told, "loss": losses}

    def predictor(self, state: dict[str, Any]) -> LearnedTail:
        """Return the tail of a member."""
        flat = [torch.as_tensor(np.asarray(x)) for x in state["parameters"]]
        return LearnedTail(layers_of(flat) or None, self.order)
