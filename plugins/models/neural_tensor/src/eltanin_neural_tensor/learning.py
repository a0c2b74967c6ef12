"""The training: what is kept of a structure, the loss, and its gradient.

L = Σ |ΔT / u|² / k N,  mean over the structures that have the label; k components, N atoms, u the size of a part
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from eltanin.batch import to_numpy
from eltanin_atoms.descriptors import VectorEnvironment
from eltanin_atoms.graphs import Graph
from eltanin_atoms.learning.batches import remembered
from eltanin_neural_tensor.evaluation import totals
from eltanin_neural_tensor.predictor import TensorPredictor


class Frame(NamedTuple):
    """One or several structures, ready to be learned: tensor (structures, *shape) is the label less its bias."""

    graph: Graph
    environment: VectorEnvironment
    tensor: Tensor


class Errors(NamedTuple):
    """The sum of squares of all components of the errors, in the unit squared, and how many they are."""

    squares: Tensor
    components: int


def joined(parts: Sequence[Frame]) -> Frame:
    """Join frames into one."""
    if len(parts) == 1:
        return parts[0]
    first, *others = [p.environment for p in parts]
    return Frame(Graph.joined([p.graph for p in parts]), first.joined(others), torch.cat([p.tensor for p in parts]))


def prepared(
    model: TensorPredictor, graph: Callable[[int], Graph], labels: np.ndarray, room: float
) -> Callable[[int], Frame]:
    """Return what makes the frame of a structure from its place, and keeps it if there is room (bytes)."""

    def frame(k: int) -> Frame:
        found = graph(k)
        tensor = torch.as_tensor(to_numpy(labels[[k]]), dtype=torch.float64, device=model.device)
        return Frame(found, model.environment(found, learning=True), tensor - model.baseline(found))

    return remembered(frame, room)


def learn(model: TensorPredictor, tensors: list[Tensor], frame: Frame) -> tuple[Sequence[Tensor], Errors]:
    """Return the gradient of the loss on a batch, and the errors there."""
    predicted = totals(model.kind, model.parameters, model.scale, frame.graph, frame.environment)
    off = predicted.detach() - frame.tensor
    slope = off * loss_weights(model, frame)
    gradients = torch.autograd.grad(predicted, tensors, slope, materialize_grads=True)
    return gradients, Errors(off.square().sum(), off.numel())


def loss(model: TensorPredictor, frame: Frame) -> Tensor:
    """Return L."""
    predicted = totals(model.kind, model.parameters, model.scale, frame.graph, frame.environment)
    return (0.5 * loss_weights(model, frame) * (predicted - frame.tensor).square()).sum()


def loss_weights(model: TensorPredictor, frame: Frame) -> Tensor:
    """Return the weights 2/(u² k N n) of half the squares of all components, (structures, 1, …)."""
    atoms = torch.bincount(frame.graph.structure, minlength=frame.graph.structures).clamp(min=1)
    per = 2 / (model.scale["unit"] ** 2 * atoms * frame.tensor.numel())
    return per.reshape(-1, *[1] * (frame.tensor.ndim - 1))


def errors(model: TensorPredictor, frame: Frame) -> Errors:
    """Return the errors on a batch."""
    with torch.no_grad():
        predicted = totals(model.kind, model.parameters, model.scale, frame.graph, frame.environment)
    off = predicted - frame.tensor
    return Errors(off.square().sum(), off.numel())


def rmse(model: TensorPredictor, found: Sequence[Errors]) -> dict[str, float]:
    """Return the root mean square error of a component over batches."""
    name, factor = model.kind.rmse
    mean = sum(float(f.squares) for f in found) / sum(f.components for f in found)
    return {name: factor * mean**0.5}
