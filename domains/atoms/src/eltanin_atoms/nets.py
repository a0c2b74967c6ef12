"""Residual nets of the Deep Potential family.

    y = tanh(x W + b) [· idt],  plus x where the widths agree, plus (x, x) where the width doubles

The time step idt stands on residual layers alone. A net is a dict of tensors, and a stack of nets
of one shape is the same dict with one more axis in front.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

Tensors = dict[str, Tensor]


@dataclass(frozen=True)
class Parameters:
    """What is learned: of the descriptor, and a fitting net for each species of centre."""

    descriptor: Tensors
    fitting: Sequence[Tensors]
    layers: int

    @property
    def tensors(self) -> list[Tensor]:
        """All of them, in a fixed order."""
        return [*self.descriptor.values(), *(t for net in self.fitting for t in net.values())]


def initial_net(widths: Sequence[int], timestep: bool, rng: np.random.Generator) -> Tensors:
    """Draw W ~ N(0, 1/(in + out)), b ~ N(0, 1), idt ~ N(0.1, 0.001²); widths: input and layers."""
    net: Tensors = {}
    for k, (n, m) in enumerate(pairwise(widths)):
        net[f"weight_{k}"] = torch.from_numpy(rng.normal(0, (n + m) ** -0.5, (n, m)))
        net[f"bias_{k}"] = torch.from_numpy(rng.normal(0, 1, (1, m)))
        if timestep and m in (n, 2 * n):
            net[f"idt_{k}"] = torch.from_numpy(rng.normal(0.1, 0.001, (1, m)))
    return net


def initial_fitting(
    size: int, widths: Sequence[int], timestep: bool, rng: np.random.Generator, outputs: int = 1
) -> Tensors:
    """Draw a fitting net: hidden layers with residuals, then a linear one to one number, or to several."""
    net = initial_net([size, *widths], timestep, rng)
    net["weight_out"] = torch.from_numpy(rng.normal(0, (widths[-1] + outputs) ** -0.5, (widths[-1], outputs)))
    net["bias_out"] = torch.from_numpy(rng.normal(0, 1, (1, outputs)))
    return net


def stacked(nets: Sequence[Tensors]) -> Tensors:
    """Stack nets of one shape."""
    return {name: torch.stack([net[name] for net in nets]) for name in nets[0]}


def residual_net(net: Tensors, x: Tensor, layers: int) -> Tensor:
    """Evaluate a net on x, (n, in), or a stack of nets on a stack of x, (nets, n, in)."""
    affine = torch.addmm if x.ndim == 2 else torch.baddbmm
    for k in range(layers):
        y = torch.tanh(affine(net[f"bias_{k}"], x, net[f"weight_{k}"]))
        idt = net.get(f"idt_{k}")
        x = with_skip(y if idt is None else y * idt, x)
    return x


def with_skip(y: Tensor, x: Tensor) -> Tensor:
    """Return y, plus x where the widths agree, plus (x, x) where the width doubles."""
    if y.shape[-1] == x.shape[-1]:
        return y + x
    return y + torch.cat([x, x], dim=-1) if y.shape[-1] == 2 * x.shape[-1] else y


def with_skip_back(g: Tensor, gradient: Tensor) -> Tensor:
    """Return dE/dx from its part through the layer, g, and from dE/dy of `with_skip`."""
    width = g.shape[-1]
    if gradient.shape[-1] == width:
        return g + gradient
    if gradient.shape[-1] == 2 * width:
        return g + gradient[..., :width] + gradient[..., width:]
    return g
