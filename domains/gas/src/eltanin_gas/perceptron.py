"""Small perceptrons, as lists of weights and biases: what closures learn with."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor

from eltanin.protocols import Rng

Layers = Sequence[tuple[Tensor, Tensor]]  # weight (out, in) and bias (out,) of each layer


def network(layers: Layers, x: Tensor) -> Tensor:
    """Return a perceptron's answers (..., out) to x (..., in), with tanh between its layers."""
    for weight, bias in layers[:-1]:
        x = torch.tanh(x @ weight.T + bias)
    weight, bias = layers[-1]
    return x @ weight.T + bias


def random_layers(
    sizes: Sequence[int], generator: torch.Generator, last: float = 0.1, inner: float = 1.0, biased: bool = False
) -> list[Tensor]:
    """Return weights and biases of layers between so many neurons, one behind the other.

    last, inner: size of the weights of the last layer and of those before it, over fan_in^(-1/2).
    biased: begin with biases of the order of 1, but for the last layer, instead of none.
    """
    found: list[Tensor] = []
    for i, (fan_in, fan_out) in enumerate(pairwise(sizes)):
        final = i == len(sizes) - 2
        scale = (last if final else inner) * fan_in**-0.5
        found += [scale * torch.randn(fan_out, fan_in, generator=generator, dtype=torch.float64)]
        bias = torch.zeros(fan_out, dtype=torch.float64)
        found += [bias.normal_(generator=generator) if biased and not final else bias]
    return found


def layers_of(flat: Sequence[Tensor]) -> Layers:
    """Return the layers of weights and biases one behind the other."""
    return list(zip(flat[::2], flat[1::2], strict=True))


def seeded(rng: Rng) -> torch.Generator:
    """Return a generator for torch that rng seeds."""
    return torch.Generator().manual_seed(int(rng.integers(2**62)))
