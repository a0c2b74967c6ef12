"""Neighbour graphs: every pair of an atom and an image of an atom within the cutoff.

All structures of a batch lie one behind the other in flat lists, so that no pair is padded and no
structure knows of another. Cells may be smaller than the cutoff.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import NamedTuple, Self

import numpy as np
import torch
from ase.data import atomic_numbers, chemical_symbols
from torch import Tensor

from eltanin_atoms.neighbours import Pairs, pairs
from eltanin_atoms.structures import Structures


class Part(NamedTuple):
    """Some atoms of a graph, and what they have around them.

    atoms: (m,) which.  species: (m,).  centre: (pairs,) place among them.  other: (pairs,) species of the
    neighbour.  vector: (pairs, 3).
    """

    atoms: Tensor
    species: Tensor
    centre: Tensor
    other: Tensor
    vector: Tensor


@dataclass(frozen=True)
class Graph:
    """The pairs of a batch of structures, each both ways, in order of centre, neighbour and shift.

    species: (atoms,) index into the elements asked for.  structure: (atoms,) which structure.
    centre, neighbour: (pairs,) atoms.  vector: (pairs, 3) from centre to neighbour, Å.
    shift: (pairs, 3) lattice vectors between the two.  structures: how many there are.
    """

    species: Tensor
    structure: Tensor
    centre: Tensor
    neighbour: Tensor
    vector: Tensor
    shift: Tensor
    structures: int

    @property
    def neighbours(self) -> Tensor:
        """Neighbours of each atom, (atoms,)."""
        return torch.bincount(self.centre, minlength=len(self.species))

    def to(self, device: torch.device | str) -> Self:
        """Move the graph to a device."""
        tensors = {f.name: getattr(self, f.name).to(device) for f in fields(self) if f.name != "structures"}
        return replace(self, **tensors)

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """Join graphs of several batches into one."""
        if len(parts) == 1:
            return parts[0]
        atoms = np.cumsum([0, *(len(p.species) for p in parts)])
        before = np.cumsum([0, *(p.structures for p in parts)])
        return cls(
            species=torch.cat([p.species for p in parts]),
            structure=torch.cat([p.structure + int(n) for p, n in zip(parts, before, strict=False)]),
            centre=torch.cat([p.centre + int(n) for p, n in zip(parts, atoms, strict=False)]),
            neighbour=torch.cat([p.neighbour + int(n) for p, n in zip(parts, atoms, strict=False)]),
            vector=torch.cat([p.vector for p in parts]),
            shift=torch.cat([p.shift for p in parts]),
            structures=int(before[-1]),
        )

    def whole(self) -> Part:
        """Return all atoms, and what they have around them."""
        atoms = torch.arange(len(self.species), device=self.species.device)
        return Part(atoms, self.species, self.centre, self.species[self.neighbour], self.vector)

    def parts(self, atoms: int) -> Iterator[tuple[slice, Part]]:
        """Cut into parts of so many atoms, in which those of a species are together; yield pairs and part."""
        every, other = len(self.species), self.species[self.neighbour]
        cuts = torch.arange(0, every + atoms, atoms, device=self.centre.device)
        begins = torch.searchsorted(self.centre, cuts).tolist()
        for first, begin, end in zip(cuts.tolist(), begins, begins[1:], strict=False):
            species, pairs_ = self.species[first : first + atoms], slice(begin, end)
            order = torch.argsort(species, stable=True)
            place = torch.empty_like(order).scatter_(0, order, torch.arange(len(order), device=order.device))
            centre = place.index_select(0, self.centre[pairs_] - first)
            yield pairs_, Part(first + order, species[order], centre, other[pairs_], self.vector[pairs_])

    def forces(self, gradient: Tensor) -> Tensor:
        """Return F = -dE/dr, (atoms, 3), from dE/dvector, (pairs, 3): a pair pulls at both ends."""
        # Sums into three long rows are several times as fast as into rows of three, and thirty times as with a factor.
        ends, none = gradient.T, gradient.new_zeros(3, len(self.species))
        return (none.index_add(1, self.centre, ends) - none.index_add(1, self.neighbour, ends)).T

    def virials(self, gradient: Tensor) -> Tensor:
        """Return Ξ_ab = -dE/dε_ab = -Σ vector_a dE/dvector_b, (structures, 3, 3) eV."""
        vector = self.vector.to(gradient.dtype).T
        if self.structures == 1:
            return -(vector @ gradient)[None]
        outer = (vector[:, None] * gradient.T[None]).flatten(0, 1)
        total = gradient.new_zeros(9, self.structures)
        return -total.index_add(1, self.structure[self.centre], outer).T.unflatten(1, (3, 3))


Search = Callable[[np.ndarray, np.ndarray, np.ndarray, float], Pairs]  # positions, cell, pbc, cutoff


def neighbour_graph(structures: Structures, cutoff: float, elements: Sequence[str], search: Search = pairs) -> Graph:
    """Find all pairs closer than the cutoff (Å) in structures of the given elements."""
    species = torch.from_numpy(species_of(structures.numbers.values, elements))
    rows = zip(structures.positions.rows(), structures.cell, structures.pbc, strict=True)
    found = [search(x, cell, pbc, cutoff) for x, cell, pbc in rows]
    ends = torch.zeros(0, dtype=torch.int64)
    none = Graph(species[:0], ends, ends, ends, torch.zeros(0, 3).double(), torch.zeros(0, 3).int(), 0)
    kinds = species.split(structures.counts.tolist())
    parts = [Graph(k, torch.zeros_like(k), *p, structures=1) for k, p in zip(kinds, found, strict=True)]
    return Graph.joined(parts or [none])


def species_of(numbers: np.ndarray, elements: Sequence[str]) -> np.ndarray:
    """Return the place in `elements` of each atomic number, (atoms,)."""
    table = np.full(len(chemical_symbols), -1, dtype=np.int64)
    table[[atomic_numbers[e] for e in elements]] = np.arange(len(elements))
    species = table[numbers]
    if (species < 0).any():
        unknown = ", ".join(sorted({chemical_symbols[z] for z in numbers[species < 0]}))
        raise ValueError(
            f"{unknown}: the model was set up for {', '.join(elements)} alone and has no parameters "
            "for it: name all elements in model.elements before the first training"
        )
    return species
