"""What every electronic wave function has in common: cusps, and features that are smooth where particles meet.

Kato (Comm. Pure Appl. Math. 10, 151 (1957)): where an electron meets a nucleus, d log ψ/dr = -Z; where electrons of
opposite spin meet it is 1/2, and 1/4 for equal spin beside the node. All of these slopes are in two explicit factors,
and whatever a net adds is smooth at r = 0: it reads vectors and √(1 + r²), never r.
"""

from __future__ import annotations

import torch
from torch import Tensor

from eltanin_walkers import laplacian as lap
from eltanin_walkers.laplacian import Value

SLOPES = (0.25, 0.5)  # of equal and of opposite spins


def softened(r2: Value, length: Tensor | float) -> Value:
    """Return √(r² + a²) - a of r²: smooth at 0, and r - a far away."""
    a = torch.as_tensor(length, dtype=torch.float64)
    return lap.sqrt(r2 + a * a) + -a


def features(displacement: Value) -> Value:
    """Return v / √(1 + v²) and log √(1 + v²) (..., 4) of displacements v (..., 3): bounded, and logarithmic."""
    square = lap.linear(lambda t: t[..., None], lap.square_norm(displacement)) + torch.ones((), dtype=torch.float64)
    return lap.concatenate([displacement * lap.power(square, -0.5), lap.log(square) * 0.5])


def nuclear_cusps(x: Value, charges: Tensor, nuclei: Tensor) -> Value:
    """Return -Σ Z_A (r_iA - √(r_iA² + a²) + a) (n,), a = 1/Z_A: the slope -Z at 0, and a constant far away."""
    from_nuclei = lap.linear(lambda t: t[..., None, :], lap.own(x)) - nuclei
    distance = lap.norm(from_nuclei)
    each = distance * -charges + softened(distance * distance, 1 / charges) * charges
    return lap.total_of_own(lap.sum_last(each))


def electron_cusps(x: Value, spins: tuple[int, int], lengths: Tensor) -> Value:
    """Return -Σ c b² / (b + r_ij) (n,) with slope c at 0; lengths b: (2,) bohr, for equal and for opposite spins."""
    number = sum(spins)
    first, second = torch.triu_indices(number, number, 1)
    opposite = ((first < spins[0]) & (second >= spins[0])).long()
    slope, length = torch.tensor(SLOPES, dtype=torch.float64)[opposite], lengths[opposite]
    distance = lap.norm(lap.pairs(x, first, second))
    each = lap.power(distance + length, -1.0) * (-slope * length**2)
    return lap.total_of_pairs(each, first, second, number)
