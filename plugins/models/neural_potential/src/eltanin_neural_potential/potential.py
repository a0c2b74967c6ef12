"""A potential that answers for any batch of structures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from eltanin.batch import Properties
from eltanin_atoms.descriptors import Descriptor, Environment, Freezable, Frozen
from eltanin_atoms.evaluating import evaluated
from eltanin_atoms.graphs import Graph, neighbour_graph
from eltanin_atoms.neighbours import Following
from eltanin_atoms.nets import Parameters, Tensors
from eltanin_atoms.repulsions import Repulsion
from eltanin_atoms.structures import Structures
from eltanin_neural_potential.energy import Answer, answer, answer_in_parts

# Atoms evaluated together: fewer, and products of matrices take longer; more, and a cache does not hold them.
PART, PART_CUDA = 512, 16384


@dataclass(frozen=True)
class Potential:
    """Energy, forces and virial of structures; NaN for what is no structure any more.

    elements: chemical symbols in order of species.  bias: (species,) eV.  search: for neighbours.
    """

    elements: Sequence[str]
    descriptor: Descriptor
    repulsion: Repulsion | None
    parameters: Parameters
    statistics: Tensors
    bias: Tensor
    dtype: torch.dtype
    device: torch.device
    search: Following = field(default_factory=Following)

    def predict(self, x: Structures) -> Properties:
        """Return energy (n,) eV, forces (atoms, 3) eV/Å, virial (n, 3, 3) eV."""
        return evaluated(x, self.descriptor.cutoff, self.evaluate)

    def evaluate(self, x: Structures) -> list[np.ndarray]:
        """Return energy, forces and virial of structures that are sound."""
        graph = self.graph(x)
        out = self._answer(graph)
        found = [out.energy + self.baseline(graph), out.forces, graph.virials(out.gradient)]
        if self.repulsion:
            energy, gradient = self.repulsion.energies(graph, self.elements)
            more = (energy, graph.forces(gradient), graph.virials(gradient))
            found = [a + b for a, b in zip(found, more, strict=True)]
        return [t.detach().double().cpu().numpy() for t in found]

    def graph(self, x: Structures) -> Graph:
        """Return the neighbours of all atoms."""
        return neighbour_graph(x, self.descriptor.cutoff, self.elements, self.search).to(self.device)

    @torch.no_grad()
    def _answer(self, graph: Graph) -> Answer:
        if self._frozen:
            atoms = PART_CUDA if self.device.type == "cuda" else PART
            return answer_in_parts(self.parameters, graph, self._frozen, atoms)
        return answer(self.parameters, graph, self.environment(graph))

    @cached_property
    def _frozen(self) -> Frozen | None:
        if isinstance(self.descriptor, Freezable):
            return self.descriptor.frozen(self.parameters.descriptor, self.statistics, self.dtype)
        return None

    def features(self, x: Structures) -> tuple[Tensor, Tensor]:
        """Return the features of all atoms, (atoms, size) in float64, and their species, (atoms,)."""
        graph = self.graph(x)
        found, _ = self.environment(graph).features(self.parameters.descriptor)
        return found.detach().double().cpu(), graph.species.cpu()

    def environment(self, graph: Graph, learning: bool = False) -> Environment:
        """Return what the atoms of a graph see."""
        return self.descriptor.environment(graph, self.statistics, self.dtype, learning)

    def covering(self, graphs: Iterable[Graph]) -> Potential:
        """Return the potential with statistics for these graphs too."""
        return replace(self, statistics=self.descriptor.covering(self.statistics, graphs))

    def baseline(self, graph: Graph) -> Tensor:
        """Return the energy that the species alone give each structure, (structures,) eV."""
        zeros = self.bias.new_zeros(graph.structures)
        return zeros.index_add(0, graph.structure, self.bias[graph.species])
