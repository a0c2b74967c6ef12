"""∇ log ψ and ∇² log ψ of a batch of walkers, by the forward Laplacian or by any function's Hessian."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.func import grad, jvp, vmap

from eltanin_walkers.laplacian.carried import Carried, Value, carry

LogPsi = Callable[[Value], tuple[Tensor, Value]]  # positions (n, N, d) to sign (n,) and log|psi| (n,)


class Derivatives(NamedTuple):
    """log: (n,).  gradient: ∇ log|ψ| (n, N, d).  laplacian: ∇² log|ψ| (n,)."""

    log: Tensor
    gradient: Tensor
    laplacian: Tensor


def forward(log_psi: LogPsi, x: Tensor) -> Derivatives:
    """Carry value, Jacobian and Laplacian through a net that is written with the rules of this package."""
    _, log = log_psi(carry(x))
    if not isinstance(log, Carried):
        raise TypeError(
            "log_psi returned a plain tensor for carried coordinates: write it with the rules of this package"
        )
    return Derivatives(log.value, log.jacobian.T.reshape(x.shape), log.laplacian)


def by_hessian(log_psi: LogPsi, x: Tensor) -> Derivatives:
    """Take the diagonal of the Hessian as forward derivatives of the reverse gradient: for any function of torch."""

    def alone(r: Tensor) -> Tensor:
        log = log_psi(r[None])[1]
        assert isinstance(log, Tensor)
        return log[0]

    basis = torch.eye(x[0].numel(), dtype=x.dtype, device=x.device).reshape(-1, *x.shape[1:])

    # One map over the walkers inside, one over the directions outside: with both outside, the second derivative of
    # torch's slogdet takes the matrix of another walker.
    def along(direction: Tensor) -> Tensor:
        slope: Any = vmap(grad(alone))
        return (jvp(slope, (x,), (direction.expand_as(x),))[1] * direction).sum((1, 2))

    with warnings.catch_warnings():  # torch scripts its own decompositions when it takes its first forward derivative
        warnings.filterwarnings("ignore", r".*torch\.jit\.script. is deprecated", DeprecationWarning)
        return Derivatives(vmap(alone)(x), vmap(grad(alone))(x), vmap(along)(basis).sum(0))


def derivatives(
    log_psi: LogPsi, x: Tensor, chunk: int = 64, method: Callable[..., Derivatives] = forward
) -> Derivatives:
    """Return derivatives at walkers x (n, N, d), at most `chunk` of them at a time, without a graph."""
    with torch.no_grad():
        parts = [method(log_psi, walkers) for walkers in x.split(chunk)]
    return Derivatives(*(torch.cat(column) for column in zip(*parts, strict=True)))
