"""Vectors in long rows, components first: sums over components are then several times as fast."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor


def dot(a: Float[Tensor, "3 n"], b: Float[Tensor, "3 n"]) -> Float[Tensor, " n"]:
    """Return a·b."""
    return torch.addcmul(torch.addcmul(a[0] * b[0], a[1], b[1]), a[2], b[2])


def cross(a: Float[Tensor, "3 n"], b: Float[Tensor, "3 n"]) -> Float[Tensor, "3 n"]:
    """Return a × b."""
    pairs = ((1, 2), (2, 0), (0, 1))
    return torch.stack([a[j] * b[k] - a[k] * b[j] for j, k in pairs])


def length(x: Float[Tensor, "3 n"]) -> Float[Tensor, " n"]:
    """Return |x|."""
    return dot(x, x).sqrt()


def taken(x: Float[Tensor, "*components n"], index: Int[Tensor, " m"]) -> Float[Tensor, "*components m"]:
    """Return the columns of an index; five times as fast as to select them."""
    return x.gather(-1, index.expand(*x.shape[:-1], -1))
