"""Neighbours within reach of a table of the embedding nets: histograms that know no parameter.

A table has some hundred nodes, and these alone go through the nets, however many pairs there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import torch
from torch import Tensor

from eltanin_atoms.nets import Tensors, residual_net
from eltanin_smooth.invariants import PullDensity, Shape
from eltanin_smooth.switch import Rows, dot, pull_rows, push_rows
from eltanin_smooth.table import by_rows, diagonal, interpolation, spline_weights, turned

Span = tuple[float, float]


@dataclass(frozen=True)
class Histogram:
    """Pairs that meet a table.

    values: (atoms, 4, species · nodes) H.  rows: of the pairs.  weights: sparse
    (2 pairs, atoms · species · nodes), B and dB/dq of each pair in turn.  turned: its transpose, if
    there is something to learn.  species: (atoms,).  span: the smallest and the largest q of the table.
    """

    values: Tensor
    rows: Rows
    weights: Tensor
    turned: Tensor | None
    species: Tensor
    shape: Shape
    span: Span
    intervals: int

    def density(self, table: Tensor) -> tuple[Tensor, PullDensity]:
        """Return A, (atoms, 4, width), and what pulls its gradient back to vectors."""

        def pull(gradient: Tensor) -> Tensor:
            return _Pull.apply(self._times(gradient, table.transpose(1, 2)), self)

        return self._times(self.values, table), pull

    def coefficients(self, parameters: Tensors) -> Tensor:
        """Return the table that these pairs meet."""
        return tables(parameters, self.shape, self.span, self.intervals, self.values.dtype)

    def _times(self, x: Tensor, tables: Tensor) -> Tensor:
        """Return the rows of each atom, (atoms, 4, n), times the table of its species, (·, n, m)."""
        if self.shape.one_sided:
            return (x.flatten(0, 1) @ tables[0]).view(len(x), 4, -1)
        result = x.new_zeros(len(x), 4, tables.shape[2])
        for kind, table in enumerate(tables.unbind(0)):
            atoms = torch.nonzero(self.species == kind).squeeze(1)
            mine = (x.index_select(0, atoms).flatten(0, 1) @ table).view(len(atoms), 4, table.shape[1])
            result = result.index_copy(0, atoms, mine)
        return result

    def joined(self, others: Sequence[Self]) -> Self:
        """Join with the histograms of other graphs."""
        parts = [self, *others]
        return replace(
            self,
            values=torch.cat([p.values for p in parts]),
            rows=Rows.joined([p.rows for p in parts]),
            weights=diagonal([p.weights for p in parts]),
            turned=diagonal([p.turned for p in parts if p.turned is not None]),
            species=torch.cat([p.species for p in parts]),
        )


def tables(parameters: Tensors, shape: Shape, span: Span, intervals: int, dtype: torch.dtype) -> Tensor:
    """Return the coefficients of the nets by N, (species of centre or 1, species · nodes, width)."""
    device = parameters["weight_0"].device
    sites, inverse = (torch.from_numpy(a).to(device, dtype) for a in interpolation(intervals))
    nets, (begin, end) = len(parameters["weight_0"]), span
    q = (begin + (end - begin) * sites)[None, :, None].expand(nets, -1, 1)
    coefficients = (inverse / shape.neighbours) @ residual_net(parameters, q, shape.layers)
    return coefficients.view(nets // shape.species, -1, shape.width)


def histogram(
    rows: Rows, centre: Tensor, other: Tensor, species: Tensor, shape: Shape, span: Span, intervals: int, learning: bool
) -> Histogram:
    """Count pairs into histograms; other: (pairs,) species of the neighbour."""
    nodes = shape.species * (intervals + 3)
    first, weight, slope = spline_weights(rows.values[0] - span[0], span[1] - span[0], intervals)
    first = first + (centre * shape.species + other) * (intervals + 3)
    columns = first + torch.arange(4, device=first.device)[:, None]
    terms = (rows.values[:, None] * weight).flatten(1)
    values = weight.new_zeros(4, len(species) * nodes).index_add(1, columns.flatten(), terms)
    values = values.view(4, len(species), nodes).transpose(0, 1).contiguous()
    entries = torch.cat([weight, slope]).T.reshape(-1, 4)
    twice = columns.int().T[:, None].expand(-1, 2, -1)
    weights = by_rows(twice, entries, len(species) * nodes)
    return Histogram(values, rows, weights, turned(weights) if learning else None, species, shape, span, intervals)


class _Pull(torch.autograd.Function):
    """dE/dH to dE/dvector; its transpose is written out, as sparse products have no derivative."""

    @staticmethod
    def forward(ctx: Any, gradient: Tensor, env: Histogram) -> Tensor:
        ctx.env = env
        both = env.weights @ gradient.transpose(1, 2).reshape(-1, 4)
        rows, slopes = both.view(len(env.rows.turn), 8).T.contiguous().chunk(2)
        rows[0] += dot(slopes, env.rows.values)
        return pull_rows(rows, env.rows)

    @staticmethod
    def backward(ctx: Any, tangent: Tensor) -> tuple[Tensor, None]:  # type: ignore[override]
        env = ctx.env
        rows = push_rows(tangent, env.rows)
        both = env.turned @ torch.cat([rows, rows[0] * env.rows.values]).T.reshape(-1, 4)
        shape = (len(env.species), env.values.shape[2], 4)
        return both.view(shape).transpose(1, 2), None
