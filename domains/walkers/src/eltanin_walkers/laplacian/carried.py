"""A value that carries its first and second derivatives: the forward Laplacian.

Instead of the K rows of a Hessian, only its trace is carried through the net
(Li et al., Nat. Mach. Intell. 6, 209 (2024)): for coordinates r_1 … r_K and an intermediate f,

    value f,   jacobian J_k = df/dr_k,   laplacian L = Σ_k d²f/dr_k².

A net that is written with the functions of `eltanin_walkers.laplacian` takes plain tensors and carried ones alike.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Carried:
    """value: (...).  jacobian: (K, ...).  laplacian: (...)."""

    value: Tensor
    jacobian: Tensor
    laplacian: Tensor

    @property
    def shape(self) -> torch.Size:
        """That of the value."""
        return self.value.shape

    def __add__(self, other: Value) -> Carried:
        """Return the sum, with a constant or another carried value."""
        if isinstance(other, Carried):
            both = (self.value + other.value, self.jacobian + other.jacobian, self.laplacian + other.laplacian)
            return Carried(*both)
        value = self.value + other  # a constant may have longer axes
        jacobian = self.jacobian.expand(len(self.jacobian), *value.shape)
        return Carried(value, jacobian, self.laplacian.expand(value.shape))

    def __mul__(self, other: Value | float) -> Carried:
        """Return the product: L = a L_b + b L_a + 2 Σ_k J_a J_b."""
        if isinstance(other, Carried):
            return bilinear(torch.mul, self, other)
        return Carried(self.value * other, self.jacobian * other, self.laplacian * other)

    def __neg__(self) -> Carried:
        """Return the negative."""
        return Carried(-self.value, -self.jacobian, -self.laplacian)

    def __sub__(self, other: Value) -> Carried:
        """Return the difference."""
        return self + (-other)

    __radd__ = __add__
    __rmul__ = __mul__


Value = Tensor | Carried


def carry(x: Tensor) -> Carried:
    """Return coordinates (n, particles, dimensions) that carry their derivatives by themselves."""
    own = torch.eye(x[0].numel(), dtype=x.dtype, device=x.device).reshape(-1, 1, *x.shape[1:])
    return Carried(x, own.expand(-1, *x.shape), torch.zeros_like(x))


def linear(f: Callable[[Tensor], Tensor], x: Value) -> Value:
    """Return f(x) of a linear map f that counts its axes from the last: sums, products with weights, indexing."""
    if isinstance(x, Tensor):
        return f(x)
    return Carried(f(x.value), f(x.jacobian), f(x.laplacian))


def bilinear(f: Callable[[Tensor, Tensor], Tensor], a: Carried, b: Carried) -> Carried:
    """Return f(a, b) of a map that is linear in each: products, matrix products."""
    crossed = 2 * f(a.jacobian, b.jacobian).sum(0)
    jacobian = f(a.jacobian, b.value) + f(a.value, b.jacobian)
    return Carried(f(a.value, b.value), jacobian, f(a.laplacian, b.value) + f(a.value, b.laplacian) + crossed)


def elementwise(x: Carried, f: Tensor, slope: Tensor, curvature: Tensor) -> Carried:
    """Return f(x) from f, f' and f'' at x: L = f' L + f'' Σ_k J_k²."""
    return Carried(f, slope * x.jacobian, slope * x.laplacian + curvature * (x.jacobian**2).sum(0))
