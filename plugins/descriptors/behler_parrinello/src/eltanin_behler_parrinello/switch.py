"""Functions that go to zero at a cutoff r_c, and their derivative; u = r/r_c.

polynomial:  f = u³(-6u² + 15u - 10) + 1      twice continuously differentiable
cosine:      f = (cos πu + 1) / 2             once
"""

from __future__ import annotations

from collections.abc import Callable
from math import pi

import torch
from torch import Tensor

Switch = Callable[[Tensor, float], tuple[Tensor, Tensor]]


def polynomial(r: Tensor, cutoff: float) -> tuple[Tensor, Tensor]:
    """Return f and df/dr."""
    u = (r / cutoff).clamp(max=1)
    return u**3 * (-6 * u**2 + 15 * u - 10) + 1, -30 * (u * (1 - u)) ** 2 / cutoff


def cosine(r: Tensor, cutoff: float) -> tuple[Tensor, Tensor]:
    """Return f and df/dr."""
    u = (r / cutoff).clamp(max=1) * pi
    return (torch.cos(u) + 1) / 2, torch.sin(u) * (-pi / (2 * cutoff))


SWITCHES: dict[str, Switch] = {"polynomial": polynomial, "cosine": cosine}
