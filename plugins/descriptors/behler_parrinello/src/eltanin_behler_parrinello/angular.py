"""Angular symmetry functions: what an atom sees of its neighbours by two.

    G = Σ_{j<k} A(cos θ) h(r_ij) h(r_ik) [h(r_jk)]
    A = 2^(1-ζ) (1 + λ cos θ)^ζ          h(r) = exp(-η r²) f(r)

With the third side it is Behler's G⁴, without G⁵. As r_jk follows from the other two and cos θ, all
depends on the vectors a = r_ij û and b = r_ik ŵ of two pairs of the centre alone:

    dG/da = (A K_1 - A' H c / r_1) û + (A' H / r_1 - A L r_2) ŵ
    H = h_1 h_2 h_3,    L = h_1 h_2 h_3' / r_3,    K_1 = h_1' h_2 h_3 + L r_1
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import NamedTuple, Self

import torch
from jaxtyping import Float, Int
from torch import Tensor

from eltanin_atoms.vectors import dot, taken
from eltanin_behler_parrinello.pairs import gaussians
from eltanin_behler_parrinello.switch import Switch
from eltanin_behler_parrinello.triples import triples


class Angles(NamedTuple):
    """Settings: rows of A for each λ and ζ, rows of h for each η; whether the third side counts."""

    lambdas: Sequence[float]
    zetas: Sequence[float]
    etas: Sequence[float]
    third_side: bool
    switch: Switch
    cutoff: float

    def functions(self, cosine: Float[Tensor, " n"]) -> tuple[Float[Tensor, "m n"], Float[Tensor, "m n"]]:
        """Return A and dA/dcos θ."""
        rows: list[Tensor] = []
        slopes: list[Tensor] = []
        for sign in self.lambdas:
            x = (1 + sign * cosine).clamp(min=0) / 2
            for zeta in self.zetas:
                below = x ** (zeta - 1)
                rows.append(2 * below * x)
                slopes.append(sign * zeta * below)
        return torch.stack(rows), torch.stack(slopes)


@dataclass(frozen=True)
class Triples:
    """Triples, and of each what its functions and their derivatives are made of.

    first, second: (triples,) pairs.  block: (triples,) atom and species of both, where it is counted.
    cosine: (triples,) c.  far: (2, triples) r.  value: (η, triples) H.  third: (η, triples) L.
    along: (2, η, triples) K.  angle, bend: (m, triples) A and A'.
    """

    first: Tensor
    second: Tensor
    block: Tensor
    cosine: Tensor
    far: Tensor
    value: Tensor
    third: Tensor
    along: Tensor
    angle: Tensor
    bend: Tensor

    def counted(self, size: int) -> Float[Tensor, "functions size"]:
        """Return Σ A H of every block."""
        terms = (self.angle[:, None] * self.value).flatten(0, 1)
        return terms.new_zeros(len(terms), size).index_add(1, self.block, terms)

    def pull(self, gradient: Float[Tensor, "functions size"], unit: Float[Tensor, "3 pairs"]) -> Tensor:
        """Return dE/dvector, (3, pairs), from dE/dG of every block."""
        mine = taken(gradient, self.block).view(len(self.angle), *self.value.shape)
        weights = ((mine * x[:, None]).sum(0) for x in (self.angle, self.bend))
        own, across = (x.sum(1) for x in self._slopes(*weights))
        total = torch.zeros_like(unit)
        for pair, x in zip((self.first, self.second), self._vectors(own, across, self._ends(unit)), strict=True):
            total = total.index_add(1, pair, x)
        return total

    def jacobian(
        self, unit: Float[Tensor, "3 pairs"], other: Int[Tensor, " pairs"], species: int
    ) -> Float[Tensor, "pairs 3 columns"]:
        """Return dG/dvector of every pair, in columns for the species of the neighbour it is counted with."""
        ends, pairs = self._ends(unit), unit.shape[1]
        places = (other[self.second] * pairs + self.first, other[self.first] * pairs + self.second)
        total = unit.new_zeros(len(self.angle), len(self.value), 3, species * pairs)
        for columns, angle, bend in zip(total, self.angle, self.bend, strict=True):
            for column, own, across in zip(columns, *(x.unbind(1) for x in self._slopes(angle, bend)), strict=True):
                for place, x in zip(places, self._vectors(own, across, ends), strict=True):
                    column.index_add_(1, place, x)
        return total.flatten(0, 1).unflatten(2, (species, pairs)).permute(3, 1, 2, 0).flatten(2)

    def _slopes(self, weight: Tensor, bend: Tensor) -> tuple[Tensor, Tensor]:
        """Return, for both pairs, (2, η, triples), what goes along its own direction and along that of the other."""
        far, turn = self.far[:, None], bend * self.value / self.far[:, None]
        return weight * self.along - turn * self.cosine, turn - weight * self.third * far.flip(0)

    def _ends(self, unit: Tensor) -> tuple[Tensor, Tensor]:
        return taken(unit, self.first), taken(unit, self.second)

    def _vectors(self, own: Tensor, across: Tensor, ends: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        a, b = ends
        return own[0] * a + across[0] * b, own[1] * b + across[1] * a

    def to(self, dtype: torch.dtype) -> Self:
        """Return the triples with numbers of a precision."""
        numbers = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in ("first", "second", "block")}
        return replace(self, **{name: x.to(dtype) for name, x in numbers.items()})

    def joined(self, others: Sequence[Self], pairs: Sequence[int], blocks: Sequence[int]) -> Self:
        """Join with others, that come after so many pairs and blocks."""
        parts = [self, *others]
        columns = {f.name: [getattr(p, f.name) for p in parts] for f in fields(self)}
        for name, before in {"first": pairs, "second": pairs, "block": blocks}.items():
            columns[name] = [column + n for column, n in zip(columns[name], before, strict=True)]
        return replace(self, **{name: torch.cat(column, dim=-1) for name, column in columns.items()})


def found(
    angles: Angles, r: Float[Tensor, " pairs"], unit: Float[Tensor, "3 pairs"], centre: Tensor, atoms: int
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return the triples within the cutoff: both pairs, counted among the near ones, the near ones, cosines."""
    near = torch.nonzero(r < angles.cutoff).squeeze(1)
    first, second = triples(centre[near], atoms)
    near_unit, near_r = taken(unit, near), r[near]
    cosine = dot(taken(near_unit, first), taken(near_unit, second))
    if angles.third_side:
        kept = torch.nonzero(opposite(taken(near_r, first), taken(near_r, second), cosine) < angles.cutoff).squeeze(1)
        first, second, cosine = (taken(x, kept) for x in (first, second, cosine))
    return near, first, second, cosine


def measured(
    angles: Angles, r: Float[Tensor, " pairs"], unit: Float[Tensor, "3 pairs"], centre: Tensor, atoms: int
) -> Triples:
    """Find all triples within the cutoff, counted at their centre alone."""
    near, first, second, cosine = found(angles, r, unit, centre, atoms)
    h, slope = gaussians(r[near], angles.etas, [0.0] * len(angles.etas), angles.switch, angles.cutoff)
    h, slope = (torch.stack([taken(x, pair) for pair in (first, second)]) for x in (h, slope))
    first, second = taken(near, first), taken(near, second)
    far = torch.stack([taken(r, first), taken(r, second)])
    value, along, third = h[0] * h[1], slope * h.flip(0), torch.zeros_like(h[0])
    if angles.third_side:
        r3 = opposite(far[0], far[1], cosine)
        h3, slope3 = gaussians(r3, angles.etas, [0.0] * len(angles.etas), angles.switch, angles.cutoff)
        third = value * slope3 / r3
        value, along = value * h3, along * h3 + third * far[:, None]
    angle, bend = angles.functions(cosine)
    return Triples(first, second, taken(centre, first), cosine, far, value, third, along, angle, bend)


def opposite(a: Tensor, b: Tensor, cosine: Tensor) -> Tensor:
    """Return the third side of a triangle."""
    return (a * a + b * b - 2 * a * b * cosine).clamp(min=0).sqrt()
