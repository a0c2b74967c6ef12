"""Characteristic speeds of six moments under a closure.

In the frame ρ = 1, u = 0, T = 1, with dm4 = c·dm + e·dk and dk2 = g·dm + h·dk, the speeds are the roots of

    P(λ) = (λ⁴ - c3 λ³ - c2 λ² - c1 λ - c0) (λ² - h1 λ - h0) - (e1 λ + e0) (g3 λ³ + g2 λ² + g1 λ + g0),

and anywhere else u + T^(1/2) λ.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

SAMUELSON = 5.0  # n - 1 of n = 6 roots


def closing_rows(
    s: Tensor, a: Tensor, b: Tensor, values: tuple[Tensor, Tensor], slopes: tuple[Tensor, Tensor]
) -> tuple[Tensor, Tensor]:
    """Return dm4 and dk2 (..., 6) by (m0, m1, m2, m3, k0, k1) at ρ = 1, u = 0, T = 1.

    values: A and B (...).  slopes: their derivatives by (s, a, b), (..., 3).
    """
    return _row(s, a, b, values[0], slopes[0], 4 * a), _row(s, a, b, values[1], slopes[1], 2 * b)


def _row(s: Tensor, a: Tensor, b: Tensor, value: Tensor, slopes: Tensor, flow: Tensor) -> Tensor:
    """Return d(ρ T² X) + flow dm1 (..., 6) of X = A or B, by the chain rule.

    With p = (m2 + 2 k0)/3, dp - dρ = dT and d(p T^(1/2)) = (3 dp - dρ)/2:
    ds = dm2 - (1 + s) dp,  da = dm3 - 3 (1 + s) dm1 - a d(p T^(1/2)),  db = dk1 - (1 - s/2) dm1 - b d(p T^(1/2)).
    """
    by_s, by_a, by_b = slopes.unbind(-1)
    along = 1 + s
    of_scale = (by_a * a + by_b * b) / 2
    of_pressure = 2 * value - along * by_s - 3 * of_scale
    m1 = flow - 3 * along * by_a - (1 - s / 2) * by_b
    return _last(of_scale - value, m1, of_pressure / 3 + by_s, by_a, of_pressure * (2 / 3), by_b)


def _last(*columns: Tensor) -> Tensor:
    """Return columns (...) as (..., k), each of them in one piece of memory."""
    return torch.stack(torch.broadcast_tensors(*columns)).movedim(0, -1)


def polynomial(m4: Tensor, k2: Tensor) -> Tensor:
    """Return the coefficients (..., 7) of P, the constant first, of the two closing rows (..., 6)."""
    one = torch.ones_like(m4[..., 0])
    zero = torch.zeros_like(one)
    four = [-m4[..., i] for i in range(4)] + [one]
    two = [-k2[..., 4], -k2[..., 5], one]
    coefficients = [zero] * 7
    for i, x in enumerate(four):
        for j, y in enumerate(two):
            coefficients[i + j] = coefficients[i + j] + x * y
    for i in range(4):
        for j in range(2):
            coefficients[i + j] = coefficients[i + j] - k2[..., i] * m4[..., 4 + j]
    return _last(*coefficients)


def roots(coefficients: Tensor) -> Tensor:
    """Return the roots (..., 6), complex, of monic polynomials (..., 7)."""
    companion = torch.zeros(*coefficients.shape[:-1], 6, 6, dtype=coefficients.dtype, device=coefficients.device)
    companion[..., range(5), range(1, 6)] = 1.0
    companion[..., 5, :] = -coefficients[..., :6]
    return torch.linalg.eigvals(companion)


def bounds(coefficients: Tensor, newton: int = 4) -> tuple[Tensor, Tensor]:
    """Return numbers below and above all roots (...) of polynomials of degree 6 with real roots, without finding them.

    Real roots of mean μ and variance v lie within μ ± (5 v)^(1/2) (Laguerre 1880; Samuelson 1968). Newton's
    iteration from there falls towards the outermost root and never passes it.
    """
    mean = -coefficients[..., 5] / 6
    variance = (coefficients[..., 5] ** 2 - 2 * coefficients[..., 4]) / 6 - mean**2
    reach = (SAMUELSON * variance.clamp(min=1e-12)).sqrt()
    side = torch.tensor([-1.0, 1.0], dtype=mean.dtype, device=mean.device).view(2, *[1] * mean.ndim)
    slow, fast = _inward(coefficients.unbind(-1), mean + side * reach, side, mean, newton)
    return slow, fast


def _inward(coefficients: Sequence[Tensor], start: Tensor, side: Tensor, mean: Tensor, newton: int) -> Tensor:
    """Return Newton's iterates (2, ...) from both starts; side is -1 below and 1 above."""
    at = start
    for _ in range(newton):
        value, slope = at + coefficients[5], torch.ones_like(at)
        for coefficient in coefficients[4::-1]:
            slope = torch.addcmul(value, slope, at)
            value = torch.addcmul(coefficient, value, at)
        nearer = at - value / torch.where(slope == 0, 1.0, slope)
        within = ((at - nearer) * side > 0) & ((nearer - mean) * side > 0)
        at = torch.where(within, nearer, at)
    return at
