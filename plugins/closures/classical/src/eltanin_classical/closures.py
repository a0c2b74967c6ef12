"""Closures of six moments that are written down rather than learned: A and B as functions of s, a, b."""

from __future__ import annotations

import torch
from torch import Tensor

from eltanin_gas.flows.mixtures import two_maxwellians

FASTEST = 12.0  # over T^(1/2)


def grad(s: Tensor, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Return A = 3 + 6 s, B = 1 + s/2: f is a Maxwellian times a polynomial of third degree (Grad 1949)."""
    del a, b
    return 3 + 6 * s, 1 + s / 2


def moderate_two_maxwellians(s: Tensor, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Return A and B of `two_maxwellians` in a shock's precursor, and of `grad` where there is no second gas.

    d = a - 3 b vanishes to first order in the gradients of a smooth flow (Chapman and Enskog) but not in a
    precursor, so the terms in d alone are kept, with d²/s held below FASTEST |d|:

        A = 3 + 6 s - (3/2) s² + (2/3) κ d²/N,    B = (1 - s/2)(1 + s),    N² = s² + (d/FASTEST)²

    with κ = 1.3: from 4/3 on the pair of speeds that the second gas brings is real in a precursor.
    """
    d = a - 3 * b
    size = torch.sqrt(s**2 + (d / FASTEST) ** 2 + 1e-30)
    return 3 + 6 * s - 1.5 * s**2 + (2.6 / 3) * d**2 / size, (1 - s / 2) * (1 + s)


CLOSURES = {"grad": grad, "two_maxwellians": two_maxwellians, "moderate": moderate_two_maxwellians}
