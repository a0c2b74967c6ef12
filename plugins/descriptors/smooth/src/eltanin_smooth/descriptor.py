"""The component: settings of the smooth descriptor, around its kernels."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from eltanin_atoms.descriptors import CONTINUOUS, EXTENSIVE, SYMMETRIC
from eltanin_atoms.graphs import Graph, Part
from eltanin_atoms.nets import Tensors, initial_net, stacked
from eltanin_smooth.environment import Surroundings
from eltanin_smooth.exact import Exact
from eltanin_smooth.frozen import Frozen
from eltanin_smooth.histogram import histogram, tables
from eltanin_smooth.invariants import Shape
from eltanin_smooth.statistics import crowds, normalisation, reached, sums
from eltanin_smooth.switch import Rows, environment_rows
from eltanin_smooth.vacancies import Vacancies

MARGIN = 1.25  # how much further than the data the table reaches
SHORTEST = 1.0  # the least reach of a table, in standard deviations


@dataclass(frozen=True)
class Smooth:
    """Smooth Deep Potential: embedded neighbours, contracted to rotational invariants (se_e2_a).

    cutoff: Å.  smooth_from: where the switch to zero at the cutoff begins, Å.
    neurons: widths of the embedding nets.  axis: columns of the embedding that meet all others.
    one_sided: a net for each species of neighbours, else for each pair of species.
    resnet_dt: a learned time step on the residual layers of the embedding.
    average: take the average off s(r), as DeePMD-kit does: places without a neighbour count then.
    intervals: of the table that stands for the embedding nets; 0 evaluates them for every pair.
    """

    domain: ClassVar[str] = "atoms"
    revision: ClassVar[int] = 1
    guarantees: ClassVar[tuple[str, ...]] = (SYMMETRIC, EXTENSIVE, CONTINUOUS)

    cutoff: float = 6.0
    smooth_from: float = 0.5
    neurons: list[int] = field(default_factory=lambda: [25, 50, 100])
    axis: int = 16
    one_sided: bool = True
    resnet_dt: bool = False
    average: bool = False
    intervals: int = 128

    def __post_init__(self) -> None:
        """Check the settings."""
        if not 0 <= self.smooth_from < self.cutoff:
            raise ValueError(
                f"smooth_from={self.smooth_from} Å: the switch begins there and ends at the cutoff of "
                f"{self.cutoff} Å: give a distance from 0 to below the cutoff"
            )
        if not self.neurons or min(self.neurons) < 1:
            raise ValueError(f"neurons={list(self.neurons)}: an embedding net has layers of 1 neuron or more")
        if not 1 <= self.axis <= self.neurons[-1]:
            raise ValueError(
                f"axis={self.axis}: these are the first of the {self.neurons[-1]} outputs of the embedding: "
                f"give 1 to {self.neurons[-1]}"
            )
        if self.intervals < 0 or 0 < self.intervals < 8:
            raise ValueError(f"intervals={self.intervals}: a table needs 8 intervals or more; 0 is for no table")

    def size(self, species: int) -> int:  # noqa: ARG002 - other descriptors grow with it
        """Return the number of features of an atom."""
        return self.neurons[-1] * self.axis

    def channels(self, species: int) -> int:  # noqa: ARG002 - other descriptors may grow with it
        """Return the number of vectors of an atom."""
        return self.neurons[-1]

    def statistics(self, graphs: Iterable[Graph], species: int) -> Tensors:
        """Return the normalisation of each species of centre, places for neighbours, the table's end."""
        ones = torch.ones(species, dtype=torch.float64)
        plain = {"average": 0 * ones, "radial": ones, "angular": ones}
        seen = sums(((g, self._rows(g.whole(), plain, torch.float64).values) for g in graphs), species)
        neighbours = seen.places.sum().clamp(min=1)[None] if self.average else seen.together
        found = normalisation(seen, neighbours, self.average)
        end = MARGIN * max(SHORTEST, reached((seen.nearest - found["average"]) / found["radial"]))
        return found | {"places": seen.places, "neighbours": neighbours, "end": torch.full_like(neighbours, end)}

    def parameters(self, species: int, rng: np.random.Generator) -> Tensors:
        """Return parameters to begin with, in float64: nets in order of (centre,) neighbour."""
        nets = species if self.one_sided else species**2
        return stacked([initial_net([1, *self.neurons], self.resnet_dt, rng) for _ in range(nets)])

    def covering(self, statistics: Tensors, graphs: Iterable[Graph]) -> Tensors:
        """Return statistics with a table that reaches as far as these graphs need, and then some.

        Places grow too, where empty ones do not count.
        """
        end, places = float(statistics["end"]), statistics["places"]
        for graph in graphs:
            end = max(end, MARGIN * reached(self._rows(graph.whole(), statistics, torch.float64).values[0]))
            if not statistics["average"].any():
                places = torch.maximum(places, crowds(graph.whole(), len(places)).amax(0))
        return statistics | {"end": torch.full_like(statistics["end"], end), "places": places}

    def environment(
        self, graph: Graph, statistics: Tensors, dtype: torch.dtype, learning: bool = False
    ) -> Surroundings:
        """Return the environment of a graph; most pairs meet a table of the nets, if there is one."""
        return self.surroundings(graph.whole(), statistics, dtype, learning)

    def frozen(self, parameters: Tensors, statistics: Tensors, dtype: torch.dtype) -> Frozen:
        """Return the features with parameters that stay as they are, and a table that is made once."""
        shape, span = self._shape(statistics), self._span(statistics)
        table = tables(parameters, shape, span, self.intervals, dtype) if self.intervals else None
        return Frozen(self, parameters, statistics, dtype, table)

    def surroundings(self, part: Part, statistics: Tensors, dtype: torch.dtype, learning: bool = False) -> Surroundings:
        """Return the environment of some atoms."""
        rows, species, shape = self._rows(part, statistics, dtype), part.species, self._shape(statistics)
        # Written so that it holds for what is not a number, too: no table has a place for that.
        span = self._span(statistics)
        near = ~(rows.values[0] <= span[1]) if self.intervals else torch.ones_like(part.other, dtype=torch.bool)

        def chosen(pairs: Tensor) -> tuple[Rows, Tensor, Tensor, Tensor, Shape]:
            if pairs.all():
                return rows, part.centre, part.other, species, shape
            index = torch.nonzero(pairs).squeeze(1)
            mine = Rows(*(column.index_select(-1, index) for column in rows))
            return mine, part.centre.index_select(0, index), part.other.index_select(0, index), species, shape

        table = histogram(*chosen(~near), span, self.intervals, learning) if self.intervals else None
        empty = None
        if (q := empty_place(statistics)).any():
            counts = statistics["places"] - crowds(part, shape.species)
            empty = Vacancies(counts.to(dtype), q.to(dtype), species, shape)
        return Surroundings(Exact(*chosen(near)), table, empty, near, self.axis)

    def _shape(self, statistics: Tensors) -> Shape:
        return Shape(
            species=len(statistics["radial"]),
            layers=len(self.neurons),
            width=self.neurons[-1],
            one_sided=self.one_sided,
            neighbours=float(statistics["neighbours"]),
        )

    def _span(self, statistics: Tensors) -> tuple[float, float]:
        return float(empty_place(statistics).min()), float(statistics["end"])

    def _rows(self, part: Part, statistics: Tensors, dtype: torch.dtype) -> Rows:
        columns = [statistics[name] for name in ("average", "radial", "angular")]
        if len(columns[0]) == 1:
            columns = [column.expand(len(part.centre)) for column in columns]
        else:
            kind = part.species.index_select(0, part.centre)
            columns = [column.index_select(0, kind) for column in columns]
        rows = environment_rows(part.vector, self.smooth_from, self.cutoff, *columns)
        return Rows(*(column.to(dtype) for column in rows))


def empty_place(statistics: Tensors) -> Tensor:
    """Return R_0 of an empty place, (species of centre,)."""
    return -statistics["average"] / statistics["radial"]
