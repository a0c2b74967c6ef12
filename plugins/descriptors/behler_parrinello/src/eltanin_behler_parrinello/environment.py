"""What atoms see in symmetry functions, and how a gradient comes back to the vectors of their neighbours.

There is no parameter in it. One evaluation goes back through the triples; for a training, that goes
back thousands of times, the derivative of every feature by every pair is made once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import torch
from torch import Tensor

from eltanin_atoms.descriptors import Pull
from eltanin_atoms.nets import Tensors
from eltanin_atoms.vectors import taken
from eltanin_behler_parrinello.angular import Triples
from eltanin_behler_parrinello.counting import Counting


@dataclass(frozen=True)
class Neighbours:
    """Neighbours of all atoms by one and by two.

    counting: of features.  centre, other: (pairs,) atom, and species of the neighbour.
    unit: (3, pairs).  value, slope: (radial, pairs) h and dh/dr.  triples: of the pairs.
    """

    counting: Counting
    centre: Tensor
    other: Tensor
    unit: Tensor
    value: Tensor
    slope: Tensor
    triples: Triples

    @property
    def place(self) -> Tensor:
        """Where a pair is counted: atom and species of the neighbour, (pairs,)."""
        return self.centre * self.counting.species + self.other

    def features(self, atoms: int) -> Tensor:
        """Return the symmetry functions of every atom, (atoms, size)."""
        radial = self.value.new_zeros(len(self.value), atoms * self.counting.species)
        radial = radial.index_add(1, self.place, self.value)
        angular = self.triples.counted(atoms * self.counting.blocks)
        return self.counting.features(radial, angular, atoms)

    def pull(self, gradient: Tensor) -> Tensor:
        """Return dE/dvector, (pairs, 3), from dE/dG, (atoms, size)."""
        radial, angular = self.counting.split(gradient)
        along = (taken(radial, self.place) * self.slope).sum(0)
        return (along * self.unit + self.triples.pull(angular, self.unit)).T

    def jacobian(self) -> Tensor:
        """Return dG/dvector, (pairs, 3, columns), in the columns that a neighbour has a part in."""
        radial = (self.unit[:, None] * self.slope).permute(2, 0, 1)
        return torch.cat([radial, self.triples.jacobian(self.unit, self.other, self.counting.species)], dim=2)

    def to(self, dtype: torch.dtype) -> Self:
        """Return the neighbours with numbers of a precision."""
        unit, value, slope = (x.to(dtype) for x in (self.unit, self.value, self.slope))
        return replace(self, unit=unit, value=value, slope=slope, triples=self.triples.to(dtype))

    def joined(self, others: Sequence[Self], before: Sequence[int]) -> Self:
        """Join with others, that come after so many atoms."""
        parts = [self, *others]
        pairs = np.cumsum([0, *(len(p.centre) for p in parts[:-1])]).tolist()
        names = ("other", "unit", "value", "slope")
        columns = {name: torch.cat([getattr(p, name) for p in parts], dim=-1) for name in names}
        columns["centre"] = torch.cat([p.centre + n for p, n in zip(parts, before, strict=True)])
        blocks = [n * self.counting.blocks for n in before]
        return replace(self, **columns, triples=self.triples.joined([p.triples for p in others], pairs, blocks))


@dataclass(frozen=True)
class Seen:
    """The environment for one evaluation.

    values: (atoms, size) features, scaled.  scale: (atoms, size) 1/range.
    """

    values: Tensor
    scale: Tensor
    neighbours: Neighbours

    def features(self, parameters: Tensors) -> tuple[Tensor, Pull]:  # noqa: ARG002 - there is none
        """Return D, (atoms, size), and what pulls dE/dD back to dE/dvector, (pairs, 3)."""
        return self.values, lambda gradient: self.neighbours.pull(gradient * self.scale)

    def joined(self, others: Sequence[Self]) -> Self:
        """Join with the environments of other graphs."""
        parts = [self, *others]
        atoms = np.cumsum([0, *(len(p.values) for p in parts[:-1])]).tolist()
        return type(self)(
            values=torch.cat([p.values for p in parts]),
            scale=torch.cat([p.scale for p in parts]),
            neighbours=self.neighbours.joined([p.neighbours for p in others], atoms),
        )


@dataclass(frozen=True)
class Learned:
    """The environment for many steps of a training.

    values, scale: as above.  columns: (species, columns) features a neighbour of a species has a
    part in.  place: (pairs,) atom and species of the neighbour.  jacobian: (pairs, 3, columns).
    """

    values: Tensor
    scale: Tensor
    columns: Tensor
    place: Tensor
    jacobian: Tensor

    def features(self, parameters: Tensors) -> tuple[Tensor, Pull]:  # noqa: ARG002 - there is none
        """Return D, (atoms, size), and what pulls dE/dD back to dE/dvector, (pairs, 3)."""

        def pull(gradient: Tensor) -> Tensor:
            mine = (gradient * self.scale)[:, self.columns].flatten(0, 1).index_select(0, self.place)
            return torch.bmm(self.jacobian, mine[:, :, None]).squeeze(2)

        return self.values, pull

    def joined(self, others: Sequence[Self]) -> Self:
        """Join with the environments of other graphs."""
        parts = [self, *others]
        before = np.cumsum([0, *(len(p.values) * len(p.columns) for p in parts[:-1])]).tolist()
        return type(self)(
            values=torch.cat([p.values for p in parts]),
            scale=torch.cat([p.scale for p in parts]),
            columns=self.columns,
            place=torch.cat([p.place + n for p, n in zip(parts, before, strict=True)]),
            jacobian=torch.cat([p.jacobian for p in parts]),
        )
