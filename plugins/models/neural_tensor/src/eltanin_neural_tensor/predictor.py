"""A model that answers with the tensor of any batch of structures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from eltanin.batch import Properties, to_numpy
from eltanin_atoms.descriptors import VectorDescriptor, VectorEnvironment
from eltanin_atoms.evaluating import parts
from eltanin_atoms.graphs import Graph, neighbour_graph
from eltanin_atoms.learning.arrays import State, tensors, where
from eltanin_atoms.nets import Parameters, Tensors
from eltanin_atoms.structures import Structures
from eltanin_neural_tensor.evaluation import totals
from eltanin_neural_tensor.tensors import KINDS, Kind, isotropic


@dataclass(frozen=True)
class TensorPredictor:
    """The dipole or the polarizability of structures; NaN for what is no structure any more.

    elements: chemical symbols in order of species.  scale: see `totals`.  bias: (species,) Å³, or zeros.
    """

    quantity: str
    elements: Sequence[str]
    descriptor: VectorDescriptor
    parameters: Parameters
    statistics: Tensors
    scale: Tensors
    bias: Tensor
    dtype: torch.dtype
    device: torch.device

    @property
    def kind(self) -> Kind:
        """How the tensor is made."""
        return KINDS[self.quantity]

    def predict(self, x: Structures) -> Properties:
        """Return dipole (n, 3) e·Å, or polarizability (n, 3, 3) Å³."""
        found = np.full((len(x), *self.kind.shape), np.nan)
        for part, _ in parts(x, self.descriptor.cutoff):
            found[part] = self.evaluate(x[part])
        return Properties.of(**{self.quantity: found})

    def evaluate(self, x: Structures) -> np.ndarray:
        """Return the tensors of structures that are sound, (n, *shape)."""
        graph = self.graph(x)
        out = totals(self.kind, self.parameters, self.scale, graph, self.environment(graph))
        return to_numpy(out + self.baseline(graph))

    def graph(self, x: Structures) -> Graph:
        """Return the neighbours of all atoms."""
        return neighbour_graph(x, self.descriptor.cutoff, self.elements).to(self.device)

    def vectors(self, x: Structures) -> Tensor:
        """Return the vectors of all atoms, (atoms, 3, channels)."""
        _, found = self.environment(self.graph(x)).vectors(self.parameters.descriptor)
        return found

    def environment(self, graph: Graph, learning: bool = False) -> VectorEnvironment:
        """Return what the atoms of a graph see."""
        return self.descriptor.environment(graph, self.statistics, self.dtype, learning)

    def covering(self, graphs: Iterable[Graph]) -> TensorPredictor:
        """Return the predictor with statistics for these graphs too."""
        return replace(self, statistics=self.descriptor.covering(self.statistics, graphs))

    def baseline(self, graph: Graph) -> Tensor:
        """Return what the species alone give each structure, (structures, *shape)."""
        if not self.kind.biased:
            return self.bias.new_zeros(graph.structures, *self.kind.shape)
        total = self.bias.new_zeros(graph.structures)
        return isotropic(total.index_add(0, graph.structure, self.bias[graph.species]))


def predictor_of(
    state: State, descriptor: VectorDescriptor, layers: int, precision: str, device: str
) -> TensorPredictor:
    """Return the predictor of a state, with tensors of its own."""
    dtype, place = getattr(torch, precision), where(device)
    return TensorPredictor(
        quantity=str(state["quantity"]),
        elements=list(state["elements"]),
        descriptor=descriptor,
        parameters=Parameters(
            descriptor=tensors(state["descriptor"], dtype, place),
            fitting=[tensors(net, dtype, place) for net in state["fitting"]],
            layers=layers,
        ),
        statistics=tensors(state["statistics"], torch.float64, place),
        scale=tensors(state["scale"], torch.float64, place),
        bias=torch.tensor(to_numpy(state["bias"]), dtype=torch.float64, device=place),
        dtype=dtype,
        device=place,
    )
