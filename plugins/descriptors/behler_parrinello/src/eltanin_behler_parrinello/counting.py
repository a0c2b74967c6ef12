"""Where symmetry functions are counted: by the species of the neighbour, or of both neighbours.

Features of an atom are, in this order, radial functions for each species of the neighbour, and
angular functions for each unordered pair of species of both.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor


class Counting(NamedTuple):
    """species: elements.  radial, angular: functions of each kind."""

    species: int
    radial: int
    angular: int

    @property
    def blocks(self) -> int:
        """Unordered pairs of species."""
        return self.species * (self.species + 1) // 2

    @property
    def size(self) -> int:
        """Features of an atom."""
        return self.species * self.radial + self.blocks * self.angular

    def block(self) -> Int[Tensor, "species species"]:
        """Return the number of every pair of species: 0 for (0, 0), then (0, 1), ..., (1, 1), ..."""
        table = torch.zeros(self.species, self.species, dtype=torch.long)
        first, second = torch.triu_indices(self.species, self.species)
        table[first, second] = table[second, first] = torch.arange(self.blocks)
        return table

    def columns(self) -> Int[Tensor, "species columns"]:
        """Return the features that a neighbour of each species has a part in."""
        radial = torch.arange(self.species * self.radial).view(self.species, self.radial)
        angular = torch.arange(self.blocks * self.angular).view(self.blocks, self.angular) + radial.numel()
        return torch.cat([radial, angular[self.block()].flatten(1)], dim=1)

    def features(self, radial: Tensor, angular: Tensor, atoms: int) -> Float[Tensor, "atoms size"]:
        """Return features from sums over neighbours, (functions, atoms · kinds) both."""
        parts = [x.T.reshape(atoms, -1) for x in (radial, angular)]
        return torch.cat(parts, dim=1)

    def split(self, gradient: Float[Tensor, "atoms size"]) -> tuple[Tensor, Tensor]:
        """Return the gradient by both sums: the transpose of `features`."""
        kinds, widths = (self.species, self.blocks), (self.radial, self.angular)
        parts = gradient.split([k * n for k, n in zip(kinds, widths, strict=True)], dim=1)
        radial, angular = (p.unflatten(1, (k, n)).flatten(0, 1).T for p, k, n in zip(parts, kinds, widths, strict=True))
        return radial.contiguous(), angular.contiguous()
