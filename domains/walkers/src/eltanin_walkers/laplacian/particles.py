"""What depends on one particle, or on two, carries only the derivatives that it has.

A function of r_i alone has d derivatives rather than N d; one of r_ij = r_i - r_j has d too, for dh/dr_i = -dh/dr_j and
its Laplacian by all coordinates is twice that by r_ij. Both are spread over all coordinates only where they are joined
with others: that saves a factor N of work and memory.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from eltanin_walkers.laplacian.carried import Carried, Value


def own(x: Value) -> Value:
    """Return positions (n, N, d) that carry derivatives by the particle's own coordinates, (d, 1, 1, d)."""
    return x if isinstance(x, Tensor) else _local(x.value)


def relative(x: Value) -> Value:
    """Return r_i - r_j (n, N, N, d), which carries derivatives by itself, (d, 1, 1, 1, d)."""
    positions = x if isinstance(x, Tensor) else x.value
    between = positions[:, :, None] - positions[:, None, :]
    return between if isinstance(x, Tensor) else _local(between)


def pairs(x: Value, first: Tensor, second: Tensor) -> Value:
    """Return r_i - r_j (n, pairs, d) of named pairs, which carries derivatives by itself."""
    positions = x if isinstance(x, Tensor) else x.value
    between = positions[:, first] - positions[:, second]
    return between if isinstance(x, Tensor) else _local(between)


def separations(x: Value, first: Tensor, second: Tensor, nearest: Callable[[Tensor], Tensor]) -> Value:
    """Return |r_i - r_j| (n, pairs) to nearest images: by r_i - r_j, the slope is u and the Laplacian (d - 1) / r."""
    positions = x if isinstance(x, Tensor) else x.value
    between = nearest(positions[:, first] - positions[:, second])
    r = torch.linalg.vector_norm(between, dim=-1)
    if isinstance(x, Tensor):
        return r
    return Carried(r, (between / r[..., None]).movedim(-1, 0), (between.shape[-1] - 1) / r)


def spread(h: Value) -> Value:
    """Return h (n, N, f), whose row i is a function of r_i, with derivatives by all coordinates."""
    if isinstance(h, Tensor):
        return h
    n, particles, width = h.shape
    d = len(h.jacobian)
    jacobian = h.value.new_zeros((particles, d, n, particles, width))
    each = torch.arange(particles, device=h.value.device)
    jacobian[each, :, :, each] = h.jacobian.permute(2, 0, 1, 3)
    return Carried(h.value, jacobian.flatten(0, 1), h.laplacian)


def spread_sums(h: Value, weight: Tensor) -> Value:
    """Return Σ_j h_ij w_jg (n, N, groups * f), h_ij (n, N, N, f) a function of r_i - r_j, weight (N, groups)."""
    if isinstance(h, Tensor):
        return torch.einsum("nijf,jg->nigf", h, weight).flatten(-2)
    particles = h.shape[1]
    jacobian = -torch.einsum("dnikf,kg->kdnigf", h.jacobian, weight)
    each = torch.arange(particles, device=weight.device)
    jacobian[each, :, :, each] += torch.einsum("dnijf,jg->idngf", h.jacobian, weight)
    others = 1 - torch.eye(particles, dtype=weight.dtype, device=weight.device)
    laplacian = 2 * torch.einsum("nijf,ij,jg->nigf", h.laplacian, others, weight)
    value = torch.einsum("nijf,jg->nigf", h.value, weight)
    return Carried(value.flatten(-2), jacobian.flatten(0, 1).flatten(-2), laplacian.flatten(-2))


def spread_pairs(h: Value, first: Tensor, second: Tensor, particles: int) -> Value:
    """Return Σ_j h_ij (n, N, f), of h (n, pairs, f), a function of r_i - r_j that is the same for both."""
    if isinstance(h, Tensor):
        zeros = h.new_zeros((len(h), particles, h.shape[-1]))
        return zeros.index_add(1, first, h).index_add(1, second, h)
    n, _, width = h.shape
    slope, d = h.jacobian.permute(2, 0, 1, 3), len(h.jacobian)  # (pairs, d, n, f)
    own = slope.new_zeros((particles, d, n, width)).index_add(0, first, slope).index_add(0, second, slope, alpha=-1)
    jacobian = slope.new_zeros((particles, d, n, particles, width))  # by the place of each, of the sum of each
    jacobian[first, :, :, second] = slope
    jacobian[second, :, :, first] = -slope
    each = torch.arange(particles, device=slope.device)
    jacobian[each, :, :, each] = own
    value, laplacian = (spread_pairs(t, first, second, particles) for t in (h.value, 2 * h.laplacian))
    assert isinstance(value, Tensor)
    assert isinstance(laplacian, Tensor)
    return Carried(value, jacobian.flatten(0, 1), laplacian)


def total_of_own(h: Value) -> Value:
    """Return Σ_i h_i (n,) of h (n, N), a function of r_i each."""
    if isinstance(h, Tensor):
        return h.sum(-1)
    jacobian = h.jacobian.permute(2, 0, 1)
    return Carried(h.value.sum(-1), jacobian.flatten(0, 1), h.laplacian.sum(-1))


def total_of_pairs(h: Value, first: Tensor, second: Tensor, particles: int) -> Value:
    """Return Σ h (n,) of h (n, pairs), a function of r_i - r_j each."""
    if isinstance(h, Tensor):
        return h.sum(-1)
    slope = h.jacobian.permute(2, 0, 1)
    jacobian = slope.new_zeros((particles, *slope.shape[1:]))
    jacobian = jacobian.index_add(0, first, slope).index_add(0, second, slope, alpha=-1)
    return Carried(h.value.sum(-1), jacobian.flatten(0, 1), 2 * h.laplacian.sum(-1))


def _local(x: Tensor) -> Carried:
    d = x.shape[-1]
    eye = torch.eye(d, dtype=x.dtype, device=x.device)
    return Carried(x, eye.reshape(d, *(1,) * (x.ndim - 1), d).expand(d, *x.shape), torch.zeros_like(x))
