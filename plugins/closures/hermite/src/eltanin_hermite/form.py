"""The form of the learned closure: what holds whatever has been learned.

    d = a - 3 b,   n² = s² + (2 b)² + (d/8)²,   N⁸ = s⁸ + (b/3)⁸ + (d/R)⁸,   P = (s + N)/(2 N²),
    A = 3 + 6 s - (3/2) s² + (2/3) P (d² + 6 b d + 3 b²) + (w0 d² + w1 b d)/n + n w2,
    B = (1 - s/2)(1 + s)   + (2/3) P (b d + b²)          +  w3 b d/n         + n w4,

with five functions w of s, n and the direction (s : b : d) in which the state lies from equilibrium, all even in
(a, b). With w = 0 these are two Maxwellians (Mott-Smith) wherever P = 1/s: in compression, up to a second gas as
fast as R T^(1/2). BGK shocks from Mach 1.5 to 5.5 follow them within 2 %: in their precursor A - 3 = (2/3) a²/s, and
a/s is the speed of the fast gas from behind, beyond every bound as Mach grows. No function that is smooth at
equilibrium has that. d vanishes in a smooth flow to first order (Q = 3 K: Chapman and Enskog), and marks the
precursor. So what is learned is the small rest, and where it was not learned two Maxwellians remain.

Held above the bound of Hankel's determinants, A >= (1 + s)² + a²/(1 + s) and B >= b²/(1 - s/2), by `raised`.
A = 3, B = 1 at equilibrium, where A and B are smooth on the scale NEAR: exact limits of Euler and Navier-Stokes.
A and B depend on invariants alone: exact under boosts and scaling; even in (a, b): exact under reflection.
"""

from __future__ import annotations

import torch
from torch import Tensor

from eltanin_gas.perceptron import Layers, network

INPUTS, OUTPUTS = 7, 5
REACH = 45.0  # R, the speed over T^(1/2) up to which a second gas is seen as one
STEEP = 8  # the power with which it ceases
NEAR = 1e-4  # distance from equilibrium below which A and B are smooth, and waves linear
LEAST = 0.2  # margin below which it is bent to stay positive


def features(s: Tensor, b: Tensor, d: Tensor) -> tuple[Tensor, Tensor]:
    """Return the features (..., 7), bounded and even in (b, d), and n (...), the distance from equilibrium."""
    size = torch.sqrt(s**2 + 4 * b**2 + (d / 8) ** 2 + NEAR**2)
    x, y, z = s / size, 2 * b / size, d / (8 * size)
    n = size - NEAR
    return torch.stack([x, y**2, y * z, z**2, torch.log(n + 0.01) / 2, s, d**2 / (1 + d**2)], dim=-1), n


def raised(margin: Tensor) -> Tensor:
    """Return the margin where it is above LEAST, and something positive, with one derivative, where it is not."""
    return torch.where(margin > LEAST, margin, LEAST**2 / (2 * LEAST - margin.clamp(max=LEAST)))


def compression(s: Tensor, b: Tensor, d: Tensor) -> Tensor:
    """Return P (...): 1/s in compression, bounded, and nothing in expansion."""
    size = (s**STEEP + (b / 3) ** STEEP + (d / REACH) ** STEEP + NEAR**STEEP) ** (1 / STEEP)
    return (s + size) / (2 * size**2)


def learned(layers: Layers, s: Tensor, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Return A and B (...) of reduced stress and fluxes (...)."""
    d = a - 3 * b
    x, n = features(s, b, d)
    w = network(layers, x).unbind(-1)
    p = compression(s, b, d) / 1.5
    above_a = 3 + 6 * s - 1.5 * s**2 + p * (d**2 + 6 * b * d + 3 * b**2)
    above_a = above_a + (w[0] * d**2 + w[1] * b * d) / (n + NEAR) + n * w[2]
    above_b = (1 - s / 2) * (1 + s) + p * b * (d + b) + w[3] * b * d / (n + NEAR) + n * w[4]
    along, across = (1 + s).clamp(min=1e-3), (1 - s / 2).clamp(min=1e-3)
    least_a, least_b = along**2 + a**2 / along, b**2 / across
    return least_a + raised(above_a - least_a), least_b + raised(above_b - least_b)
