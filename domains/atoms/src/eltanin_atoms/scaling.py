"""Features of one scale: their mean and range over the first data, for each species of the centre.

    x' = (x - mean_{t_i}) / range_{t_i},    range = largest - smallest

For features that know no parameter, so that their scale can be known before any training. A range
leaves nets smoother to begin with than a deviation does: rare and far values stay within 1.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from eltanin_atoms.graphs import Graph
from eltanin_atoms.nets import Tensors

SMALLEST = 0.1  # the least range: what hardly varies in the first data may do so later


def scales(parts: Iterable[tuple[Tensor, Tensor]], species: int, size: int, smallest: float = SMALLEST) -> Tensors:
    """Return mean and range, (species, size) both, from features (atoms, size) and species (atoms,).

    Features of a species that the data do not have stay what they are.
    """
    atoms, sums = torch.zeros(species, 1).double(), torch.zeros(species, size).double()
    low, high = (torch.full((species, size), float(x)).double() for x in ("inf", "-inf"))
    for features, kind in parts:
        index = kind[:, None].expand_as(features)
        atoms += torch.bincount(kind, minlength=species)[:, None]
        sums = sums.scatter_add(0, index, features)
        low, high = low.scatter_reduce(0, index, features, "amin"), high.scatter_reduce(0, index, features, "amax")
    width = torch.where(atoms > 0, (high - low).clamp(min=smallest), 1.0)
    return {"mean": sums / atoms.clamp(min=1), "range": width}


def scaled(
    features: Float[Tensor, "atoms size"], kind: Int[Tensor, " atoms"], statistics: Tensors
) -> tuple[Float[Tensor, "atoms size"], Float[Tensor, "atoms size"]]:
    """Return x' of every atom, and 1/range, that takes a gradient by x' to one by x."""
    scale = 1 / statistics["range"][kind]
    return (features - statistics["mean"][kind]) * scale, scale


def apart(graph: Graph) -> Graph:
    """Return a graph to learn from; refuse two atoms at the same place."""
    if not graph.vector.any(dim=1).all():
        raise ValueError("two atoms of a structure lie at the same place: leave that structure out")
    return graph
