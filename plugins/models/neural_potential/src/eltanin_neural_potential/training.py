"""The training: Adam on the loss, with the weights and the learning rate of the schedule."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import isfinite
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.optim.adam import adam

from eltanin_neural_potential.energy import Parameters, answer
from eltanin_neural_potential.frames import Frame
from eltanin_neural_potential.loss import Errors, errors, learning_rate, prefactor, rmse
from eltanin_neural_potential.potential import Potential

POINTS = 100  # of a learning curve
SAMPLE = 200  # structures that errors after the training are measured on
Span = tuple[float, float]


class Plan(NamedTuple):
    """The schedule of a training.

    start, end: learning rates.  every: steps of a stride of the decay.  full: the learning rate at
    which the prefactors are at their start.  energy, forces, virial: prefactors at start and end.
    """

    steps: int
    start: float
    end: float
    every: int
    full: float
    energy: Span
    forces: Span
    virial: Span


class Adam(NamedTuple):
    """The tensors that are moved, and the moments of their gradients."""

    tensors: list[Tensor]
    first: list[Tensor]
    second: list[Tensor]
    steps: list[Tensor]

    @classmethod
    def of(cls, tensors: list[Tensor]) -> Adam:
        """Begin without moments."""
        first, second = ([torch.zeros_like(t) for t in tensors] for _ in range(2))
        return cls(tensors, first, second, [torch.zeros((), device=t.device) for t in tensors])

    def move(self, gradients: Sequence[Tensor], rate: float) -> None:
        """Do one step, in place."""
        adam(
            self.tensors, list(gradients), self.first, self.second, [], self.steps,
            lr=rate, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.0, amsgrad=False, maximize=False, fused=True,
        )  # fmt: skip


def train(parameters: Parameters, batches: Iterator[Frame], plan: Plan) -> dict[str, list[float]]:
    """Move the parameters, in place; return the learning curve."""
    tensors, curve, window = parameters.tensors, dict[str, list[float]](), list[Errors]()
    moments = Adam.of([t.detach() for t in tensors])
    for tensor in tensors:
        tensor.requires_grad_()
    for step in range(plan.steps):
        rate = learning_rate(step, plan.steps, plan.start, plan.end, plan.every)
        gradients, found = learn(parameters, tensors, next(batches), plan, rate / plan.full)
        moments.move(gradients, rate)
        window.append(found)
        if (step + 1) % max(1, plan.steps // POINTS) == 0:
            extend(curve, step + 1, rmse(window))
            window = []
    for tensor in tensors:
        tensor.requires_grad_(False)
    return curve


def learn(
    parameters: Parameters, tensors: list[Tensor], frame: Frame, plan: Plan, fraction: float
) -> tuple[Sequence[Tensor], Errors]:
    """Return the gradient of the loss on a batch, and the errors there."""
    prefactors = [prefactor(span, fraction) for span in (plan.energy, plan.forces, plan.virial)]
    predicted = predictions(parameters, frame, virial=bool(prefactors[2] and frame.labels.known[2]))
    found = errors(predicted, frame.labels, prefactors)
    gradients = torch.autograd.grad(predicted, tensors, found.slopes, materialize_grads=True)
    return gradients, found


def predictions(parameters: Parameters, frame: Frame, virial: bool) -> list[Tensor]:
    """Return energies, forces, and virials if they are asked for."""
    out = answer(parameters, frame.graph, frame.environment)
    return [out.energy, out.forces, *([frame.graph.virials(out.gradient)] if virial else [])]


def extend(curve: dict[str, list[float]], step: int, point: dict[str, float]) -> None:
    """Add a point to the learning curve."""
    if not all(map(isfinite, point.values())):
        raise ValueError(
            f"the training diverged: its errors are not finite at step {step}. Give a smaller "
            "model.learning_rate, or look for absurd labels in the data"
        )
    for name, value in {"step": step, **point}.items():
        curve.setdefault(name, []).append(value)


def final_errors(potential: Potential, frame: Callable[[int], Frame], frames: int) -> dict[str, float]:
    """Return errors on what was learned, or on a sample of it if it is much."""
    chosen = np.unique(np.linspace(0, frames - 1, SAMPLE).astype(int)).tolist()
    found = [errors(predictions(potential.parameters, frame(k), virial=True), frame(k).labels) for k in chosen]
    return {f"training_{name}": value for name, value in rmse(found).items()}
