"""Axes that turn with an atom's surroundings, from two neighbours a and b.

    e_1 = a/|a|,    e_2 = p/|p|,  p = b - (b·e_1) e_1,    e_3 = e_1 × e_2

Where b is missing, or a too, the axes they would give are zero: then all neighbours lie along e_1,
and nothing is lost. Components come first in all arrays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import torch
from jaxtyping import Float, Int
from torch import Tensor

from eltanin_atoms.vectors import cross, dot, length


@dataclass(frozen=True)
class Frames:
    """The frame of every atom.

    first, second: (atoms,) pairs a and b, -1 for none.  axes: (3, 3, atoms), an axis in each row.
    second_vector: (3, atoms) b.  along: (atoms,) b·e_1.  inverse: (2, atoms) 1/|a| and 1/|p|, 0 for none.
    """

    first: Tensor
    second: Tensor
    axes: Tensor
    second_vector: Tensor
    along: Tensor
    inverse: Tensor

    @classmethod
    def of(cls, vector: Float[Tensor, "3 pairs"], first: Int[Tensor, " atoms"], second: Int[Tensor, " atoms"]) -> Self:
        """Make the frames that two pairs of every atom give."""
        known = torch.nn.functional.pad(vector, (0, 1))  # nothing, at the end, is what -1 stands for
        a, b = known[:, first], known[:, second]
        e1, near = directed(a)
        along = dot(b, e1)
        e2, off = directed(b - along * e1)
        axes = torch.stack([e1, e2, cross(e1, e2)])
        return cls(first, second, axes, b, along, torch.stack([near, off]))

    def pull(self, gradient: Float[Tensor, "3 3 atoms"]) -> tuple[Float[Tensor, "3 atoms"], Float[Tensor, "3 atoms"]]:
        """Return dE/da and dE/db from the derivatives by the axes."""
        e1, e2, _ = self.axes
        g1, g2, g3 = gradient
        g1, g2 = g1 + cross(e2, g3), g2 + cross(g3, e1)
        p = across(g2, e2) * self.inverse[1]
        g1 = g1 - self.along * p - dot(p, e1) * self.second_vector
        return across(g1, e1) * self.inverse[0], across(p, e1)

    def to(self, dtype: torch.dtype) -> Self:
        """Return the frames with numbers of a precision."""
        numbers = (self.axes, self.second_vector, self.along, self.inverse)
        return type(self)(self.first, self.second, *(x.to(dtype) for x in numbers))

    def joined(self, others: Sequence[Self], before: Sequence[int]) -> Self:
        """Join with others, that come after so many pairs."""
        parts = [self, *others]
        pairs = (
            torch.cat([shifted(pair, n) for pair, n in zip(column, before, strict=True)])
            for column in ([p.first for p in parts], [p.second for p in parts])
        )
        names = ("axes", "second_vector", "along", "inverse")
        return type(self)(*pairs, *(torch.cat([getattr(p, name) for p in parts], dim=-1) for name in names))


def directed(x: Float[Tensor, "3 n"]) -> tuple[Float[Tensor, "3 n"], Float[Tensor, " n"]]:
    """Return x/|x| and 1/|x|, and 0 for x = 0."""
    r = length(x)
    inverse = torch.where(r == 0, 0.0, 1 / r)
    return x * inverse, inverse


def across(x: Float[Tensor, "3 n"], axis: Float[Tensor, "3 n"]) -> Float[Tensor, "3 n"]:
    """Return what of x is perpendicular to an axis of length 1."""
    return x - dot(x, axis) * axis


def shifted(index: Tensor, by: int) -> Tensor:
    """Return an index into something longer, that this one lies in behind `by` others; -1 stays."""
    return torch.where(index < 0, -1, index + by)
