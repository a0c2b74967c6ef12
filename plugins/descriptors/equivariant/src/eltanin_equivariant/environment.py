"""What all atoms of a graph see: harmonics and Bessel functions of their neighbours, no parameter in them.

Messages between neighbours of neighbours are made of these too, so all that parameters ever meet is z,
and one product with dz/dvector brings a gradient back from there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from eltanin_atoms.descriptors import Pull
from eltanin_atoms.nets import Tensors
from eltanin_equivariant.messages import Neighbours, Shape, told


@dataclass(frozen=True)
class Surroundings:
    """Neighbours of every atom, in the first of n places.

    species: (atoms,).  atom: (atoms, n) which neighbour; any where there is none.
    z: (atoms, n, numbers) harmonics and Bessel functions, zero where there is no neighbour.
    centre, rank: (pairs,) atom and place of a pair.  jacobian: (pairs, 3, numbers) dz/dvector.
    """

    species: Tensor
    atom: Tensor
    z: Tensor
    centre: Tensor
    rank: Tensor
    jacobian: Tensor
    shape: Shape

    def features(self, parameters: Tensors) -> tuple[Tensor, Pull]:
        """Return D, (atoms, size), and what pulls dE/dD back to dE/dvector, (pairs, 3)."""
        z, place = self.z.detach().requires_grad_(), self.centre * self.z.shape[1] + self.rank
        with torch.enable_grad():
            features = torch.cat([h[0].squeeze(1) for h in self.tensors(parameters, z)], dim=1)

        def pull(gradient: Tensor) -> Tensor:
            (back,) = torch.autograd.grad(features, z, gradient, create_graph=gradient.requires_grad)
            mine = back.flatten(0, 1).index_select(0, place)
            return torch.bmm(self.jacobian, mine[:, :, None]).squeeze(2)

        learned = any(p.requires_grad for p in parameters.values())
        return features if learned else features.detach(), pull

    def tensors(self, parameters: Tensors, z: Tensor | None = None) -> list[list[Tensor]]:
        """Return what each layer makes, (atoms, 2l + 1, channels) for each degree l."""
        every = (self.shape.degree + 1) ** 2
        y, b = (self.z if z is None else z).tensor_split([every], dim=2)
        return told(parameters, Neighbours(self.species, self.atom, y, b), self.shape)

    def joined(self, others: Sequence[Self]) -> Self:
        """Join with the environments of other graphs."""
        parts = [self, *others]
        before = np.cumsum([0, *(len(p.species) for p in parts[:-1])]).tolist()
        n = max(p.z.shape[1] for p in parts)
        return type(self)(
            species=torch.cat([p.species for p in parts]),
            atom=torch.cat([pad(p.atom + k, (0, n - p.atom.shape[1])) for p, k in zip(parts, before, strict=True)]),
            z=torch.cat([pad(p.z, (0, 0, 0, n - p.z.shape[1])) for p in parts]),
            centre=torch.cat([p.centre + k for p, k in zip(parts, before, strict=True)]),
            rank=torch.cat([p.rank for p in parts]),
            jacobian=torch.cat([p.jacobian for p in parts]),
            shape=self.shape,
        )


def ranks(centre: Tensor, atoms: int) -> tuple[Tensor, int]:
    """Give each pair a place among those of its centre, (pairs,), and return how many it takes, at least 1."""
    counts = torch.bincount(centre, minlength=atoms)
    order = torch.argsort(centre, stable=True)
    rank = torch.empty_like(centre)
    rank[order] = torch.arange(len(centre), device=centre.device) - (counts.cumsum(0) - counts)[centre[order]]
    return rank, int(counts.amax().clamp(min=1))


def surroundings(
    species: Tensor, centre: Tensor, neighbour: Tensor, z: Tensor, jacobian: Tensor, shape: Shape
) -> Surroundings:
    """Put the pairs of a graph in places."""
    atoms, (rank, n) = len(species), ranks(centre, len(species))
    place = centre * n + rank
    atom = centre.new_zeros(atoms * n).index_copy(0, place, neighbour).view(atoms, n)
    placed = z.new_zeros(atoms * n, z.shape[1]).index_copy(0, place, z).view(atoms, n, -1)
    return Surroundings(species, atom, placed, centre, rank, jacobian, shape)
