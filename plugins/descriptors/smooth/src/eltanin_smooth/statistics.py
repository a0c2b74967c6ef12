"""What normalises the environment matrix: averages, standard deviations, and a number of neighbours.

The average is zero unless asked for: then R = 0 stays 0, and an empty place is nothing at all. But where
all neighbours are alike, as in a molecule, the mean of R_0 may then be twenty deviations away from zero,
and the nets that read it have no slope there to begin with; so it is kept within a few.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from eltanin_atoms.graphs import Graph, Part
from eltanin_atoms.nets import Tensors

SMALLEST = 1e-2  # the least standard deviation
FURTHEST = 2.0  # of the mean of R_0 from zero, where no average is taken off
UNKNOWN = 0.1  # of a species that the data do not have


class Sums(NamedTuple):
    """What a look at the data leaves, for each species of centre.

    moments: (4, species) sums of R_0, R_0², and of R_a, R_a² averaged over x, y, z.  atoms: (species,).
    nearest: (species,) largest R_0.  places: (species,) largest number of neighbours of each species.
    together: (1,) largest number of neighbours, at least 1.
    """

    moments: Float[Tensor, "4 species"]
    atoms: Float[Tensor, " species"]
    nearest: Float[Tensor, " species"]
    places: Float[Tensor, " species"]
    together: Float[Tensor, " 1"]

    def joined(self, other: Sums) -> Sums:
        """Join with what was seen elsewhere."""
        return Sums(
            moments=self.moments + other.moments,
            atoms=self.atoms + other.atoms,
            nearest=torch.maximum(self.nearest, other.nearest),
            places=torch.maximum(self.places, other.places),
            together=torch.maximum(self.together, other.together),
        )


def sums(seen: Iterable[tuple[Graph, Float[Tensor, "4 pairs"]]], species: int) -> Sums:
    """Return the sums over graphs and their R, which is not normalised."""
    none = torch.zeros(species, dtype=torch.float64)
    total = Sums(none.expand(4, -1), none, none, none, torch.ones(1, dtype=torch.float64))
    for graph, rows in seen:
        kind = graph.species[graph.centre]
        radial, angular = rows[:1], rows[1:]
        columns = torch.stack([radial.mean(0), (radial**2).mean(0), angular.mean(0), (angular**2).mean(0)])
        one = Sums(
            moments=rows.new_zeros(4, species).index_add(1, kind, columns),
            atoms=torch.bincount(graph.species, minlength=species).double(),
            nearest=rows.new_zeros(species).scatter_reduce(0, kind, rows[0], "amax"),
            places=crowds(graph.whole(), species).amax(0),
            together=graph.neighbours.amax(0, keepdim=True).double(),
        )
        total = total.joined(one)
    return total


def crowds(part: Part, species: int) -> Float[Tensor, "atoms species"]:
    """Return how many neighbours of each species every atom has."""
    key = part.centre * species + part.other
    return torch.bincount(key, minlength=len(part.species) * species).view(-1, species).double()


def normalisation(seen: Sums, neighbours: Float[Tensor, " 1"], average: bool) -> Tensors:
    """Return the average of R_0 or zero, and the standard deviations of R_0 and of R_1, R_2, R_3 pooled.

    All places count, filled or not; neighbours: places that an atom has.
    """
    mean = seen.moments / (seen.atoms * neighbours).clamp(min=1)
    known = seen.atoms > 0
    radial, angular = ((mean[k + 1] - mean[k] ** 2).clamp(min=0).sqrt().clamp(min=SMALLEST) for k in (0, 2))
    if not average:
        radial = torch.maximum(radial, mean[0] / FURTHEST)
    return {
        "average": mean[0] if average else torch.zeros_like(mean[0]),
        "radial": torch.where(known, radial, UNKNOWN),
        "angular": torch.where(known, angular, UNKNOWN),
    }


def reached(q: Float[Tensor, " pairs"]) -> float:
    """Return the largest of q = R_0, 0 if there is none."""
    if not q.isfinite().all():
        raise ValueError("two atoms of a structure lie at the same place: leave that structure out")
    return float(q.max()) if len(q) else 0.0
