"""The component: settings of the smooth descriptor, around its kernels."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from eltanin_atoms.graphs import Graph
from eltanin_atoms.nets import Tensors, initial_net, stacked
from eltanin_smooth.environment import Surroundings
from eltanin_smooth.exact import Exact
from eltanin_smooth.histogram import histogram
from eltanin_smooth.invariants import Shape
from eltanin_smooth.statistics import deviations, moments
from eltanin_smooth.switch import Rows, environment_rows

MARGIN = 1.25  # how much further than the data the table reaches
SHORTEST = 1.0  # the least reach of a table, in standard deviations


@dataclass(frozen=True)
class Smooth:
    """Smooth Deep Potential: embedded neighbours, contracted to rotational invariants (se_e2_a).

    cutoff: Å.  smooth_from: where the switch to zero at the cutoff begins, Å.
    neurons: widths of the embedding nets.  axis: columns of the embedding that meet all others.
    one_sided: a net for each species of neighbours, else for each pair of species.
    resnet_dt: a learned time step on the residual layers of the embedding.
    intervals: of the table that stands for the embedding nets; 0 evaluates them for every pair.
    """

    domain: ClassVar[str] = "atoms"
    revision: ClassVar[int] = 1

    cutoff: float = 6.0
    smooth_from: float = 0.5
    neurons: list[int] = field(default_factory=lambda: [25, 50, 100])
    axis: int = 16
    one_sided: bool = True
    resnet_dt: bool = False
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

    def statistics(self, graphs: Iterable[Graph], species: int) -> Tensors:
        """Return deviations for each species of centre, the largest number of neighbours, the table's end."""
        sums, atoms, nearest = (torch.zeros(n, species).double().squeeze(0) for n in (4, 1, 1))
        most = 1
        for graph in graphs:
            one, kind = torch.ones_like(graph.vector[:, 0]), graph.species[graph.centre]
            r = environment_rows(graph.vector, self.smooth_from, self.cutoff, one, one).values
            sums += moments(r, kind, species)
            atoms += torch.bincount(graph.species, minlength=species)
            nearest = nearest.scatter_reduce(0, kind, r[0], "amax")
            most = max(most, *graph.neighbours.tolist())
        radial, angular = deviations(sums, atoms, float(most))
        end = MARGIN * max(SHORTEST, reached(nearest / radial))
        numbers = {"neighbours": float(most), "end": end}
        return {"radial": radial, "angular": angular} | {
            k: torch.tensor([v], dtype=torch.float64) for k, v in numbers.items()
        }

    def parameters(self, species: int, rng: np.random.Generator) -> Tensors:
        """Return parameters to begin with, in float64: nets in order of (centre,) neighbour."""
        nets = species if self.one_sided else species**2
        return stacked([initial_net([1, *self.neurons], self.resnet_dt, rng) for _ in range(nets)])

    def covering(self, statistics: Tensors, graphs: Iterable[Graph]) -> Tensors:
        """Return statistics with a table that reaches as far as these graphs need, and then some."""
        q = (reached(self._rows(g, statistics, torch.float64).values[0]) for g in graphs)
        end = max([float(statistics["end"]), *(MARGIN * value for value in q)])
        return statistics | {"end": torch.full_like(statistics["end"], end)}

    def environment(
        self, graph: Graph, statistics: Tensors, dtype: torch.dtype, learning: bool = False
    ) -> Surroundings:
        """Return the environment of a graph; most pairs meet a table of the nets, if there is one."""
        rows, species, end = self._rows(graph, statistics, dtype), graph.species, float(statistics["end"])
        other = species[graph.neighbour]
        shape = Shape(
            species=len(statistics["radial"]),
            layers=len(self.neurons),
            width=self.neurons[-1],
            one_sided=self.one_sided,
            neighbours=float(statistics["neighbours"]),
        )
        # Written so that it holds for what is not a number, too: no table has a place for that.
        near = ~(rows.values[0] <= end) if self.intervals else torch.ones_like(other, dtype=torch.bool)

        def chosen(pairs: Tensor) -> tuple[Rows, Tensor, Tensor, Tensor, Shape]:
            if pairs.all():
                return rows, graph.centre, other, species, shape
            mine = Rows(*(column[..., pairs] for column in rows))
            return mine, graph.centre[pairs], other[pairs], species, shape

        table = histogram(*chosen(~near), end, self.intervals, learning) if self.intervals else None
        return Surroundings(Exact(*chosen(near)), table, near, self.axis)

    def _rows(self, graph: Graph, statistics: Tensors, dtype: torch.dtype) -> Rows:
        kind = graph.species[graph.centre]
        radial, angular = (statistics[name][kind] for name in ("radial", "angular"))
        rows = environment_rows(graph.vector, self.smooth_from, self.cutoff, radial, angular)
        return Rows(*(column.to(dtype) for column in rows))


def reached(q: Tensor) -> float:
    """Return the largest of q = R_0, 0 if there is none."""
    if not q.isfinite().all():
        raise ValueError("two atoms of a structure lie at the same place: leave that structure out")
    return float(q.max()) if len(q) else 0.0
