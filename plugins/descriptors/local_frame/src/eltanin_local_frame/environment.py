"""Neighbours in their slots: features, and how a gradient comes back to their vectors.

    (1/r, x/r², y/r², z/r²)  with  (x, y, z) = axes · vector        or  1/r  alone

All of it is linear in the gradient, so that a training goes through it as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from torch import Tensor

from eltanin_atoms.descriptors import Pull
from eltanin_atoms.nets import Tensors
from eltanin_atoms.vectors import dot, taken
from eltanin_local_frame.frames import Frames, shifted


@dataclass(frozen=True)
class Slots:
    """Pairs that have a slot, and where.

    columns: (4, kept) places in all features of all atoms, one behind the other; -1 for a number
    that is not asked for.  pair: (kept,) which pair.  centre: (kept,) atom.  unit, local: (3, kept)
    u in space and in the frame.  inverse: (kept,) 1/r.  pairs: how many there are, kept or not.
    """

    columns: Tensor
    pair: Tensor
    centre: Tensor
    unit: Tensor
    local: Tensor
    inverse: Tensor
    pairs: int

    def features(self, atoms: int, size: int) -> Tensor:
        """Return the features of every atom, (atoms, size); empty slots are 0."""
        flat = self.unit.new_zeros(atoms * size + 1)
        flat[self.columns] = self.inverse * torch.cat([torch.ones_like(self.local[:1]), self.local])
        return flat[:-1].view(atoms, size)

    def pull(self, gradient: Tensor, frames: Frames) -> Tensor:
        """Return dE/dvector, (pairs, 3), from dE/dD, (atoms, size)."""
        flat = torch.nn.functional.pad(gradient.flatten(), (0, 1))
        scalar, vector = flat.index_select(0, self.columns.flatten() % len(flat)).view(4, -1).split([1, 3])
        square = self.inverse**2
        turned = (taken(frames.axes, self.centre) * vector[:, None]).sum(0)
        straight = square * (turned - (scalar[0] + 2 * dot(vector, self.local)) * self.unit)
        outer = vector[:, None] * (self.inverse * self.unit)
        axes = torch.zeros_like(frames.axes).index_add(2, self.centre, outer)
        total = gradient.new_zeros(3, self.pairs + 1)  # the last is for pairs that are not there
        total = total.index_add(1, self.pair, straight)
        for pair, x in zip((frames.first, frames.second), frames.pull(axes), strict=True):
            total = total.index_add(1, pair % (self.pairs + 1), x)
        return total[:, :-1].T

    def to(self, dtype: torch.dtype) -> Self:
        """Return the slots with numbers of a precision."""
        numbers = (x.to(dtype) for x in (self.unit, self.local, self.inverse))
        unit, local, inverse = numbers
        return type(self)(self.columns, self.pair, self.centre, unit, local, inverse, self.pairs)

    def joined(self, others: Sequence[Self], atoms: Sequence[int], size: int) -> Self:
        """Join with others, that come after so many atoms of a size."""
        parts = [self, *others]
        pairs = np.cumsum([0, *(p.pairs for p in parts)]).tolist()
        return type(self)(
            columns=torch.cat([shifted(p.columns, n * size) for p, n in zip(parts, atoms, strict=True)], dim=1),
            pair=torch.cat([p.pair + n for p, n in zip(parts, pairs, strict=False)]),
            centre=torch.cat([p.centre + n for p, n in zip(parts, atoms, strict=True)]),
            unit=torch.cat([p.unit for p in parts], dim=1),
            local=torch.cat([p.local for p in parts], dim=1),
            inverse=torch.cat([p.inverse for p in parts]),
            pairs=pairs[-1],
        )


@dataclass(frozen=True)
class Framed:
    """What all atoms of a graph see.

    values: (atoms, size) features, scaled.  scale: (atoms, size) 1/range.
    """

    values: Tensor
    scale: Tensor
    frames: Frames
    slots: Slots

    def features(self, parameters: Tensors) -> tuple[Tensor, Pull]:  # noqa: ARG002 - there is none
        """Return D, (atoms, size), and what pulls dE/dD back to dE/dvector, (pairs, 3)."""
        return self.values, lambda gradient: self.slots.pull(gradient * self.scale, self.frames)

    def joined(self, others: Sequence[Self]) -> Self:
        """Join with the environments of other graphs."""
        parts = [self, *others]
        atoms = np.cumsum([0, *(len(p.values) for p in parts[:-1])]).tolist()
        pairs = np.cumsum([0, *(p.slots.pairs for p in parts[:-1])]).tolist()
        return type(self)(
            values=torch.cat([p.values for p in parts]),
            scale=torch.cat([p.scale for p in parts]),
            frames=self.frames.joined([p.frames for p in others], pairs),
            slots=self.slots.joined([p.slots for p in others], atoms, self.values.shape[1]),
        )
