"""Neighbour graphs: every pair of an atom and an image of an atom within the cutoff.

All structures of a batch lie one behind the other in flat lists, so that no pair is padded and no
structure knows of another. Images come from vesin, and cells may be smaller than the cutoff.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import NamedTuple, Self

import numpy as np
import torch
from ase.data import atomic_numbers, chemical_symbols
from ase.geometry import complete_cell
from torch import Tensor
from vesin import NeighborList

from eltanin_atoms.structures import Structures


@dataclass(frozen=True)
class Graph:
    """The pairs of a batch of structures, those of a structure together and each both ways.

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

    def forces(self, gradient: Tensor) -> Tensor:
        """Return F = -dE/dr, (atoms, 3), from dE/dvector, (pairs, 3): a pair pulls at both ends."""
        # Sums into three long rows are several times as fast as into rows of three.
        ends, total = gradient.T, gradient.new_zeros(3, len(self.species))
        return total.index_add(1, self.centre, ends).index_add(1, self.neighbour, ends, alpha=-1).T

    def virials(self, gradient: Tensor) -> Tensor:
        """Return Ξ_ab = -dE/dε_ab = -Σ vector_a dE/dvector_b, (structures, 3, 3) eV."""
        vector = self.vector.to(gradient.dtype).T
        if self.structures == 1:
            return -(vector @ gradient)[None]
        outer = (vector[:, None] * gradient.T[None]).flatten(0, 1)
        total = gradient.new_zeros(9, self.structures)
        return total.index_add(1, self.structure[self.centre], outer, alpha=-1).T.unflatten(1, (3, 3))


def neighbour_graph(structures: Structures, cutoff: float, elements: Sequence[str]) -> Graph:
    """Find all pairs closer than the cutoff (Å) in structures of the given elements."""
    species = species_of(structures.numbers.values, elements)
    rows = zip(structures.positions.rows(), structures.cell, structures.pbc, strict=True)
    found = [pairs(x, cell, pbc, cutoff) for x, cell, pbc in rows] or [NONE]
    before = np.repeat(structures.positions.offsets[: len(found)], [len(p.centre) for p in found])
    centre, neighbour, vector, shift = map(np.concatenate, zip(*found, strict=True))
    return Graph(
        species=torch.from_numpy(species),
        structure=torch.from_numpy(structures.positions.owner),
        centre=torch.from_numpy(centre + before),
        neighbour=torch.from_numpy(neighbour + before),
        vector=torch.from_numpy(vector),
        shift=torch.from_numpy(shift),
        structures=len(structures),
    )


class Pairs(NamedTuple):
    """The pairs of one structure: vector = x[neighbour] - x[centre] + shift · cell."""

    centre: np.ndarray
    neighbour: np.ndarray
    vector: np.ndarray
    shift: np.ndarray


_NOBODY = np.zeros(0, dtype=np.int64)
NONE = Pairs(_NOBODY, _NOBODY, np.zeros((0, 3)), np.zeros((0, 3), dtype=np.int32))


def pairs(positions: np.ndarray, cell: np.ndarray, pbc: np.ndarray, cutoff: float) -> Pairs:
    """Find the pairs of one structure; positions (atoms, 3) and cell in Å."""
    if not pbc.all():
        positions = close_gaps(positions, cell, pbc, 2 * cutoff)
    # One thread: what the order of the pairs is must not depend on how many there are. To find each
    # pair once and turn it round takes two thirds of the time of finding it twice.
    search = NeighborList(cutoff=cutoff, full_list=False, n_threads=1)
    i, j, shift, vector = search.compute(positions, cell, pbc, "ijSD", copy=False)
    ends = np.concatenate([i, j, i]).astype(np.int64)
    both = (np.concatenate([column, -column]) for column in (vector, shift))
    return Pairs(ends[: 2 * len(i)], ends[len(i) :], *both)


def close_gaps(positions: np.ndarray, cell: np.ndarray, pbc: np.ndarray, reach: float) -> np.ndarray:
    """Bring fragments that are far apart closer, up to `reach`, where there are no periods.

    No pair within `reach` changes. A cell list over the empty space between the fragments of an
    exploded slab would need more memory than there is.
    """
    for axis in complete_cell(np.where(pbc[:, None], cell, 0.0))[~pbc]:
        along = positions @ axis
        if len(along) and np.ptp(along) > 50 * reach:
            order = np.argsort(along)
            surplus = np.cumsum(np.maximum(np.diff(along[order]) - reach, 0.0))
            positions = positions.copy()
            positions[order[1:]] -= surplus[:, None] * axis
    return positions


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
