"""What normalises the environment matrix: standard deviations, and a number of neighbours.

The average is zero, so that R = 0 stays 0: an empty slot is nothing at all.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

SMALLEST = 1e-2  # the least standard deviation
UNKNOWN = 0.1  # of a species that the data do not have


def moments(rows: Float[Tensor, "4 pairs"], kind: Int[Tensor, " pairs"], species: int) -> Float[Tensor, "4 species"]:
    """Return the sums of R_0, R_0², and of R_a, R_a² averaged over x, y, z, for each species of the centre."""
    radial, angular = rows[:1], rows[1:]
    columns = [radial.mean(0), (radial**2).mean(0), angular.mean(0), (angular**2).mean(0)]
    return rows.new_zeros(4, species).index_add(1, kind, torch.stack(columns))


def deviations(
    sums: Float[Tensor, "4 species"], atoms: Float[Tensor, " species"], neighbours: float
) -> tuple[Float[Tensor, " species"], Float[Tensor, " species"]]:
    """Return the standard deviations of R_0 and of R_1, R_2, R_3 pooled, over all slots, filled or not."""
    mean = sums / (atoms * neighbours).clamp(min=1)
    radial, angular = ((mean[k + 1] - mean[k] ** 2).clamp(min=0).sqrt() for k in (0, 2))
    return tuple(torch.where(atoms > 0, s.clamp(min=SMALLEST), UNKNOWN) for s in (radial, angular))  # type: ignore[return-value]
