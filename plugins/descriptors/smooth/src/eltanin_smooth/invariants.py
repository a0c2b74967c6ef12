"""What the density of embedded neighbours leaves under rotations.

    A = Σ_j R_j G_j / N   (4, M)        D = Aᵀ A_<   (M, axis), flat

N is a number of neighbours fixed once and for all, A_< the first columns of A. Rotations mix the
rows of A, so that D does not see them; the sum does not see the order of neighbours.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor


class Shape(NamedTuple):
    """What the forms of all arrays follow from.

    species: elements.  layers: of an embedding net.  width: M.  one_sided: nets know the species of
    the neighbour alone.  neighbours: N.
    """

    species: int
    layers: int
    width: int
    one_sided: bool
    neighbours: float


# From dE/dA, (atoms, 4, M), to dE/dvector of some pairs, (3, pairs).
PullDensity = Callable[[Tensor], Tensor]


def invariants(a: Float[Tensor, "atoms 4 width"], axis: int) -> Float[Tensor, "atoms size"]:
    """Return D."""
    return (a.transpose(1, 2) @ a[:, :, :axis]).flatten(1)


def pull_invariants(
    gradient: Float[Tensor, "atoms size"], a: Float[Tensor, "atoms 4 width"], axis: int
) -> Float[Tensor, "atoms 4 width"]:
    """Return dE/dA = A_< gᵀ + (A g, 0), from g = dE/dD."""
    g = gradient.view(len(a), a.shape[2], axis)
    found = a[:, :, :axis] @ g.transpose(1, 2)
    found[:, :, :axis] += a @ g
    return found
