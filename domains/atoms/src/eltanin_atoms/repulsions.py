"""The slot `model/repulsion`: what keeps atoms apart, where a model has learned nothing.

Pairs of atoms repel each other by a law that is known beforehand. A model adds it to its energy, and
learns the rest: labels less the repulsion.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np
from torch import Tensor

from eltanin.batch import Column, Properties, Ragged, to_numpy
from eltanin_atoms.graphs import Graph, neighbour_graph
from eltanin_atoms.structures import Structures


class Repulsion(Protocol):
    """A pair potential that is zero beyond some distance, and smooth there."""

    def reach(self, elements: Sequence[str]) -> float:
        """Return how far apart atoms of these elements still repel each other, Å."""
        ...

    def energies(self, graph: Graph, elements: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Return the energy of each structure, (structures,) eV, and dE/dvector, (pairs, 3) eV/Å, in float64."""
        ...


def refuse_reach(repulsion: Repulsion | None, cutoff: float, elements: Sequence[str]) -> None:
    """Raise a ValueError if atoms repel each other from farther away than they see each other, which is `cutoff` Å."""
    if repulsion and (reach := repulsion.reach(elements)) > cutoff:
        raise ValueError(
            f"model.repulsion reaches {reach:.3g} Å between atoms of {', '.join(elements)}, and atoms see {cutoff:g} Å "
            "far: switch it off nearer, or give them a larger cutoff"
        )


def repelled(repulsion: Repulsion, x: Structures, elements: Sequence[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return energies (n,) eV, forces (atoms, 3) eV/Å and virials (n, 3, 3) eV of the repulsion alone."""
    graph = neighbour_graph(x, repulsion.reach(elements), elements)
    energy, gradient = repulsion.energies(graph, elements)
    return energy.numpy(), graph.forces(gradient).numpy(), graph.virials(gradient).numpy()


def less(repulsion: Repulsion, x: Structures, y: Properties, elements: Sequence[str]) -> Properties:
    """Return labels without what the repulsion has of them: what is left to be learned."""
    energy, forces, virial = repelled(repulsion, x, elements)
    known: dict[str, Column] = {"energy": energy, "virial": virial, "forces": Ragged(forces, x.counts)}
    rest = {name: _difference(y.values[name], part, y.has(name)) for name, part in known.items() if name in y.values}
    return replace(y, values={**y.values, **rest})


def _difference(column: Column, part: Column, present: np.ndarray) -> Column:
    if isinstance(column, Ragged):  # a sample without a label has no rows
        return Ragged(to_numpy(column.values) - part[np.flatnonzero(present)].values, column.counts)
    return to_numpy(column) - part
