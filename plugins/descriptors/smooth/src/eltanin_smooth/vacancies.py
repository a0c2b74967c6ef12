"""Places for neighbours that nobody takes.

With an average μ taken off s, a place without a neighbour holds R = (-μ/σ, 0, 0, 0) and counts like any
other, as in DeePMD-kit. It knows no geometry, so all of them together are

    A_0 += Σ_t (places_t - neighbours_t) q G_t(q) / N,      q = -μ/σ of the centre

A neighbour that leaves at the cutoff has R = (-μ/σ, 0, 0, 0) in the end: it turns into an empty place
without a jump. With more neighbours than places the difference is negative, and that stays so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

from eltanin_atoms.nets import Tensors, residual_net
from eltanin_smooth.invariants import Shape


@dataclass(frozen=True)
class Vacancies:
    """Empty places.

    counts: (atoms, species of neighbour).  q: (species of centre,).  species: (atoms,).
    """

    counts: Tensor
    q: Tensor
    species: Tensor
    shape: Shape

    def density(self, parameters: Tensors) -> Tensor:
        """Return what they add to A, (atoms, 4, width)."""
        kinds, found = self.shape.species, self.counts.new_zeros(len(self.counts), self.shape.width)
        for kind in range(kinds):
            first = 0 if self.shape.one_sided else kind * kinds
            net = {name: p[first : first + kinds] for name, p in parameters.items()}
            q = self.q[kind].expand(kinds, 1, 1)
            g = (q * residual_net(net, q, self.shape.layers)).squeeze(1) / self.shape.neighbours
            atoms = torch.nonzero(self.species == kind).squeeze(1)
            found = found.index_copy(0, atoms, self.counts.index_select(0, atoms) @ g)
        return torch.nn.functional.pad(found[:, None], (0, 0, 0, 3))

    def joined(self, others: Sequence[Self]) -> Self:
        """Join with the empty places of other graphs."""
        parts = [self, *others]
        counts, species = torch.cat([p.counts for p in parts]), torch.cat([p.species for p in parts])
        return replace(self, counts=counts, species=species)
