"""The environment of a graph: neighbours within reach of the table, and the few beyond it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from eltanin_atoms.descriptors import Pull
from eltanin_atoms.nets import Tensors
from eltanin_smooth.exact import Exact
from eltanin_smooth.histogram import Histogram
from eltanin_smooth.invariants import PullDensity, invariants, pull_invariants
from eltanin_smooth.vacancies import Vacancies


@dataclass(frozen=True)
class Surroundings:
    """What all atoms of a graph see.

    nets: pairs that meet the nets.  table: pairs that meet a table of them, or none.
    empty: places without a neighbour, if they count.  near: (pairs,) which meet the nets.
    axis: columns of A_<.
    """

    nets: Exact
    table: Histogram | None
    empty: Vacancies | None
    near: Tensor
    axis: int

    def features(self, parameters: Tensors, table: Tensor | None = None) -> tuple[Tensor, Pull]:
        """Return D, (atoms, size), and what pulls dE/dD back to dE/dvector, (pairs, 3).

        table: of these parameters, if it was made before.
        """
        a, pull_a = self._density(parameters, table)

        def pull(gradient: Tensor) -> Tensor:
            return pull_a(pull_invariants(gradient, a, self.axis)).T

        return invariants(a, self.axis), pull

    def vectors(self, parameters: Tensors) -> tuple[Tensor, Tensor]:
        """Return D, (atoms, size), and all rows of A but the first, (atoms, 3, width): vectors that turn along."""
        a, _ = self._density(parameters)
        return invariants(a, self.axis), a[:, 1:]

    def _density(self, parameters: Tensors, table: Tensor | None = None) -> tuple[Tensor, PullDensity]:
        if self.table is None:
            a, pull_a = self.nets.density(parameters)
        else:
            a, pull_a = self.table.density(self.table.coefficients(parameters) if table is None else table)
            if len(self.nets.centre):
                a, pull_a = self._with_nets(a, pull_a, parameters)
        if self.empty:
            a = a + self.empty.density(parameters)
        return a, pull_a

    def _with_nets(self, a: Tensor, pull_a: PullDensity, parameters: Tensors) -> tuple[Tensor, PullDensity]:
        parts = [(a, pull_a), self.nets.density(parameters)]
        order = torch.cat([torch.nonzero(~self.near), torch.nonzero(self.near)]).squeeze(1)

        def pull(gradient: Tensor) -> Tensor:
            found = torch.cat([pull_part(gradient) for _, pull_part in parts], dim=1)
            return torch.zeros_like(found).index_copy(1, order, found)

        return parts[0][0] + parts[1][0], pull

    def joined(self, others: Sequence[Self]) -> Self:
        """Join with the environments of other graphs."""
        return type(self)(
            nets=self.nets.joined([o.nets for o in others]),
            table=self.table and self.table.joined([o.table for o in others if o.table]),
            empty=self.empty and self.empty.joined([o.empty for o in others if o.empty]),
            near=torch.cat([self.near, *(o.near for o in others)]),
            axis=self.axis,
        )
