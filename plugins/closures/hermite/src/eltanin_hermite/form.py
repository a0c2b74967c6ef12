"""The form of the learned closure: what holds whatever has been learned.

    d = a - 3 b,   n² = s² + b² + (d/R)²,   N² = s² + (d/R)² + (b/4)²,
    A = 3 + 6 s - (3/2) s² + (2/3)(1 + w0) d²/N + 2 (1 + w1) b d/N + n w2,
    B = (1 - s/2)(1 + s) + (2/3)(1 + w3) b d/N + n w4,

with five functions w of s, n and the direction (s : b : d) in which the state lies from equilibrium, all even in
(a, b). With w0 = w3 = 0, w1 = 1, n w2 = 2 b²/s, n w4 = (2/3) b²/s and R → ∞ these are two Maxwellians
(Mott-Smith), which BGK shocks from Mach 1.5 to 5.5 follow within 2 %: in their precursor A - 3 = (2/3) a²/s, and
a/s is the speed of the fast gas from behind, beyond every bound as Mach grows. No function that is smooth at
equilibrium has that. d vanishes in a smooth flow to first order (Q = 3 K: Chapman and Enskog), and marks the precursor.

Held above the bound of Hankel's determinants, A >= (1 + s)² + a²/(1 + s) and B >= b²/(1 - s/2), by `raised`.
A = 3, B = 1 at equilibrium: exact limits of Euler and Navier-Stokes. A and B depend on invariants alone: exact
under boosts and scaling; even in (a, b): exact under reflection.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

INPUTS, OUTPUTS = 7, 5
REACH = 30.0  # R, the speed over T^(1/2) up to which a second gas is seen as one
LEAST = 0.2  # margin below which it is bent to stay positive
TINY = 1e-14  # of the squares under the roots, so that derivatives at equilibrium are finite

Layers = Sequence[tuple[Tensor, Tensor]]  # weight (out, in) and bias (out,) of each layer


def features(s: Tensor, b: Tensor, d: Tensor) -> tuple[Tensor, Tensor]:
    """Return the features (..., 7), bounded and even in (b, d), and n (...)."""
    size = torch.sqrt(s**2 + b**2 + (d / REACH) ** 2 + TINY)
    n = size - TINY**0.5
    direction = [s / size, (b / size) ** 2, b * d / (size**2 * REACH), (d / (size * REACH)) ** 2]
    return torch.stack([*direction, torch.log(n + 0.01) / 2, s, d**2 / (1 + d**2)], dim=-1), n


def network(layers: Layers, x: Tensor) -> Tensor:
    """Return a perceptron's answers (..., out) with tanh between its layers."""
    for weight, bias in layers[:-1]:
        x = torch.tanh(x @ weight.T + bias)
    weight, bias = layers[-1]
    return x @ weight.T + bias


def raised(margin: Tensor) -> Tensor:
    """Return the margin where it is above LEAST, and something positive, with one derivative, where it is not."""
    return torch.where(margin > LEAST, margin, LEAST**2 / (2 * LEAST - margin.clamp(max=LEAST)))


def learned(layers: Layers, s: Tensor, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Return A and B (...) of reduced stress and fluxes (...)."""
    d = a - 3 * b
    x, n = features(s, b, d)
    w = network(layers, x).unbind(-1)
    size = torch.sqrt(s**2 + (d / REACH) ** 2 + (b / 4) ** 2 + TINY)
    above_a = 3 + 6 * s - 1.5 * s**2 + 2 / 3 * (1 + w[0]) * d**2 / size + 2 * (1 + w[1]) * b * d / size + n * w[2]
    above_b = (1 - s / 2) * (1 + s) + 2 / 3 * (1 + w[3]) * b * d / size + n * w[4]
    along, across = (1 + s).clamp(min=1e-3), (1 - s / 2).clamp(min=1e-3)
    least_a, least_b = along**2 + a**2 / along, b**2 / across
    return least_a + raised(above_a - least_a), least_b + raised(above_b - least_b)
