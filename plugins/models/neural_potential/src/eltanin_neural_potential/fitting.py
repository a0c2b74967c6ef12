"""Fitting nets: the energy of an atom and its gradient, ready to be differentiated once more.

    layer:     t = tanh(x W + b),   y = t · idt + skip(x);      out:  E = y w + c
    gradient:  δ = dE/dy · idt · (1 - t²),   dE/dx = δ Wᵀ + skipᵀ(dE/dy)

A loss on forces asks for the derivative of S = Σ μ E + ⟨dE/dx, ẋ⟩ with given μ and ẋ. The second
term is the change Ė of the energy along ẋ, and the adjoint of ẏ in it is dE/dy. So one pass along
ẋ and one pass back suffice:

    along:     ż = ẋ W,   ẏ = ż · (1 - t²) · idt + skip(ẋ)
    back:      z̄ = ȳ · idt · (1 - t²) - 2 t δ ż,   x̄ = z̄ Wᵀ + skipᵀ(ȳ)
               W̄ = xᵀ z̄ + ẋᵀ δ,   b̄ = Σ z̄,   idt̄ = Σ ȳ t + dE/dy · ż (1 - t²)
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from eltanin_atoms.nets import Tensors, with_skip, with_skip_back

through_tanh = torch.ops.aten.tanh_backward  # (g, t) to g (1 - t²)


class Layer(NamedTuple):
    """A hidden layer, and what an evaluation leaves of it."""

    weight: Tensor
    bias: Tensor
    idt: Tensor | None
    x: Tensor
    t: Tensor
    g: Tensor  # dE/dy
    delta: Tensor


def fit(net: Tensors, x: Float[Tensor, "n size"], layers: int) -> tuple[Float[Tensor, " n"], Float[Tensor, "n size"]]:
    """Return E and dE/dx, which may be differentiated once more."""
    hidden = [net.get(f"{kind}_{k}") for k in range(layers) for kind in ("weight", "bias", "idt")]
    return _Fit.apply(x, net["weight_out"], net["bias_out"], *hidden)  # type: ignore[return-value]


class _Fit(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, w: Tensor, c: Tensor, *hidden: Tensor | None) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        steps = []
        for weight, bias, idt in zip(hidden[::3], hidden[1::3], hidden[2::3], strict=True):
            assert weight is not None
            assert bias is not None
            t = torch.addmm(bias, x, weight).tanh_()
            steps.append((weight, bias, idt, x, t))
            x = with_skip(scaled(t, idt), x)
        energy, g, ctx.layers = torch.addmm(c, x, w).squeeze(1), w.T.expand(len(x), -1), []
        for weight, bias, idt, below, t in reversed(steps):
            delta = through_tanh(scaled(g, idt), t)
            ctx.layers.append(Layer(weight, bias, idt, below, t, g, delta))
            g = with_skip_back(delta @ weight.T, g)
        ctx.last, ctx.out = x, w
        return energy, g

    @staticmethod
    def backward(ctx: Any, mu: Tensor, tangent: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        along, mu = [], mu[:, None]
        for layer in reversed(ctx.layers):
            turned = tangent @ layer.weight
            moved = through_tanh(turned, layer.t)
            along.append((tangent, turned, moved))
            tangent = with_skip(scaled(moved, layer.idt), tangent)
        gradients: list[Tensor | None] = []
        ahead = mu @ ctx.out.T
        for layer, (below, turned, moved) in zip(ctx.layers, reversed(along), strict=True):
            z = through_tanh(scaled(ahead, layer.idt), layer.t)
            z = z.addcmul_(layer.t * layer.delta, turned, value=-2)
            idt = None if layer.idt is None else (ahead * layer.t + layer.g * moved).sum(0, keepdim=True)
            weight = (below.T @ layer.delta).addmm_(layer.x.T, z)
            gradients[:0] = [weight, z.sum(0, keepdim=True), idt]
            ahead = with_skip_back(z @ layer.weight.T, ahead)
        out = ctx.last.T @ mu + tangent.sum(0)[:, None]
        return ahead, out, mu.sum(0, keepdim=True), *gradients


def scaled(x: Tensor, idt: Tensor | None) -> Tensor:
    """Return x times the time step of the layer, if it has one."""
    return x if idt is None else x * idt
