"""Rules of the forward Laplacian, for plain tensors and carried ones alike."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from eltanin_walkers.laplacian.carried import Carried, Value, bilinear, elementwise, linear


def tanh(x: Value) -> Value:
    """Return tanh x."""
    if isinstance(x, Tensor):
        return torch.tanh(x)
    y = torch.tanh(x.value)
    slope = 1 - y * y
    return elementwise(x, y, slope, -2 * y * slope)


def exp(x: Value) -> Value:
    """Return e^x."""
    if isinstance(x, Tensor):
        return torch.exp(x)
    y = torch.exp(x.value)
    return elementwise(x, y, y, y)


def log(x: Value) -> Value:
    """Return log x of a positive x."""
    if isinstance(x, Tensor):
        return torch.log(x)
    slope = 1 / x.value
    return elementwise(x, torch.log(x.value), slope, -slope * slope)


def power(x: Value, exponent: float) -> Value:
    """Return x^p."""
    if isinstance(x, Tensor):
        return x**exponent
    p, v = exponent, x.value
    return elementwise(x, v**p, p * v ** (p - 1), p * (p - 1) * v ** (p - 2))


def sqrt(x: Value) -> Value:
    """Return the square root of a positive x."""
    if isinstance(x, Tensor):
        return torch.sqrt(x)
    y = torch.sqrt(x.value)
    return elementwise(x, y, 0.5 / y, -0.25 / y**3)


def sin(x: Value) -> Value:
    """Return sin x."""
    if isinstance(x, Tensor):
        return torch.sin(x)
    y = torch.sin(x.value)
    return elementwise(x, y, torch.cos(x.value), -y)


def dense(x: Value, weight: Tensor, bias: Tensor | None = None) -> Value:
    """Return x @ weight (in, out) + bias (out,)."""
    y = linear(lambda t: t @ weight, x)
    return y if bias is None else y + bias


def sum_last(x: Value, axes: int = 1) -> Value:
    """Return the sum over the last axes."""
    return linear(lambda t: t.sum(tuple(range(-axes, 0))), x)


def concatenate(parts: Sequence[Value]) -> Value:
    """Join along the last axis; all are carried, or none."""
    first = parts[0]
    if isinstance(first, Tensor):
        return torch.cat([_plain(p) for p in parts], dim=-1)
    carried = [p for p in parts if isinstance(p, Carried)]
    value = torch.cat([p.value for p in carried], dim=-1)
    jacobian = torch.cat([p.jacobian for p in carried], dim=-1)
    return Carried(value, jacobian, torch.cat([p.laplacian for p in carried], dim=-1))


def square_norm(x: Value) -> Value:
    """Return Σ x² over the last axis: L = 2 Σ (x L + Σ_k J_k²)."""
    return sum_last(x * x)


def norm(x: Value) -> Value:
    """Return |x| over the last axis, nowhere zero: L = u·L + (Σ_k |J_k|² - Σ_k (u·J_k)²) / |x|, u = x / |x|."""
    if isinstance(x, Tensor):
        return torch.linalg.vector_norm(x, dim=-1)
    r = torch.linalg.vector_norm(x.value, dim=-1)
    u = x.value / r[..., None]
    jacobian = (u * x.jacobian).sum(-1)
    turned = (x.jacobian**2).sum((0, -1)) - (jacobian**2).sum(0)
    return Carried(r, jacobian, (u * x.laplacian).sum(-1) + turned / r)


def slogdet(x: Value) -> tuple[Tensor, Value]:
    """Return sign and log|det| of matrices (..., n, n).

    J = tr T_k and L = tr(A⁻¹ L_A) - Σ_k tr(T_k T_k) with T_k = A⁻¹ J_k.
    """
    if isinstance(x, Tensor):
        sign, log = torch.linalg.slogdet(x)
        return sign, log
    sign, log = torch.linalg.slogdet(x.value)
    inverse = torch.linalg.inv(x.value)
    turned = inverse @ x.jacobian
    jacobian = turned.diagonal(dim1=-2, dim2=-1).sum(-1)
    squared = (turned * turned.mT).sum((0, -2, -1))
    return sign, Carried(log, jacobian, (inverse.mT * x.laplacian).sum((-2, -1)) - squared)


def signed_logsumexp(sign: Tensor, x: Value) -> tuple[Tensor, Value]:
    """Return sign and log of |Σ s e^x| over the last axis.

    J = p·J and L = p·(L + Σ_k J_k²) - Σ_k (p·J_k)² with p = s e^x / Σ s e^x.
    """
    value = x.value if isinstance(x, Carried) else x
    highest = value.detach().amax(-1, keepdim=True)
    terms = sign * torch.exp(value - highest)
    total = terms.sum(-1)
    log = torch.log(total.abs()) + highest[..., 0]
    if isinstance(x, Tensor):
        return torch.sign(total), log
    p = terms / total[..., None]
    jacobian = (p * x.jacobian).sum(-1)
    spread = (p * (x.laplacian + (x.jacobian**2).sum(0))).sum(-1)
    return torch.sign(total), Carried(log, jacobian, spread - (jacobian**2).sum(0))


def softmax(x: Value) -> Value:
    """Return e^x / Σ e^x over the last axis, as e^(x - log Σ e^x)."""
    one = torch.ones((), dtype=x.value.dtype if isinstance(x, Carried) else x.dtype)
    _, log = signed_logsumexp(one, x)
    return exp(x + linear(lambda t: -t[..., None], log))


def matmul(a: Value, b: Value) -> Value:
    """Return a @ b: both carried, or neither."""
    if isinstance(a, Carried) and isinstance(b, Carried):
        return bilinear(torch.matmul, a, b)
    return _plain(a) @ _plain(b)


def attention(query: Value, key: Value, value: Value) -> Value:
    """Return softmax(q kᵀ / √d) v of (..., particles, d): what psiformers mix electrons with."""
    scale = query.shape[-1] ** -0.5
    return matmul(softmax(matmul(query, linear(lambda t: t.mT, key)) * scale), value)


def _plain(x: Value) -> Tensor:
    if isinstance(x, Carried):
        raise TypeError("a carried value beside a plain one: start all branches of the net from the same coordinates")
    return x
