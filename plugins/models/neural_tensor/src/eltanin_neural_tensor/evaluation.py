"""From what atoms see to the tensor of a structure, as a differentiable function of the parameters."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from eltanin_atoms.descriptors import VectorEnvironment
from eltanin_atoms.graphs import Graph
from eltanin_atoms.nets import Parameters, Tensors, residual_net
from eltanin_neural_tensor.tensors import Kind


def totals(kind: Kind, parameters: Parameters, scale: Tensors, graph: Graph, environment: VectorEnvironment) -> Tensor:
    """Return the tensor of each structure, (structures, *shape) in float64, in its unit, without the bias.

    scale: `unit` (), the size of an atom's part, and `vectors` (M,), that of the vectors.
    """
    features, vectors = environment.vectors(parameters.descriptor)
    numbers = coefficients(parameters, features, graph.species)
    atomic = kind.atomic(numbers, vectors / scale["vectors"].to(vectors.dtype))
    total = torch.zeros(graph.structures, *kind.shape, dtype=torch.float64, device=atomic.device)
    return scale["unit"] * total.index_add(0, graph.structure, atomic.double())


def coefficients(parameters: Parameters, features: Tensor, species: Tensor) -> Float[Tensor, "atoms outputs"]:
    """Return the numbers c of every atom, from the net of its species."""
    if len(parameters.fitting) == 1:
        return fit(parameters.fitting[0], features, parameters.layers)
    found = features.new_zeros(len(features), parameters.fitting[0]["weight_out"].shape[1])
    for kind, net in enumerate(parameters.fitting):
        atoms = torch.nonzero(species == kind).squeeze(1)
        found = found.index_copy(0, atoms, fit(net, features.index_select(0, atoms), parameters.layers))
    return found


def fit(net: Tensors, x: Float[Tensor, "n size"], layers: int) -> Float[Tensor, "n outputs"]:
    """Return y W + b of the last hidden layer y."""
    return torch.addmm(net["bias_out"], residual_net(net, x, layers), net["weight_out"])
