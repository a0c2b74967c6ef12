"""Which neighbours give the frame of an atom, and which slot is whose.

Nearest comes first. Of neighbours as near as each other, the one comes first that lies further along
a fixed direction: it is said by so little a part of the distance that nothing else changes. For the
frame that direction is fixed in space, as there is nothing else yet; for the slots it is fixed in the
frame, so that they do not know how the whole is turned.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from eltanin_atoms.vectors import cross, length, taken

LEAN = 1e-9  # of the distance
DIRECTION = (0.36, 0.48, 0.80)
SLANT = 1e-2  # the least sine of the angle between the two neighbours that give a frame


def leaning(r: Float[Tensor, " pairs"], x: Float[Tensor, "3 pairs"]) -> Float[Tensor, " pairs"]:
    """Return distances with which ties are broken by the direction of x."""
    return r - LEAN * (x.new_tensor(DIRECTION) @ x)


def ordered(*keys: Tensor) -> Int[Tensor, " n"]:
    """Return what sorts by the first key, then by the next where that one is equal, and so on."""
    order = torch.argsort(keys[-1], stable=True)
    for key in reversed(keys[:-1]):
        order = order[torch.argsort(key[order], stable=True)]
    return order


def ranks(order: Int[Tensor, " n"], group: Int[Tensor, " n"]) -> Int[Tensor, " n"]:
    """Return the place of each within its group, from an order in which groups are together."""
    counts = torch.bincount(group)
    begin = (counts.cumsum(0) - counts)[group[order]]
    place = torch.empty_like(order)
    place[order] = torch.arange(len(order), device=order.device) - begin
    return place


def chosen(
    vector: Float[Tensor, "3 pairs"],
    r: Float[Tensor, " pairs"],
    centre: Int[Tensor, " pairs"],
    group: Int[Tensor, " pairs"],
    atoms: int,
) -> tuple[Int[Tensor, " atoms"], Int[Tensor, " atoms"]]:
    """Return the two pairs that give the frame of every atom, -1 for none.

    group: those of one atom follow each other as they are to give its frame.
    """
    order = ordered(group, leaning(r, vector))
    place = torch.empty_like(order)
    place[order] = torch.arange(len(order), device=order.device)
    pairs = torch.cat([order, order.new_tensor([-1])])
    nobody = torch.full((atoms,), len(order), device=order.device)
    first = pairs[nobody.scatter_reduce(0, centre, place, "amin")]
    unit = vector / r
    mine = taken(unit, first[centre])
    slanted = length(cross(unit, mine)) > SLANT
    return first, pairs[nobody.scatter_reduce(0, centre[slanted], place[slanted], "amin")]
