"""The potential: a sum of atomic energies, and its derivatives.

    E = Σ_i net_{t_i}(D_i) + bias_{t_i},    F = -dE/dr,    Ξ_ab = -dE/dε_ab = Σ_i r_ia F_ib

Energies in eV, forces in eV/Å, virials in eV.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from eltanin_atoms.descriptors import Environment, Frozen
from eltanin_atoms.graphs import Graph
from eltanin_atoms.nets import Parameters
from eltanin_neural_potential.fitting import fit


class Answer(NamedTuple):
    """energy: (structures,) without the bias, float64.  forces: (atoms, 3).  gradient: (pairs, 3)."""

    energy: Tensor
    forces: Tensor
    gradient: Tensor


def answer(parameters: Parameters, graph: Graph, environment: Environment) -> Answer:
    """Return energies and forces, as differentiable functions of the parameters."""
    features, pull = environment.features(parameters.descriptor)
    energies, gradient = atomic_energies(parameters, features, graph.species)
    gradient = pull(gradient)
    total = energies.new_zeros(graph.structures, dtype=torch.float64)
    total = total.index_add(0, graph.structure, energies.double())
    return Answer(total, graph.forces(gradient), gradient)


def answer_in_parts(parameters: Parameters, graph: Graph, frozen: Frozen, atoms: int) -> Answer:
    """Return the same for parameters that stay as they are, so many atoms at a time."""
    dtype, every = parameters.fitting[0]["weight_out"].dtype, len(graph.species)
    energies = torch.zeros(every, dtype=torch.float64, device=graph.species.device)
    gradient = torch.empty(3, len(graph.centre), dtype=dtype, device=graph.species.device)
    for mine, part in graph.parts(atoms):
        features, pull = frozen(part)
        energy, slope = energies_of_sorted(parameters, features, part.species)
        energies[part.atoms] = energy.double()
        gradient[:, mine] = pull(slope).T
    total = energies.new_zeros(graph.structures).index_add(0, graph.structure, energies)
    return Answer(total, graph.forces(gradient.T), gradient.T)


def atomic_energies(parameters: Parameters, features: Tensor, species: Tensor) -> tuple[Tensor, Tensor]:
    """Return the energy of every atom, (atoms,), and its gradient, (atoms, size)."""
    if not (species.diff() < 0).any():
        return energies_of_sorted(parameters, features, species)
    energies, gradients = features.new_zeros(len(features)), torch.zeros_like(features)
    for kind, net in enumerate(parameters.fitting):
        atoms = torch.nonzero(species == kind).squeeze(1)
        energy, gradient = fit(net, features.index_select(0, atoms), parameters.layers)
        energies = energies.index_copy(0, atoms, energy)
        gradients = gradients.index_copy(0, atoms, gradient)
    return energies, gradients


def energies_of_sorted(parameters: Parameters, features: Tensor, species: Tensor) -> tuple[Tensor, Tensor]:
    """Return the same for atoms in order of their species: nothing is copied then."""
    blocks = features.split(torch.bincount(species, minlength=len(parameters.fitting)).tolist())
    found = [fit(net, x, parameters.layers) for net, x in zip(parameters.fitting, blocks, strict=True)]
    if len(found) == 1:
        return found[0]
    energies, gradients = zip(*found, strict=True)
    return torch.cat(energies), torch.cat(gradients)
