"""The component: a wave function whose training is one step downhill."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from eltanin.batch import Properties
from eltanin.protocols import Dataset, Metrics, Reason, Rng, System
from eltanin.registry import slot
from eltanin_walkers import laplacian as lap
from eltanin_walkers.courses import Course
from eltanin_walkers.walkers import Walkers
from eltanin_wavefunction.ansatz import Ansatz, Pairwise, Parameters
from eltanin_wavefunction.local_energy import local_terms, moved, scores
from eltanin_wavefunction.natural_gradient import centred, clipped
from eltanin_wavefunction.optimizers import Optimizer
from eltanin_wavefunction.starting import Start

Walked = Dataset[Walkers, Properties, Properties]
State = dict[str, Any]
REMEMBERED = ("energy", "variance")


@dataclass(frozen=True)
class Psi:
    """A wave function that stands still.

    history: `energy` (T,) and `variance` (T,) of the steps that led to it.
    """

    ansatz: Ansatz
    parameters: Parameters
    mass: float | None
    chunk: int
    history: Mapping[str, np.ndarray] = field(default_factory=dict[str, np.ndarray])

    def log_psi(self, x: lap.Value) -> tuple[Tensor, lap.Value]:
        """Return sign and log|ψ| (n,)."""
        return self.ansatz.log_psi(self.parameters, x)

    def predict(self, x: Walkers) -> Properties:
        """Return `log_psi` (n,) and `sign` (n,)."""
        with torch.no_grad():
            sign, log = self.log_psi(torch.as_tensor(x.positions))
        return Properties.of(log_psi=np.asarray(log), sign=np.asarray(sign, dtype=float))

    def gradient(self, x: Walkers) -> np.ndarray:
        """Return ∇ log|ψ| (n, particles, dimensions), 1/bohr."""
        positions = torch.as_tensor(x.positions).requires_grad_()
        log = torch.as_tensor(self.log_psi(positions)[1])
        return torch.autograd.grad(log.sum(), positions)[0].numpy()

    def course(self, x: Walkers) -> Course | None:
        """Begin a walk by one particle at a time, if the form has a quick way."""
        if not isinstance(self.ansatz, Pairwise):
            return None
        return self.ansatz.course(self.parameters, torch.as_tensor(x.positions))

    def local_energy(self, x: Walkers, labels: Properties) -> np.ndarray:
        """Return H ψ / ψ (n,) at labelled walkers."""
        return self.local_terms(x, labels)["energy"]

    def local_terms(self, x: Walkers, labels: Properties) -> dict[str, np.ndarray]:
        """Return `energy` (n,), H ψ / ψ, and in space the three `kinetic…` whose means are the same."""
        values = {name: torch.as_tensor(column) for name, column in labels.values.items()}
        positions = torch.as_tensor(x.positions)
        terms = local_terms(self.ansatz, self.parameters, positions, values, self.mass, self.chunk)
        return {name: term.numpy() for name, term in terms.items()}


@dataclass(frozen=True)
class WaveFunction:
    """Seeks a ground state: each training is one step of an optimizer on the energy of the walkers' wave function.

    ansatz: its form.
    optimizer: how its parameters follow the energy.
    start: what finds its first parameters; none, and it begins as the form itself says.
    chunk: walkers whose derivatives are held in memory together.
    clip: for the step, a local energy is at most so many mean distances from the median; none is when reported.
    """

    domain: ClassVar[str] = "walkers"
    revision: ClassVar[int] = 1
    measurable: ClassVar[bool] = True
    system: System
    ansatz: Ansatz = slot("model/ansatz", "determinants")
    optimizer: Optimizer = slot("model/optimizer", "spring")
    start: Start | None = slot("model/start", None)
    chunk: int = 256
    clip: float = 5.0

    def __post_init__(self) -> None:
        """Refuse settings that have no meaning."""
        if self.chunk < 1:
            raise ValueError(f"model.chunk={self.chunk}: give 1 or more walkers")
        if not self.clip > 0:
            raise ValueError(f"model.clip={self.clip}: every energy would be the median; give a number above 0")
        if self.start:
            self.start.check(self.ansatz)

    def init(self, data: Walked, rng: Rng) -> State:
        """Return the first guess."""
        del data
        parameters = self.ansatz.begin(rng)
        if self.start:
            parameters = self.start.begun(self.ansatz, parameters, rng)
        count = sum(p.numel() for p in parameters.values())
        nothing = {name: np.zeros(0) for name in REMEMBERED}
        start = self.optimizer.begin(count)
        return {"parameters": parameters, "good": parameters, "optimizer": start, "history": nothing}

    def train(self, state: State, data: Walked, rng: Rng) -> tuple[State, Metrics]:
        """Take one step; the metrics are of the wave function before it. Where no wave function led there is none."""
        del rng
        if np.all(data.reason == int(Reason.INITIAL)):
            return state, {}
        psi, x = self.predictor(state), data.configurations
        energies = torch.as_tensor(psi.local_energy(x, data.labels))
        sound = torch.isfinite(energies)
        if not sound.all():
            return self._back(state), {"rolled_back": 1.0}
        gradients = scores(self.ansatz, psi.parameters, torch.as_tensor(x.positions), self.chunk)
        o, errors = centred(gradients, clipped(energies, self.clip))
        step, optimizer = self.optimizer.step(o, errors, state["optimizer"])
        if not torch.isfinite(step).all():
            return self._back(state), {"rolled_back": 1.0}
        told = _told(energies)
        history = {name: np.append(state["history"][name], told[name]) for name in REMEMBERED}
        after = {"parameters": moved(psi.parameters, step), "good": psi.parameters, "optimizer": optimizer}
        return after | {"history": history}, told | {"step": float(step.norm())}

    def _back(self, state: State) -> State:
        """Return to the last parameters whose energies were finite, and forget where the optimizer was going."""
        good = _tensors(state["good"])
        count = sum(p.numel() for p in good.values())
        fresh = self.optimizer.begin(count) | {"steps": state["optimizer"]["steps"]}
        return {"parameters": good, "good": good, "optimizer": fresh, "history": state["history"]}

    def predictor(self, state: State) -> Psi:
        """Return the wave function."""
        mass = getattr(self.system, "mass", None)
        return Psi(self.ansatz, _tensors(state["parameters"]), mass, self.chunk, state["history"])


def _tensors(parameters: Mapping[str, Any]) -> Parameters:
    return {name: torch.as_tensor(value) for name, value in parameters.items()}


def _told(energies: Tensor) -> dict[str, float]:
    variance = float(energies.var())
    return {
        "energy": float(energies.mean()),
        "energy_error": float(np.sqrt(variance / len(energies))),
        "variance": variance,
    }
