"""The exponential family of a gas in Chu's reduction: the distribution of least entropy that has given moments.

    H(g, h) = ∫ g log(g²/h) dv                                    (of the least lift to three velocities; convex)
    W_k = ∫ (a_k g + b_k h) dv,    of the feature a_k(v) + b_k(v) v_perp²/2

Of H - α·(∫ (a g + b h) dv - W) the derivatives by g and h at each v are

    log(g²/h) + 2 - α·a = 0,    -g/h - α·b = 0.

So with p = α·a (the 2 goes into the multiplier of 1) and β = -α·b > 0

    g = e^p/β,    h = g/β,

the reduction of f = e^(α·φ)/(2π): at each v a Gaussian across of the temperature 1/β(v). The multipliers minimise

    ψ(α) - α·W,    ψ(α) = ∫ g_α dv,

convex where β > 0 and without bound where β → 0. Its gradient is the moments of (g, h)_α less W, its Hessian

    ∫ [g a aᵀ + h (a bᵀ + b aᵀ) + 2 (h²/g) b bᵀ] dv,

with the determinant h² > 0 at each v. For f with the same moments the Kullback-Leibler divergence is the gap of
entropies, KL(f | f_α) = H(f) - H(f_α): f_α is the nearest of its family (Csiszár 1975).

On a grid of finitely many velocities every f > 0 has one such α if the features are independent: ψ - α·W is the sum
over v of e^p/β - p g + β h, each of which grows without bound in every direction. On the whole line that needs
features whose exponential is integrable: with a_k = O(|v|), b_k → 0 it is, since β > 0 far out means that the
multiplier of the energy is negative. Everything here is in reduced units: c = (v - u)/T^(1/2), ρ = T = 1.
"""

from __future__ import annotations

from math import log, pi
from typing import NamedTuple

import torch
from torch import Tensor

INVARIANTS = 3  # mass, momentum and energy: the first features of every family


class Features(NamedTuple):
    """Features on the velocities of cells: a and b, (cells, features, velocities)."""

    a: Tensor
    b: Tensor


def invariants(c: Tensor) -> Features:
    """Return the features of mass, momentum and energy, 1, c and (c² + c_perp²)/2, at velocities (cells, V)."""
    one, none = torch.ones_like(c), torch.zeros_like(c)
    return Features(torch.stack([one, c, c**2 / 2], dim=1), torch.stack([none, none, one], dim=1))


def with_invariants(c: Tensor, further: Features) -> Features:
    """Return the features of the invariants and, behind them, further ones."""
    first = invariants(c)
    return Features(torch.cat([first.a, further.a], dim=1), torch.cat([first.b, further.b], dim=1))


def equilibrium(cells: int, features: int, like: Tensor) -> Tensor:
    """Return the multipliers (cells, features) of the Maxwellian of ρ = T = 1, u = 0."""
    alpha = torch.zeros(cells, features, dtype=like.dtype, device=like.device)
    alpha[:, 0], alpha[:, 2] = -log(2 * pi) / 2, -1.0
    return alpha


def distribution(alpha: Tensor, features: Features) -> tuple[Tensor, Tensor, Tensor]:
    """Return g, h and β (cells, V) of multipliers (cells, features); they mean nothing where β <= 0."""
    p = (alpha[:, None] @ features.a)[:, 0]
    beta = -(alpha[:, None] @ features.b)[:, 0]
    g = torch.exp(p) / beta
    return g, g / beta, beta


def moments(g: Tensor, h: Tensor, features: Features, weight: Tensor) -> Tensor:
    """Return W (cells, features) of g and h (cells, V); weight (cells,) of a velocity."""
    found = (features.a @ g[:, :, None] + features.b @ h[:, :, None])[:, :, 0]
    return found * weight[:, None]


def hessian(g: Tensor, h: Tensor, beta: Tensor, features: Features, weight: Tensor) -> Tensor:
    """Return the Hessian of ψ, (cells, features, features); also the derivatives of W by α."""
    return derivatives(g, h, beta, features, features, weight)


def derivatives(g: Tensor, h: Tensor, beta: Tensor, of: Features, features: Features, weight: Tensor) -> Tensor:
    """Return the derivatives (cells, k, features) by α of the means of k functions."""
    by_g, by_h = (x[:, None] for x in (g, h))
    change_g = by_g * features.a + by_h * features.b
    change_h = by_h * features.a + 2 * by_h / beta[:, None] * features.b
    return (of.a @ change_g.mT + of.b @ change_h.mT) * weight[:, None, None]


def entropy(g: Tensor, h: Tensor, weight: Tensor) -> Tensor:
    """Return H (...) of g and h (..., V); velocities that nobody has (0 log 0) count as 0."""
    smallest = torch.finfo(g.dtype).tiny
    return (g * (2 * g.clamp(min=smallest).log() - h.clamp(min=smallest).log())).sum(-1) * weight
