"""Characteristic speeds of six moments under a closure.

In the frame ρ = 1, u = 0, T = 1, with dm4 = c·dm + e·dk and dk2 = g·dm + h·dk, the speeds are the roots of

    P(λ) = (λ⁴ - c3 λ³ - c2 λ² - c1 λ - c0) (λ² - h1 λ - h0) - (e1 λ + e0) (g3 λ³ + g2 λ² + g1 λ + g0),

and anywhere else u + T^(1/2) λ.
"""

from __future__ import annotations

import torch
from torch import Tensor

SAMUELSON = 5.0  # n - 1 of n = 6 roots


def closing_rows(
    s: Tensor, a: Tensor, b: Tensor, values: tuple[Tensor, Tensor], slopes: tuple[Tensor, Tensor]
) -> tuple[Tensor, Tensor]:
    """Return dm4 and dk2 (..., 6) by (m0, m1, m2, m3, k0, k1) at ρ = 1, u = 0, T = 1.

    values: A and B (...).  slopes: their derivatives by (s, a, b), (..., 3).
    """
    m0, m1, m2, m3, k0, k1 = torch.eye(6, dtype=s.dtype, device=s.device)
    pressure = (m2 + 2 * k0) / 3
    temperature = pressure - m0
    s, a, b = s[..., None], a[..., None], b[..., None]
    of_flux = pressure + temperature / 2
    by = torch.broadcast_tensors(
        m2 - pressure - s * pressure,
        m3 - 3 * (1 + s) * m1 - a * of_flux,
        k1 - (1 - s / 2) * m1 - b * of_flux,
    )
    changes = torch.stack(by, dim=-2)
    weight = m0 + 2 * temperature
    m4 = values[0][..., None] * weight + (slopes[0][..., None] * changes).sum(-2) + 4 * a * m1
    k2 = values[1][..., None] * weight + (slopes[1][..., None] * changes).sum(-2) + 2 * b * m1
    return m4, k2


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
    return torch.stack(coefficients, dim=-1)


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
    return _inward(coefficients, mean - reach, mean, newton), _inward(coefficients, mean + reach, mean, newton)


def _inward(coefficients: Tensor, start: Tensor, mean: Tensor, newton: int) -> Tensor:
    at, side = start, torch.sign(start - mean)
    for _ in range(newton):
        value, slope = coefficients[..., 6], torch.zeros_like(at)
        for i in range(5, -1, -1):
            slope = slope * at + value
            value = value * at + coefficients[..., i]
        step = value / torch.where(slope == 0, torch.ones_like(slope), slope)
        within = (step * side > 0) & ((at - step - mean) * side > 0)
        at = torch.where(within, at - step, at)
    return at
