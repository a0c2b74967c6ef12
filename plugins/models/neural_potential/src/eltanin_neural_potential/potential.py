"""A potential that answers for any batch of structures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from eltanin.batch import Properties, Ragged
from eltanin_atoms.descriptors import Descriptor, Environment
from eltanin_atoms.graphs import Graph, neighbour_graph
from eltanin_atoms.nets import Tensors
from eltanin_atoms.structures import Structures
from eltanin_neural_potential.energy import Parameters, answer

ATOMS = 4096  # evaluated together: a matter of memory alone
FAR = 1e8  # Å from the origin, where positions have no decimals left to tell neighbours apart
CROWD = 5000.0  # neighbours of an atom, on average, beyond which a structure has collapsed


@dataclass(frozen=True)
class Potential:
    """Energy, forces and virial of structures; NaN for what is no structure any more.

    elements: chemical symbols in order of species.  bias: (species,) eV.
    """

    elements: Sequence[str]
    descriptor: Descriptor
    parameters: Parameters
    statistics: Tensors
    bias: Tensor
    dtype: torch.dtype
    device: torch.device

    def predict(self, x: Structures) -> Properties:
        """Return energy (n,) eV, forces (atoms, 3) eV/Å, virial (n, 3, 3) eV."""
        energy, virial = np.full(len(x), np.nan), np.full((len(x), 3, 3), np.nan)
        forces = np.full((x.counts.sum(), 3), np.nan)
        for part in _parts(np.flatnonzero(self.sound(x)), x.counts):
            mine = slice(None) if len(part) == len(x) else np.isin(x.positions.owner, part)
            energy[part], forces[mine], virial[part] = self.evaluate(x if len(part) == len(x) else x[part])
        return Properties.of(energy=energy, forces=Ragged(forces, x.counts), virial=virial)

    def evaluate(self, x: Structures) -> list[np.ndarray]:
        """Return energy, forces and virial of structures that are sound."""
        graph = self.graph(x)
        out = answer(self.parameters, graph, self.environment(graph))
        found = (out.energy + self.baseline(graph), out.forces, graph.virials(out.gradient))
        return [t.detach().double().cpu().numpy() for t in found]

    def graph(self, x: Structures) -> Graph:
        """Return the neighbours of all atoms."""
        return neighbour_graph(x, self.descriptor.cutoff, self.elements).to(self.device)

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

    def sound(self, x: Structures) -> np.ndarray:
        """Return which structures have finite positions and a cell that has not collapsed, (n,)."""
        # Also false where a position is not a number.
        strange = ~(np.abs(x.positions.values) < FAR).all(axis=1)
        finite = np.bincount(x.positions.owner, strange, len(x)) == 0
        finite &= np.isfinite(x.cell).all(axis=(1, 2))
        sphere = 4 / 3 * np.pi * self.descriptor.cutoff**3
        crowded = x.pbc.all(axis=1) & ~(x.counts * sphere <= CROWD * x.volume)
        return finite & ~crowded


def _parts(index: np.ndarray, counts: np.ndarray) -> list[np.ndarray]:
    """Cut an index into parts of about `ATOMS` atoms; none if it is empty."""
    ends = np.flatnonzero(np.diff(np.cumsum(counts[index]) // ATOMS)) + 1
    return [part for part in np.split(index, ends) if len(part)]
