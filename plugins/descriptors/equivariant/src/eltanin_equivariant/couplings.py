"""Tensors of degree l, (2l + 1) components that turn by themselves, and what two of them make.

    (x ⊗ y)_l3,m3 = Σ_{m1 m2} C_{m1 m2 m3} x_{l1 m1} y_{l2 m2},    |l1 - l2| <= l3 <= l1 + l2

Harmonics are those of e3nn: real, Σ_m Y_lm² = 2l + 1 on the sphere. Tensors up to a degree lie one
behind the other, l from l² on. All have the parity (-1)^l of the harmonics, so that l1 + l2 + l3 is even.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import torch
from e3nn import o3
from jaxtyping import Float
from torch import Tensor


class Path(NamedTuple):
    """A way to a message: harmonics of degree `edge` and what a neighbour sends make a tensor of degree `made`."""

    edge: int
    sent: int
    made: int


def block(degree: int) -> slice:
    """Return where the components of a degree lie."""
    return slice(degree**2, (degree + 1) ** 2)


def paths(degree: int, sent: int) -> list[Path]:
    """Return all paths with harmonics and messages up to a degree, ordered by what is made."""
    found = [Path(a, b, c) for c in range(degree + 1) for b in range(sent + 1) for a in range(degree + 1)]
    return [p for p in found if abs(p.edge - p.sent) <= p.made <= p.edge + p.sent and sum(p) % 2 == 0]


@cache
def coupling(first: int, second: int, made: int) -> Float[Tensor, "first second made"]:
    """Return C in float64: components that are independent and have variance 1 make others that have."""
    return (2 * made + 1) ** 0.5 * o3.wigner_3j(first, second, made, dtype=torch.float64)


@cache
def _coupled(path: Path, dtype: torch.dtype, device: torch.device) -> Float[Tensor, "edge made*sent"]:
    c = coupling(*path).permute(0, 2, 1).flatten(1)
    return c.to(device, dtype)


def coupled(y: Float[Tensor, "atoms n all"], path: Path) -> Float[Tensor, "atoms n made sent"]:
    """Return what takes a message sent along every pair to the one that is made."""
    c = _coupled(path, y.dtype, y.device)
    return (y[..., block(path.edge)] @ c).unflatten(-1, (2 * path.made + 1, 2 * path.sent + 1))


def harmonics(unit: Float[Tensor, "pairs 3"], degree: int) -> Float[Tensor, "pairs all"]:
    """Return the harmonics of unit vectors up to a degree."""
    return o3.spherical_harmonics(list(range(degree + 1)), unit, normalize=False, normalization="component")


def slopes(
    unit: Float[Tensor, "pairs 3"], y: Float[Tensor, "pairs all"], inverse: Float[Tensor, " pairs"], degree: int
) -> Float[Tensor, "pairs 3 all"]:
    """Return dY(x/r)/dx, 1/Å, from the unit vectors, their harmonics and 1/r.

    S_l = r^l Y_l is a polynomial whose gradient is made of S_{l-1} alone, and along x it is l S_l:
    dY_l/dx = (∇S_l - l Y_l x/r) / r at r = 1.
    """
    parts = [torch.zeros_like(unit)[:, :, None]]
    for k in range(1, degree + 1):
        lower = _gradient(k).to(y.device, y.dtype)
        steep = (y[:, block(k - 1)] @ lower.flatten(1)).unflatten(1, lower.shape[1:])
        parts.append((steep - k * unit[:, :, None] * y[:, None, block(k)]) * inverse[:, None, None])
    return torch.cat(parts, dim=2)


@cache
def _gradient(k: int) -> Float[Tensor, "lower 3 degree"]:
    """Return the numbers that take S_{l-1} to ∇S_l: a coupling, up to a factor that x·∇S_l = l S_l gives."""
    c = coupling(k - 1, 1, k)
    pole = torch.tensor([[0.0, 1.0, 0.0]], dtype=torch.float64)
    y = harmonics(pole, k)[0]
    along = torch.einsum("a,axb,x->b", y[block(k - 1)], c, pole[0])
    return c * (k * (y[block(k)] @ y[block(k)]) / (along @ y[block(k)]))
