"""The Deep Ritz method (E and Yu, Commun. Math. Stat. 6, 1 (2018)): -Δu = f as the least of an integral.

With u zero at the walls and x uniform, J[u] = ∫ ½|∇u|² - fu falls along

    dJ/dθ = ∫ ∇u·∇(∂u/∂θ) - f ∂u/∂θ = ∫ (-Δu - f) ∂u/∂θ,

a residual times a score, as in variational Monte Carlo: its noise ends where the solution is, and the same optimizers
step along it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Protocol

import torch
from torch import Tensor

from eltanin.batch import Properties
from eltanin.protocols import Metrics, Rng
from eltanin.registry import slot
from eltanin_walkers import laplacian as lap
from eltanin_walkers.walkers import Walkers
from eltanin_wavefunction.ansatz import Parameters
from eltanin_wavefunction.local_energy import moved, scores
from eltanin_wavefunction.model import State, Walked
from eltanin_wavefunction.optimizers import Optimizer


class Form(Protocol):
    """A form of solutions that are zero at the walls."""

    def begin(self, rng: Rng) -> Parameters:
        """Return parameters to begin with."""
        ...

    def solution(self, parameters: Parameters, x: lap.Value) -> lap.Value:
        """Return u (n,) at points (n, 1, d), plain or carried."""
        ...


@dataclass(frozen=True)
class Trial:
    """A trial function u that stands still."""

    form: Form
    parameters: Parameters

    def predict(self, x: Walkers) -> Properties:
        """Return log|u| and the sign of u, as `log_psi` (n,) and `sign` (n,)."""
        with torch.no_grad():
            u = torch.as_tensor(self.form.solution(self.parameters, torch.as_tensor(x.positions)))
        return Properties.of(log_psi=u.abs().log().numpy(), sign=u.sign().numpy())


@dataclass(frozen=True)
class _Plain:
    """Shows `scores` u itself where it looks for log ψ."""

    form: Form

    def begin(self, rng: Rng) -> Parameters:
        return self.form.begin(rng)

    def log_psi(self, parameters: Parameters, x: lap.Value) -> tuple[Tensor, lap.Value]:
        return torch.ones(x.shape[0]), self.form.solution(parameters, x)


@dataclass(frozen=True)
class DeepRitz:
    """Solves -Δu = f: each training is one step of an optimizer down the integral ∫ ½|∇u|² - fu.

    ansatz: the form of u.
    optimizer: how its parameters follow.
    chunk: points whose derivatives are held in memory together.
    """

    domain: ClassVar[str] = "walkers"
    revision: ClassVar[int] = 1
    solves: ClassVar[bool] = True
    ansatz: Form = slot("model/ansatz", "residual_net")
    optimizer: Optimizer = slot("model/optimizer", "stochastic_reconfiguration")
    chunk: int = 256

    def __post_init__(self) -> None:
        """Refuse forms that have no solution to offer."""
        if self.chunk < 1:
            raise ValueError(f"model.chunk={self.chunk}: give 1 or more points")
        if not hasattr(self.ansatz, "solution"):
            raise ValueError("model=deep_ritz needs a form with `solution`: take model/ansatz=residual_net")

    def init(self, data: Walked, rng: Rng) -> State:
        """Return the first guess."""
        del data
        parameters = self.ansatz.begin(rng)
        count = sum(p.numel() for p in parameters.values())
        return {"parameters": parameters, "optimizer": self.optimizer.begin(count)}

    def train(self, state: State, data: Walked, rng: Rng) -> tuple[State, Metrics]:
        """Take one step; the metrics are of the trial function before it."""
        del rng
        trial, plain = self.predictor(state), _Plain(self.ansatz)
        x, source = (torch.as_tensor(a) for a in (data.configurations.positions, data.labels.values["potential"]))
        found = lap.derivatives(lambda r: plain.log_psi(trial.parameters, r), x, self.chunk)
        residual, root = -found.laplacian - source, len(x) ** 0.5
        o = scores(plain, trial.parameters, x, self.chunk) / root
        step, optimizer = self.optimizer.step(o, -residual / root, state["optimizer"])
        integrand = 0.5 * (found.gradient**2).sum((1, 2)) - source * found.log
        told = {
            "energy": float(integrand.mean()),
            "energy_error": float(integrand.std() / root),
            "residual": float(residual.square().mean().sqrt()),
        }
        return {"parameters": moved(trial.parameters, step), "optimizer": optimizer}, told

    def predictor(self, state: State) -> Trial:
        """Return the trial function."""
        return Trial(self.ansatz, {name: torch.as_tensor(value) for name, value in state["parameters"].items()})
