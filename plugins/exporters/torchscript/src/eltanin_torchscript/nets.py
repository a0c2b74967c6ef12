"""Nets in TorchScript, with the derivatives that a potential needs written out: nothing here asks for autograd.

y = tanh(x W + b) · idt, plus skip;   along:  ẏ = (1 - tanh²) (ẋ W) · idt, plus skip
"""

# Annotations stay types, not strings: TorchScript reads them.
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from eltanin_atoms.nets import with_skip, with_skip_back


class Layer(torch.nn.Module):
    """The layer of several nets. weight: (nets, in, out).  bias, idt: (nets, 1, out)."""

    weight: Tensor
    bias: Tensor
    idt: Tensor

    def __init__(self, weight: Any, bias: Any, idt: Any, dtype: torch.dtype) -> None:
        """Take arrays; without an idt there is no time step."""
        super().__init__()
        bias = np.asarray(bias)
        for name, a in (("weight", weight), ("bias", bias), ("idt", np.ones_like(bias) if idt is None else idt)):
            self.register_buffer(name, torch.tensor(np.asarray(a), dtype=dtype))

    def forward(self, net: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return weight, bias and idt of a net."""
        return self.weight[net], self.bias[net], self.idt[net]


def layers(nets: Mapping[str, Any], count: int, dtype: torch.dtype) -> torch.nn.ModuleList:
    """Return the hidden layers of stacked nets."""
    found = [Layer(nets[f"weight_{k}"], nets[f"bias_{k}"], nets.get(f"idt_{k}"), dtype) for k in range(count)]
    return torch.nn.ModuleList(found)


class Embedding(torch.nn.Module):
    """Nets of one number."""

    def __init__(self, nets: Mapping[str, Any], count: int, dtype: torch.dtype) -> None:
        """Take stacked nets."""
        super().__init__()
        self.hidden = layers(nets, count, dtype)

    def forward(self, net: int, q: Tensor) -> tuple[Tensor, Tensor]:
        """Return G and dG/dq, (n, width), of a net."""
        x = q[:, None]
        along = torch.ones_like(x)
        for layer in self.hidden:
            weight, bias, idt = layer(net)
            t = torch.tanh(torch.addmm(bias, x, weight))
            along = with_skip((1 - t * t) * (along @ weight) * idt, along)
            x = with_skip(t * idt, x)
        return x, along


class Fitting(torch.nn.Module):
    """Nets from features to an energy."""

    def __init__(self, nets: Sequence[Mapping[str, Any]], count: int, dtype: torch.dtype) -> None:
        """Take a net for each species."""
        super().__init__()
        stacked = {name: np.stack([np.asarray(net[name]) for net in nets]) for name in nets[0]}
        self.hidden = layers(stacked, count, dtype)
        self.downwards = torch.nn.ModuleList(reversed(self.hidden))  # TorchScript does not turn a list round
        self.last = Layer(stacked["weight_out"], stacked["bias_out"], None, dtype)

    def forward(self, net: int, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return E, (n,), and dE/dx, (n, size), of a net."""
        kept: list[Tensor] = []
        for layer in self.hidden:
            weight, bias, idt = layer(net)
            t = torch.tanh(torch.addmm(bias, x, weight))
            kept.append(t)
            x = with_skip(t * idt, x)
        weight, bias, idt = self.last(net)
        energy = torch.addmm(bias, x, weight)
        g = weight.t().expand(x.shape[0], -1)
        for layer in self.downwards:
            weight, bias, idt = layer(net)
            t = kept.pop()
            g = with_skip_back((g * idt * (1 - t * t)) @ weight.t(), g)
        return energy.squeeze(1), g
