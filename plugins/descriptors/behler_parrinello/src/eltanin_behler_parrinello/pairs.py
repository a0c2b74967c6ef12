"""Gaussians of a distance, switched off at a cutoff: what all symmetry functions are made of.

h(r) = exp(-η (r - R)²) f(r)
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from eltanin_behler_parrinello.switch import Switch


def gaussians(
    r: Float[Tensor, " n"], etas: Sequence[float], centres: Sequence[float], switch: Switch, cutoff: float
) -> tuple[Float[Tensor, "k n"], Float[Tensor, "k n"]]:
    """Return h and dh/dr, a row for each η and R (1/Å², Å)."""
    eta, centre = (r.new_tensor(list(x))[:, None] for x in (etas, centres))
    away = r - centre
    bell = torch.exp(-eta * away**2)
    f, slope = switch(r, cutoff)
    return bell * f, bell * (slope - 2 * eta * away * f)
