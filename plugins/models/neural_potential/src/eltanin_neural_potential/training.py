"""The training: Adam on the loss, with the weights and the learning rate of the schedule."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from eltanin_atoms.learning.batches import SAMPLE, sampled
from eltanin_atoms.learning.descent import Schedule, descend
from eltanin_atoms.nets import Parameters
from eltanin_neural_potential.energy import answer
from eltanin_neural_potential.frames import Frame
from eltanin_neural_potential.loss import Errors, errors, prefactor, rmse
from eltanin_neural_potential.potential import Potential

Span = tuple[float, float]


class Plan(NamedTuple):
    """How the learning rate goes, and with it the prefactors of energy, forces and virial: at start and end."""

    schedule: Schedule
    energy: Span
    forces: Span
    virial: Span


def train(parameters: Parameters, batches: Iterator[Frame], plan: Plan) -> dict[str, list[float]]:
    """Move the parameters, in place; return the learning curve."""
    tensors = parameters.tensors
    return descend(tensors, batches, plan.schedule, lambda b, lr: learn(parameters, tensors, b, plan, lr), rmse)


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


def final_errors(potential: Potential, frame: Callable[[int], Frame], frames: int) -> dict[str, float]:
    """Return errors on what was learned, or on a sample of it if it is much."""
    chosen = map(frame, sampled(frames, SAMPLE))
    found = [errors(predictions(potential.parameters, one, virial=True), one.labels) for one in chosen]
    return {f"training_{name}": value for name, value in rmse(found).items()}
