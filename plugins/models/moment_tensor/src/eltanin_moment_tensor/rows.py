"""The rows of the fit: what each function of the basis contributes to energies, forces and virials.

    E = Σ_i b(i) · θ_{t_i},    F = -dE/dr,    Ξ_ab = -Σ_p vector_pa dE/dvector_pb

A column stands for a function of a species of centre: (species · functions) of them. Each row is
divided by the error that is allowed for it, so that the sum of squares is the most likely one's.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from eltanin.batch import Properties, to_numpy
from eltanin_atoms.graphs import Graph
from eltanin_moment_tensor.basis import Functions

Rows = tuple[np.ndarray, np.ndarray]


def of_energies(functions: Functions, graph: Graph) -> Float[Tensor, "structures columns"]:
    """Return Σ_i b(i) of each structure, those of each species of centre apart."""
    place = graph.structure * functions.species + graph.species
    total = torch.zeros(graph.structures * functions.species, functions.size, dtype=torch.float64)
    return total.index_add(0, place, functions.values(graph)).reshape(graph.structures, -1)


def of_derivatives(
    functions: Functions, graph: Graph
) -> tuple[Float[Tensor, "atoms 3 columns"], Float[Tensor, "structures 3 3 columns"]]:
    """Return rows of forces and of virials."""
    kinds, shape = functions.species, (3, functions.size)
    forces = torch.zeros(len(graph.species) * kinds, *shape, dtype=torch.float64)
    virials = torch.zeros(graph.structures * kinds, 3, *shape, dtype=torch.float64)
    for some, slope in functions.gradients(graph):
        centre, neighbour = graph.centre[some], graph.neighbour[some]
        kind = graph.species[centre]
        forces.index_add_(0, centre * kinds + kind, slope)
        forces.index_add_(0, neighbour * kinds + kind, slope, alpha=-1)
        outer = graph.vector[some][:, :, None, None] * slope[:, None]
        virials.index_add_(0, graph.structure[centre] * kinds + kind, outer, alpha=-1)
    apart = (t.unflatten(0, (-1, kinds)).movedim(1, -2).flatten(-2) for t in (forces, virials))
    return next(apart), next(apart)


def of_labels(functions: Functions, graph: Graph, y: Properties, errors: tuple[float, float, float]) -> Rows:
    """Return the rows of the labels of one structure, and the labels, both over the errors allowed.

    errors: of energies, eV/atom; of forces, eV/Å; of virials, eV/atom.
    """
    atoms, columns = max(1, len(graph.species)), functions.species * functions.size
    parts: list[Rows] = []
    if y.has("energy")[0]:
        scale = atoms * errors[0]
        parts.append((of_energies(functions, graph).numpy() / scale, to_numpy(y.values["energy"]) / scale))
    if y.has("forces")[0] or y.has("virial")[0]:
        forces, virials = (t.detach().numpy().reshape(-1, columns) for t in of_derivatives(functions, graph))
        if y.has("forces")[0]:
            parts.append((forces / errors[1], to_numpy(y.values["forces"].values).ravel() / errors[1]))
        if y.has("virial")[0]:
            scale = atoms * errors[2]
            parts.append((virials / scale, to_numpy(y.values["virial"]).ravel() / scale))
    return np.concatenate([a for a, _ in parts]), np.concatenate([b for _, b in parts])
