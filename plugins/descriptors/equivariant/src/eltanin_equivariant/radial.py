"""Distances as numbers: Bessel functions that an envelope takes to zero at the cutoff.

    b_n(r) = sqrt(2/c) sin(n π r/c) / r · f(r/c),    n = 1, 2, ...
    f(x) = 1 - (p+1)(p+2)/2 x^p + p(p+2) x^(p+1) - p(p+1)/2 x^(p+2)      for x < 1, else 0

f goes to zero with two derivatives, and the sine with the first power: so b_n vanishes with three.
J. Gasteiger, J. Groß, S. Günnemann, Directional message passing for molecular graphs (2020), eqs. 7, 8.
"""

from __future__ import annotations

from math import pi

import torch
from jaxtyping import Float
from torch import Tensor

POWER = 5  # p


def envelope(x: Float[Tensor, " pairs"], p: int = POWER) -> tuple[Tensor, Tensor]:
    """Return f and df/dx."""
    x = x.clamp(max=1.0)
    a, b, c = (p + 1) * (p + 2) / 2, p * (p + 2), p * (p + 1) / 2
    value = 1 - x**p * (a - b * x + c * x**2)
    slope = -(p * (p + 1) * (p + 2) / 2) * x ** (p - 1) * (1 - x) ** 2
    return torch.where(x < 1, value, 0.0), slope


def bessel(r: Float[Tensor, " pairs"], cutoff: float, functions: int) -> tuple[Tensor, Tensor]:
    """Return b_n and db_n/dr, (pairs, functions) both; r and cutoff in Å, b in Å^(-3/2)."""
    k = torch.arange(1, functions + 1, dtype=r.dtype, device=r.device) * (pi / cutoff)
    f, df = envelope(r / cutoff)
    f, df, r = f[:, None], df[:, None] / cutoff, r[:, None]
    wave = (2 / cutoff) ** 0.5 * torch.sin(k * r) / r
    slope = (2 / cutoff) ** 0.5 * k * torch.cos(k * r) / r - wave / r
    return wave * f, slope * f + wave * df
