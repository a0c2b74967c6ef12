"""Pairs of one structure: every atom and every image of an atom within the cutoff, found by vesin.

Pairs come in the order of centre, neighbour, and shift, and their vectors from the positions alone.
So the same positions give the same bits, whether the pairs were searched for now or are those of an
earlier, longer list.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
from ase.geometry import complete_cell
from torch import Tensor
from vesin import NeighborList

SKIN = 0.5  # Å that a list reaches beyond the cutoff


class Pairs(NamedTuple):
    """The pairs of one structure: vector = x[neighbour] - x[centre] + shift · cell.

    centre, neighbour: (pairs,).  vector: (pairs, 3) Å.  shift: (pairs, 3).
    """

    centre: Tensor
    neighbour: Tensor
    vector: Tensor
    shift: Tensor


class Listed(NamedTuple):
    """Pairs in order, without their vectors; image: (pairs,) row of `shifts`, (images, 3)."""

    centre: Tensor
    neighbour: Tensor
    image: Tensor
    shifts: Tensor

    def within(self, positions: np.ndarray, cell: np.ndarray, cutoff: float) -> Pairs:
        """Return those that are closer than the cutoff."""
        # A row for each component, and sums written out: what a matrix product rounds to may depend on its length.
        steps = [self.shifts[:, k].double() for k in range(3)]
        vector = torch.empty(3, len(self.centre), dtype=torch.float64)
        for k, x in enumerate(torch.tensor(positions.T, dtype=torch.float64)):
            offset = sum(n * h for n, h in zip(steps, cell[:, k].tolist(), strict=True))
            assert isinstance(offset, Tensor)
            torch.sub(x.index_select(0, self.neighbour), x.index_select(0, self.centre), out=vector[k])
            vector[k] += offset.index_select(0, self.image)
        a, b, c = vector
        near = a * a + b * b + c * c < cutoff**2
        columns = [self.centre, self.neighbour, self.image, a, b, c]
        if not near.all():
            chosen = torch.nonzero(near).squeeze(1)
            columns = [column.index_select(0, chosen) for column in columns]
            vector = torch.stack(columns[3:])
        centre, neighbour, image = columns[:3]
        return Pairs(centre, neighbour, vector.T, self.shifts.index_select(0, image))


def listed(positions: np.ndarray, cell: np.ndarray, pbc: np.ndarray, cutoff: float) -> Listed:
    """Find the pairs of one structure; positions (atoms, 3) and cell in Å."""
    n = len(positions)
    if not pbc.all():
        positions = close_gaps(positions, cell, pbc, 2 * cutoff)
    # To find each pair once and turn it round takes two thirds of the time of finding it twice.
    search = NeighborList(cutoff=cutoff, full_list=False, n_threads=1)
    i, j, half = search.compute(positions, cell, pbc, "ijS", copy=False)
    centre, neighbour = (np.concatenate(ends).astype(np.int64) for ends in ((i, j), (j, i)))
    image, shifts = images(np.concatenate([half, -half]).astype(np.int64))
    order = np.argsort((centre * n + neighbour) * len(shifts) + image)
    centre, neighbour, image = (torch.from_numpy(column[order]) for column in (centre, neighbour, image))
    return Listed(centre, neighbour, image, torch.from_numpy(shifts))


def images(shift: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Number different shifts, (pairs, 3), in their order; return the number of each, and what they are."""
    low = shift.min(axis=0, initial=0)
    spans = shift.max(axis=0, initial=0) - low + 1
    if np.prod(spans, dtype=float) > len(shift) + 1000:  # atoms that drifted far apart
        found, image = np.unique(shift, axis=0, return_inverse=True)
        return image.reshape(-1), found
    grid = np.ascontiguousarray(np.indices(spans).reshape(3, -1).T + low)
    first, second, third = (shift - low).T
    return (first * spans[1] + second) * spans[2] + third, grid


def pairs(positions: np.ndarray, cell: np.ndarray, pbc: np.ndarray, cutoff: float) -> Pairs:
    """Find the pairs of one structure; positions (atoms, 3) and cell in Å."""
    return listed(positions, cell, pbc, cutoff).within(positions, cell, cutoff)


class Kept(NamedTuple):
    """A structure, and its pairs within cutoff + skin once another one was found near it."""

    positions: np.ndarray
    cell: np.ndarray
    pbc: np.ndarray
    cutoff: float
    pairs: Listed | None

    def holds(self, positions: np.ndarray, cell: np.ndarray, pbc: np.ndarray, cutoff: float) -> bool:
        """Return whether no pair from beyond cutoff + skin can have come within the cutoff.

        With r -> r F + δ under a strain F of the cell, a distance d is d σ - 2 max|δ| at least,
        where σ is the smallest singular value of F.
        """
        if self.cutoff != cutoff or len(positions) != len(self.positions) or not np.array_equal(pbc, self.pbc):
            return False
        least, before = 1.0, self.positions
        if not np.array_equal(cell, self.cell):
            if not pbc.all():
                return False
            strain = np.linalg.solve(self.cell, cell)
            least, before = float(np.linalg.svd(strain, compute_uv=False)[-1]), before @ strain
        moved = np.sqrt(np.square(positions - before).sum(axis=1).max(initial=0.0))
        return bool(least * (cutoff + SKIN) - 2 * moved > cutoff)


@dataclass
class Following:
    """A search for pairs that follows a dynamics.

    Of structures that are near the last one it keeps a list that reaches a skin beyond the cutoff, and searches
    anew when an atom may have crossed the skin. What it finds is what `pairs` finds, to the last bit.
    """

    kept: Kept | None = field(default=None, repr=False, compare=False)

    def __call__(self, positions: np.ndarray, cell: np.ndarray, pbc: np.ndarray, cutoff: float) -> Pairs:
        """Find the pairs of one structure."""
        kept = self.kept
        if kept is None or not kept.holds(positions, cell, pbc, cutoff):
            self.kept = Kept(positions.copy(), cell.copy(), pbc.copy(), cutoff, None)
            return pairs(positions, cell, pbc, cutoff)
        if kept.pairs is None:
            found = listed(positions, cell, pbc, cutoff + SKIN)
            kept = self.kept = Kept(positions.copy(), cell.copy(), pbc.copy(), cutoff, found)
        assert kept.pairs is not None
        return kept.pairs.within(positions, cell, cutoff)

    def __reduce__(self) -> tuple[type[Following], tuple[()]]:
        """Travel without what it keeps."""
        return Following, ()


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
