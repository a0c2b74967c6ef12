"""Neighbours by definition: every pair is put through its embedding net.

Neighbours lie in slots, in one block for each of their species. An empty slot has R = 0, and so
adds exactly nothing to A = Σ_j R_j G(R_j0) / N.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import torch
from jaxtyping import Int
from torch import Tensor

from eltanin_atoms.nets import Tensors, residual_net
from eltanin_smooth.invariants import PullDensity, Shape
from eltanin_smooth.switch import Rows, pull_rows


@dataclass(frozen=True)
class Exact:
    """Pairs that meet the nets.

    rows: of the pairs.  centre: (pairs,) atom.  other: (pairs,) species of the neighbour.
    species: (atoms,).
    """

    rows: Rows
    centre: Tensor
    other: Tensor
    species: Tensor
    shape: Shape

    def density(self, parameters: Tensors) -> tuple[Tensor, PullDensity]:
        """Return A, (atoms, 4, width), and what pulls its gradient back to vectors."""
        atoms, kinds = len(self.species), self.shape.species
        slot, blocks = slots(self.centre * kinds + self.other, atoms, kinds)
        empty = self.rows.values.new_zeros(atoms * sum(blocks), 4)
        r = empty.index_copy(0, slot, self.rows.values.T).view(atoms, sum(blocks), 4).requires_grad_()
        with torch.enable_grad():
            a = self._summed(parameters, r.split(blocks, dim=1)) / self.shape.neighbours

        def pull(gradient: Tensor) -> Tensor:
            (back,) = torch.autograd.grad(a, r, gradient, create_graph=gradient.requires_grad)
            return pull_rows(back.reshape(-1, 4).index_select(0, slot).T, self.rows)

        learned = any(p.requires_grad for p in parameters.values())
        return a if learned else a.detach(), pull

    def _summed(self, parameters: Tensors, blocks: Sequence[Tensor]) -> Tensor:
        if self.shape.one_sided:
            return self._embedded(parameters, blocks, 0)
        total = blocks[0].new_zeros(len(self.species), 4, self.shape.width)
        for kind in range(self.shape.species):
            atoms = torch.nonzero(self.species == kind).squeeze(1)
            mine = self._embedded(parameters, [b[atoms] for b in blocks], kind * self.shape.species)
            total = total.index_copy(0, atoms, mine)
        return total

    def _embedded(self, parameters: Tensors, blocks: Sequence[Tensor], first: int) -> Tensor:
        """Return Σ_j R_j G_j, (atoms, 4, width), with the nets from `first` on."""
        terms = []
        for k, block in enumerate(blocks):
            atoms, n, _ = block.shape
            net = {name: p[first + k : first + k + 1] for name, p in parameters.items()}
            g = residual_net(net, block[:, :, 0].reshape(1, atoms * n, 1), self.shape.layers)
            terms.append(block.transpose(1, 2) @ g.view(atoms, n, self.shape.width))
        return torch.stack(terms).sum(0) if len(terms) > 1 else terms[0]

    def joined(self, others: Sequence[Self]) -> Self:
        """Join with the pairs of other graphs."""
        parts, before = [self, *others], [0]
        for part in parts:
            before.append(before[-1] + len(part.species))
        return type(self)(
            rows=Rows.joined([p.rows for p in parts]),
            centre=torch.cat([p.centre + n for p, n in zip(parts, before, strict=False)]),
            other=torch.cat([p.other for p in parts]),
            species=torch.cat([p.species for p in parts]),
            shape=self.shape,
        )


def slots(key: Int[Tensor, " pairs"], atoms: int, kinds: int) -> tuple[Tensor, list[int]]:
    """Give each pair a slot of its own, (pairs,), in (atoms · sum of blocks), and return the blocks.

    key: the centre times the number of species plus the species of the neighbour, (pairs,).
    """
    counts = torch.bincount(key, minlength=atoms * kinds)
    blocks = counts.view(atoms, kinds).amax(0)
    order = torch.argsort(key, stable=True)
    rank = torch.empty_like(key)
    rank[order] = torch.arange(len(key), device=key.device) - (counts.cumsum(0) - counts)[key[order]]
    begin = blocks.cumsum(0) - blocks
    slot = key.div(kinds, rounding_mode="floor") * blocks.sum() + begin[key % kinds] + rank
    return slot, blocks.tolist()
