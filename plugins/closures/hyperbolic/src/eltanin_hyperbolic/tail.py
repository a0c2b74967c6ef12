"""What is learned: the last row of each chain's Jacobi matrix, as a function of the state.

    α = LARGEST N^(1/2) tanh(o(z)),    β = N exp(tanh(e(z) - e(0))),    z = 3 w/(1 + 9 w²)^(1/2),

with w the standardised moments but those that ρ, u and T tell, o odd and e even under reflection: o(z) is half of
the difference, and e(z) half of the sum, of a perceptron's answers for z and for its mirror image. So α = 0 and β = N
at equilibrium, reflection is exact, and β > 0 everywhere: the speeds are real and distinct.
"""

from __future__ import annotations

import torch
from torch import Tensor

from eltanin_gas.perceptron import Layers, network, random_layers

LARGEST = 0.7  # |α| over N^(1/2), the size of what stands beside it in the matrix
STEEP = 3.0  # moments of 1/3 are half-way to where inputs saturate


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


def learned(layers: Layers, standardised: Tensor) -> tuple[Tensor, Tensor]:
    """Return α and β (..., 2) of g's chain and of h's, of standardised moments (..., 2, N + 1)."""
    order = standardised.shape[-1] - 1
    z = seen(standardised)
    here, mirrored, nowhere = (network(layers, x) for x in (z, z * mirror(order).to(z), torch.zeros_like(z[:1])))
    odd, even = (here - mirrored)[..., :2] / 2, (here + mirrored)[..., 2:] / 2
    return LARGEST * order**0.5 * torch.tanh(odd), order * torch.exp(torch.tanh(even - nowhere[..., 2:]))


def first_layers(width: int, order: int, generator: torch.Generator) -> list[Tensor]:
    """Return random weights and biases of a perceptron (inputs, width, width, 4), one behind the other."""
    return random_layers([inputs(order), width, width, 4], generator)
