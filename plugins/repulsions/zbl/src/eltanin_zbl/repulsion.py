"""The component: where the repulsion begins, around its kernels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from ase.data import atomic_numbers, covalent_radii
from torch import Tensor

from eltanin_atoms.graphs import Graph
from eltanin_zbl.kernels import blended, universal


@dataclass(frozen=True)
class ZBL:
    """Screened repulsion of nuclei, the universal potential of Ziegler, Biersack and Littmark.

    inner: nearer than this the repulsion is there in full, in sums of covalent radii.
    outer: farther than this there is none, in sums of covalent radii.
    """

    domain: ClassVar[str] = "atoms"
    revision: ClassVar[int] = 1

    inner: float = 0.5
    outer: float = 0.75

    def __post_init__(self) -> None:
        """Check the settings."""
        if not 0 <= self.inner < self.outer < float("inf"):
            raise ValueError(
                f"inner={self.inner}, outer={self.outer}: the repulsion is switched off between the two, in sums of "
                "covalent radii: give 0 or more, and then something larger"
            )

    def reach(self, elements: Sequence[str]) -> float:
        """Return how far apart atoms still repel each other, Å."""
        return float(2 * self.outer * _radii(elements).max())

    def energies(self, graph: Graph, elements: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Return the energy of each structure, (structures,) eV, and dE/dvector, (pairs, 3) eV/Å."""
        vector = graph.vector.double()
        squares = (vector * vector).sum(1)
        # Also true where a distance is not a number, which must not go unnoticed.
        near = torch.nonzero(~(squares > self.reach(elements) ** 2)).squeeze(1)
        vector, r = vector[near], squares[near].sqrt()
        centre = graph.centre[near]
        ends = graph.species[centre], graph.species[graph.neighbour[near]]
        number = torch.tensor([atomic_numbers[e] for e in elements], dtype=r.dtype, device=r.device)
        first, second = (number[end] for end in ends)
        radii = _radii(elements).to(r.device)
        together = radii[ends[0]] + radii[ends[1]]
        value, slope = blended(*universal(r, first, second), r, self.inner * together, self.outer * together)
        # Each pair is there twice, once from either end.
        total = value.new_zeros(graph.structures).index_add(0, graph.structure[centre], value / 2)
        gradient = torch.zeros_like(graph.vector, dtype=r.dtype)
        return total, gradient.index_copy(0, near, (slope / (2 * r))[:, None] * vector)


def _radii(elements: Sequence[str]) -> Tensor:
    return torch.tensor([covalent_radii[atomic_numbers[e]] for e in elements], dtype=torch.float64)
