"""The features whose means are the learned moments: functions of c = (v - u)/T^(1/2), each even or odd.

    a_k(c) = s_k(ĉ) + (1 + c²)^(1/2) n_k(c),    b_k(c) = [t_k(ĉ) + m_k(c)]/(1 + c²/R²),    ĉ = c/(1 + c²/R²)^(1/2)

with n and m the outputs of a perceptron (tanh) of even functions of c, times the odd c/(1 + c²)^(1/2) where the
feature is odd. s and t begin as Hermite's: ĉ², ĉ⁴, … even and (ĉ³ | ĉ across), (ĉ⁵ | ĉ³ across), … odd. Features
that are even or odd are those of a reflected gas up to sign: the closure is exact under reflection. a grows
like |c| at most and b vanishes far out, so that least entropy has a solution on the whole line (`family.py`).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from eltanin_gas.perceptron import Layers, network, random_layers
from eltanin_learned_moments.family import Features

REACH = 4.0  # R, in thermal speeds: as far as the features begin as Hermite's
INPUTS = 3

FeatureMap = Callable[[Tensor], Features]  # of velocities c (cells, V)


def hermite(even: int, odd: int) -> FeatureMap:
    """Return the map to c², c⁴, … and (c³ | c across), (c⁵ | c³ across), …: Hermite's moments, without bound.

    One even and two odd ones make six moments with the invariants: m0 … m3, k0, k1.
    """
    return lambda c: _stack(*_powers(c, even, odd))


def bounded(even: int, odd: int) -> FeatureMap:
    """Return the map to features that begin as Hermite's and are bounded: the learned ones before they learn."""

    def at(c: Tensor) -> Features:
        fall = 1 + (c / REACH) ** 2
        a, b = _stack(*_powers(c / fall.sqrt(), even, odd))
        return Features(a, b / fall[:, None])

    return at


def learned(layers: Layers, even: int, odd: int) -> FeatureMap:
    """Return the map to the features of a perceptron, which has 2 (even + odd) outputs."""
    begin, count = bounded(even, odd), even + odd

    def at(c: Tensor) -> Features:
        a, b = begin(c)
        square = c**2
        x = torch.stack([square / (1 + square), square / (REACH**2 + square), torch.log1p(square) / 4], dim=-1)
        out = network(layers, x).movedim(-1, 1)  # (cells, 2 (even + odd), V)
        grown = torch.sqrt(1 + square)[:, None]
        sign = torch.cat([torch.ones_like(out[:, :even]), (c[:, None] / grown).expand(-1, odd, -1)], dim=1)
        return Features(a + sign * grown * out[:, :count], b + sign * out[:, count:] / (1 + square / REACH**2)[:, None])

    return at


def first_layers(width: int, features: int, generator: torch.Generator, last: float = 0.1) -> list[Tensor]:
    """Return weights and biases of a perceptron (3, width, width, 2 features), one behind the other.

    last: size of the last layer's weights, by which the features first differ from bounded Hermite ones.
    """
    return random_layers([INPUTS, width, width, 2 * features], generator, last, inner=2.0, biased=True)


def _powers(c: Tensor, even: int, odd: int) -> tuple[list[Tensor], list[Tensor]]:
    """Return a and b of so many even and odd polynomials of c."""
    none = torch.zeros_like(c)
    a = [c ** (2 + 2 * k) for k in range(even)]
    b = [none] * even
    for k in range(odd):
        power = c ** (1 + 2 * (k // 2))
        a, b = [*a, none if k % 2 else power * c**2], [*b, power if k % 2 else none]
    return a, b


def _stack(a: list[Tensor], b: list[Tensor]) -> Features:
    return Features(torch.stack(a, dim=1), torch.stack(b, dim=1))
