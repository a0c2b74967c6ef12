"""What is learned: the last row of each chain's Jacobi matrix, as a function of the state.

    α = LARGEST N^(1/2) tanh(o(z)),    β = N exp(tanh(e(z) - e(0))),    z = 3 w/(1 + 9 w²)^(1/2),

with w the standardised moments but those that ρ, u and T tell, o odd and e even under reflection: o(z) is half of
the difference, and e(z) half of the sum, of a perceptron's answers for z and for its mirror image. So α = 0 and β = N
at equilibrium, reflection is exact, and β > 0 everywhere: the speeds are real and distinct.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor

LARGEST = 0.7  # |α| over N^(1/2), the size of what stands beside it in the matrix
STEEP = 3.0  # moments of 1/3 are half-way to where inputs saturate

Layers = Sequence[tuple[Tensor, Tensor]]  # weight (out, in) and bias (out,) of each layer


def inputs(order: int) -> int:
    """Return how many standardised moments ρ, u and T do not tell."""
    return 2 * order - 1


def seen(standardised: Tensor) -> Tensor:
    """Return z (..., inputs), bounded, of standardised moments (..., 2, N + 1); 0 at equilibrium."""
    w = torch.cat([standardised[..., 0, 2:], standardised[..., 1, 1:]], dim=-1)
    return STEEP * w / (1 + (STEEP * w).square()).sqrt()


def mirror(order: int) -> Tensor:
    """Return the sign (inputs,) of each of z under reflection."""
    degrees = [*range(2, order + 1), *range(1, order + 1)]
    return torch.tensor([(-1.0) ** j for j in degrees], dtype=torch.float64)


def network(layers: Layers, z: Tensor) -> Tensor:
    """Return a perceptron's answers (..., 4) with tanh between its layers."""
    for weight, bias in layers[:-1]:
        z = torch.tanh(z @ weight.T + bias)
    weight, bias = layers[-1]
    return z @ weight.T + bias


def learned(layers: Layers, standardised: Tensor) -> tuple[Tensor, Tensor]:
    """Return α and β (..., 2) of g's chain and of h's, of standardised moments (..., 2, N + 1)."""
    order = standardised.shape[-1] - 1
    z = seen(standardised)
    here, mirrored, nowhere = (network(layers, x) for x in (z, z * mirror(order).to(z), torch.zeros_like(z[:1])))
    odd, even = (here - mirrored)[..., :2] / 2, (here + mirrored)[..., 2:] / 2
    return LARGEST * order**0.5 * torch.tanh(odd), order * torch.exp(torch.tanh(even - nowhere[..., 2:]))


def first_layers(width: int, order: int, generator: torch.Generator) -> list[Tensor]:
    """Return random weights and biases of a perceptron (inputs, width, width, 4), one behind the other."""
    sizes = [inputs(order), width, width, 4]
    found: list[Tensor] = []
    for i, (fan_in, fan_out) in enumerate(pairwise(sizes)):
        scale = (0.1 if i == 2 else 1.0) * fan_in**-0.5
        found += [scale * torch.randn(fan_out, fan_in, generator=generator, dtype=torch.float64)]
        found += [torch.zeros(fan_out, dtype=torch.float64)]
    return found


def layers_of(flat: Sequence[Tensor]) -> Layers:
    """Return the layers of weights and biases one behind the other."""
    return list(zip(flat[::2], flat[1::2], strict=True))
