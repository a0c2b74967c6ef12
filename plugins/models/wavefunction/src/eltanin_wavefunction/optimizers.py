"""How parameters follow the energy: the components of the slot `model/optimizer`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor

from eltanin_wavefunction import natural_gradient

State = dict[str, Any]


class Optimizer(Protocol):
    """Turns scores O (N, P) and errors ε (N,) of walkers, over √N, into a step of the parameters towards O dθ = ε."""

    def begin(self, parameters: int) -> State:
        """Return what is known before the first step."""
        ...

    def step(self, o: Tensor, errors: Tensor, state: State) -> tuple[Tensor, State]:
        """Return a step (P,), and what is known after it."""
        ...


@dataclass(frozen=True)
class _Rate:
    rate: float = 0.05
    decay: float = 1e4

    def __post_init__(self) -> None:
        """Refuse steps that go nowhere."""
        for name, least in (("rate", 0.0), ("decay", 0.0), ("damping", 0.0), ("longest", 0.0)):
            value = getattr(self, name, 1.0)
            if not value > least:
                raise ValueError(f"model.optimizer.{name}={value}: give a number above 0")

    def now(self, state: State) -> float:
        """Return the rate after so many steps."""
        return self.rate / (1 + state["steps"] / self.decay)


@dataclass(frozen=True)
class Spring(_Rate):
    """Natural gradient that keeps what this round's walkers do not determine (SPRING).

    rate: of learning, 1/energy, at the beginning.
    decay: steps after which the rate is half of that.
    damping: λ, added to the Gram matrix.
    momentum: μ, how much of the step before is kept, below 1; 0 is MinSR.
    longest: the norm of a step at most.
    """

    domain: ClassVar[str] = "walkers"
    revision: ClassVar[int] = 1
    damping: float = 1e-3
    momentum: float = 0.95
    longest: float = 0.1

    def __post_init__(self) -> None:
        """Refuse a memory that grows."""
        super().__post_init__()
        if not 0 <= self.momentum < 1:
            raise ValueError(
                f"model.optimizer.momentum={self.momentum}: steps would add up without end; give 0 <= momentum < 1"
            )

    def begin(self, parameters: int) -> State:
        """Return a step of nothing."""
        return {"steps": 0, "before": torch.zeros(parameters, dtype=torch.float64)}

    def step(self, o: Tensor, errors: Tensor, state: State) -> tuple[Tensor, State]:
        """Return the step."""
        before = torch.as_tensor(state["before"], device=o.device)
        direction = natural_gradient.spring(o, errors, self.damping, before, self.momentum)
        step = natural_gradient.constrained(self.now(state) * direction, self.longest)
        return step, {"steps": state["steps"] + 1, "before": direction}


@dataclass(frozen=True)
class StochasticReconfiguration(_Rate):
    """Natural gradient of this round's walkers alone, by the smaller of its two systems of equations (SR, MinSR).

    rate: of learning, 1/energy, at the beginning.
    decay: steps after which the rate is half of that.
    damping: λ, added to the Gram matrix.
    longest: the norm of a step at most.
    """

    domain: ClassVar[str] = "walkers"
    revision: ClassVar[int] = 1
    damping: float = 1e-3
    longest: float = 0.5

    def begin(self, parameters: int) -> State:
        """Return a count."""
        del parameters
        return {"steps": 0}

    def step(self, o: Tensor, errors: Tensor, state: State) -> tuple[Tensor, State]:
        """Return the step."""
        few = o.shape[1] <= o.shape[0]
        solve = natural_gradient.stochastic_reconfiguration if few else natural_gradient.minimum_step
        step = self.now(state) * solve(o, errors, self.damping)
        return natural_gradient.constrained(step, self.longest), {"steps": state["steps"] + 1}


@dataclass(frozen=True)
class Adam(_Rate):
    """The gradient 2 Cov(E_L, d log ψ/dθ) with Adam's moments (Kingma and Ba 2015): what others have to beat.

    rate: of learning, at the beginning.
    decay: steps after which the rate is half of that.
    """

    domain: ClassVar[str] = "walkers"
    revision: ClassVar[int] = 1
    rate: float = 3e-3
    first: ClassVar[float] = 0.9
    second: ClassVar[float] = 0.999

    def begin(self, parameters: int) -> State:
        """Return moments of nothing."""
        zeros = torch.zeros(parameters, dtype=torch.float64)
        return {"steps": 0, "mean": zeros, "square": zeros}

    def step(self, o: Tensor, errors: Tensor, state: State) -> tuple[Tensor, State]:
        """Return the step."""
        downhill, t = 2 * o.mT @ errors, state["steps"] + 1
        mean = self.first * torch.as_tensor(state["mean"], device=o.device) + (1 - self.first) * downhill
        square = self.second * torch.as_tensor(state["square"], device=o.device) + (1 - self.second) * downhill**2
        scale = (square / (1 - self.second**t)).sqrt() + 1e-8
        return self.now(state) * mean / (1 - self.first**t) / scale, {"steps": t, "mean": mean, "square": square}
