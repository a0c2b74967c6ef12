"""A potential that answers for any batch of structures, and grades how far it extrapolates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float

from eltanin.batch import Properties, to_numpy
from eltanin_atoms.deviation import largest
from eltanin_atoms.evaluating import evaluated, parts
from eltanin_atoms.graphs import Graph, neighbour_graph
from eltanin_atoms.structures import Structures
from eltanin_moment_tensor.basis import Functions
from eltanin_moment_tensor.maxvol import grade
from eltanin_moment_tensor.rows import of_energies

ActiveSet = tuple[np.ndarray, np.ndarray]  # the inverse of A, and the scales of its functions


@dataclass(frozen=True)
class Potential:
    """Energy, forces, virial and extrapolation grade; NaN for what is no structure any more.

    elements: chemical symbols in order of species.  coefficients: (species, functions) eV.
    active: an active set for each species of centre, or a single one of whole structures.
    """

    elements: Sequence[str]
    functions: Functions
    coefficients: Float[torch.Tensor, "species functions"]
    active: Sequence[ActiveSet]
    of_structures: bool

    def predict(self, x: Structures) -> Properties:
        """Return energy (n,) eV, forces (atoms, 3) eV/Å, virial (n, 3, 3) eV."""
        return evaluated(x, self.functions.cutoff, self.evaluate)

    def evaluate(self, x: Structures) -> list[np.ndarray]:
        """Return energy, forces and virial of structures that are sound."""
        graph = self.graph(x)
        vector = graph.vector.clone().requires_grad_()
        atomic = (self.functions.values(graph, vector) * self.coefficients[graph.species]).sum(dim=1)
        (gradient,) = torch.autograd.grad(atomic.sum(), vector, materialize_grads=True)
        energy = atomic.new_zeros(graph.structures).index_add(0, graph.structure, atomic)
        return [to_numpy(t) for t in (energy, graph.forces(gradient), graph.virials(gradient))]

    def grade(self, x: Structures) -> np.ndarray:
        """Return the extrapolation grade γ of each structure, (n,)."""
        result = np.full(len(x), np.nan)
        for part, _ in parts(x, self.functions.cutoff):
            mine = x if len(part) == len(x) else x[part]
            graph = self.graph(mine)
            if self.of_structures:
                result[part] = grade(to_numpy(of_energies(self.functions, graph)), *self.active[0])
            else:
                result[part] = largest(self.atomic_grades(graph), mine.counts)
        return result

    def atomic_grades(self, graph: Graph) -> np.ndarray:
        """Return γ of each neighbourhood, (atoms,)."""
        rows, species = to_numpy(self.functions.values(graph)), to_numpy(graph.species)
        result = np.full(len(rows), np.nan)
        for kind, active in enumerate(self.active):
            result[species == kind] = grade(rows[species == kind], *active)
        return result

    def graph(self, x: Structures) -> Graph:
        """Return the neighbours of all atoms."""
        return neighbour_graph(x, self.functions.cutoff, self.elements)
