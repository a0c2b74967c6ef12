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
FEATURES = 4  # of a displacement


def softened(r2: Value, length: Tensor | float) -> Value:
    """Return √(r² + a²) - a of r²: smooth at 0, and r - a far away."""
    a = torch.as_tensor(length, dtype=torch.float64)
    return lap.sqrt(r2 + a * a) + -a


def features(displacement: Value) -> Value:
    """Return v / √(1 + v²) and log √(1 + v²) (..., 4) of displacements v (..., 3): bounded, and logarithmic."""
    square = lap.linear(lambda t: t[..., None], lap.square_norm(displacement)) + torch.ones((), dtype=torch.float64)
    return lap.concatenate([displacement * lap.power(square, -0.5), lap.log(square) * 0.5])


def nuclear_cusp(x: Value, charges: Tensor, nuclei: Tensor, lengths: Tensor) -> Value:
    """Return -Σ_A Z_A (r_iA - √(r_iA² + a_A²) + a_A) (n, N), lengths a: the slope -Z at 0, and a constant far away."""
    from_nuclei = lap.linear(lambda t: t[..., None, :], lap.own(x)) - nuclei
    distance = lap.norm(from_nuclei)
    each = distance * -charges + softened(distance * distance, lengths) * charges
    return lap.sum_last(each)


def nuclear_cusps(x: Value, charges: Tensor, nuclei: Tensor, lengths: Tensor) -> Value:
    """Return the sum of `nuclear_cusp` over electrons (n,)."""
    return lap.total_of_own(nuclear_cusp(x, charges, nuclei, lengths))


def electron_cusps(x: Value, spins: tuple[int, int], lengths: Tensor) -> Value:
    """Return -Σ c b² / (b + r_ij) (n,) with slope c at 0; lengths b: (2,) bohr, for equal and for opposite spins."""
    number = sum(spins)
    first, second = torch.triu_indices(number, number, 1)
    kind = opposite(spins)
    slope, length = torch.tensor(SLOPES, dtype=torch.float64)[kind], lengths[kind]
    distance = lap.norm(lap.pairs(x, first, second))
    each = lap.power(distance + length, -1.0) * (-slope * length**2)
    return lap.total_of_pairs(each, first, second, number)


def opposite(spins: tuple[int, int]) -> Tensor:
    """Return for each pair i < j of electrons, those of spin up first, 1 where their spins differ and 0 elsewhere."""
    number = sum(spins)
    first, second = torch.triu_indices(number, number, 1)
    return ((first < spins[0]) & (second >= spins[0])).long()


def placed(own: Value, rows: slice, electrons: int) -> Value:
    """Return functions (n, some electrons, f) of each one's own place, with derivatives by all coordinates.

    rows: which of all electrons these are.
    """
    if isinstance(own, Tensor):
        return own
    spread = lap.spread(own)
    assert isinstance(spread, lap.Carried)
    d = len(own.jacobian)
    jacobian = spread.jacobian.new_zeros((d * electrons, *spread.jacobian.shape[1:]))
    jacobian[d * rows.start : d * rows.stop] = spread.jacobian
    return lap.Carried(spread.value, jacobian, spread.laplacian)
