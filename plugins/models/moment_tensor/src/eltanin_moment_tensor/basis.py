"""The functions of an atom's neighbourhood, b(i), and their derivatives."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from eltanin_atoms.graphs import Graph
from eltanin_moment_tensor.moments import Layout, contracted, element_slopes, elements, layout, moments, slopes

PAIRS = 512  # of which gradients are worked out together: a matter of memory alone


@dataclass(frozen=True)
class Functions:
    """Which functions, of which species, and the range of their radial part, Å."""

    level: int
    radial: int
    species: int
    closest: float
    cutoff: float

    @property
    def layout(self) -> Layout:
        """Where the moments stand that the functions are made of."""
        return layout(self.level, self.radial, self.species)

    @property
    def size(self) -> int:
        """How many functions an atom has, the constant 1 among them."""
        return 1 + len(self.layout.products)

    def values(self, graph: Graph, vector: Tensor | None = None) -> Float[Tensor, "atoms functions"]:
        """Return b(i), from the vectors of the graph or from others."""
        pair = self._elements(graph.vector if vector is None else vector)
        return contracted(moments(pair, graph, self.layout), self.layout)

    def gradients(self, graph: Graph) -> Iterator[tuple[slice, Float[Tensor, "pairs 3 functions"]]]:
        """Yield db/dvector of the pairs, chunk by chunk: of the functions of their centres.

        db/dM knows of no neighbour, dM/dvector of no contraction: so both are small.
        """
        shape = self.layout
        slope = slopes(moments(self._elements(graph.vector), graph, shape), shape)
        slope = slope.unflatten(2, (shape.species, -1)).permute(0, 2, 3, 1)  # atoms, species, elements, functions
        for begin in range(0, len(graph.vector), PAIRS):
            some = slice(begin, begin + PAIRS)
            pair = element_slopes(graph.vector[some], shape, self.closest, self.cutoff)
            yield some, pair @ slope[graph.centre[some], graph.species[graph.neighbour[some]]]

    def _elements(self, vector: Tensor) -> Tensor:
        return elements(vector, self.layout, self.closest, self.cutoff)
