"""Newton's method for the multipliers of least entropy, for all cells at once.

A cell is done when Newton's decrement r·(Hessian)⁻¹ r, twice what the dual still has to fall, is below DONE: after
that last step the moments are met to round-off, for convergence is quadratic. Steps are halved until the dual
falls (Armijo) and β > 0 at all velocities. A cell that is not done after MOST steps is named, never passed on.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from eltanin_learned_moments.family import Features, distribution, equilibrium, hessian, moments

DONE = 1e-19
MOST = 80  # steps
HALVINGS = 40
SUFFICIENT = 1e-4  # part of the expected fall that is enough
ROUND_OFF = 1e-13  # of the dual, which is of the order of 1
RIDGE = 1e-14  # of the scaled Hessian, whose diagonal is 1: features that depend on each other do no harm


class Projection(NamedTuple):
    """What was found: multipliers (cells, features), g and h (cells, V), steps taken, and which cells are not done."""

    alpha: Tensor
    g: Tensor
    h: Tensor
    steps: int
    unconverged: Tensor


def entropic_projection(wanted: Tensor, features: Features, weight: Tensor, start: Tensor | None = None) -> Projection:
    """Return the distributions of least entropy with the wanted moments (cells, features), in reduced units.

    weight: (cells,) of a velocity.  start: multipliers to begin with; where they mean nothing, and by default,
    those of equilibrium.
    """
    cells, count = wanted.shape
    alpha = equilibrium(cells, count, wanted)
    if start is not None:
        alpha = torch.where(_means_something(start, features)[:, None], start, alpha)
    unconverged = torch.ones(cells, dtype=torch.bool, device=wanted.device)
    active, steps = torch.arange(cells, device=wanted.device), 0
    while len(active) and steps < MOST:
        some = Features(features.a[active], features.b[active])
        alpha[active], decrement = _newton(alpha[active], wanted[active], some, weight[active])
        done = decrement.abs() < DONE
        unconverged[active[done]] = False
        active, steps = active[~done & decrement.isfinite()], steps + 1
    g, h, _ = distribution(alpha, features)
    return Projection(alpha, g, h, steps, unconverged)


def _means_something(alpha: Tensor, features: Features) -> Tensor:
    g, _, beta = distribution(alpha, features)
    return (beta > 0).all(-1) & g.isfinite().all(-1)


def _newton(alpha: Tensor, wanted: Tensor, features: Features, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Return multipliers after a step, and the decrement before it; NaN where there is no step."""
    g, h, beta = distribution(alpha, features)
    residual = moments(g, h, features, weight) - wanted
    step = _solved(hessian(g, h, beta, features, weight), residual)
    decrement = (residual * step).sum(-1)
    here = g.sum(-1) * weight - (alpha * wanted).sum(-1)
    return _searched(alpha, step, here, decrement, wanted, features, weight), decrement


def _solved(matrix: Tensor, residual: Tensor) -> Tensor:
    """Return matrix⁻¹ residual, by Cholesky's factors of the matrix scaled to a unit diagonal; NaN without them."""
    scale = matrix.diagonal(dim1=-2, dim2=-1).clamp(min=torch.finfo(matrix.dtype).tiny).rsqrt()
    scaled = scale[:, :, None] * matrix * scale[:, None, :]
    scaled.diagonal(dim1=-2, dim2=-1).add_(RIDGE)
    factor, failed = torch.linalg.cholesky_ex(scaled)
    found = scale * torch.cholesky_solve((scale * residual)[..., None], factor)[..., 0]
    return torch.where((failed == 0)[:, None], found, torch.nan)


def _searched(
    alpha: Tensor, step: Tensor, here: Tensor, decrement: Tensor, wanted: Tensor, features: Features, weight: Tensor
) -> Tensor:
    """Return the multipliers after the longest step 2^-k that is sufficient; where none is, as they were.

    here: the dual (cells,).  decrement: by how much a whole step would lower it, twice, if it were quadratic.
    """
    new, length = alpha.clone(), 1.0
    left = torch.arange(len(alpha), device=alpha.device)
    for _ in range(HALVINGS):
        trial = alpha[left] - length * step[left]
        some = Features(features.a[left], features.b[left])
        value = _dual(trial, wanted[left], some, weight[left])
        enough = value <= here[left] - SUFFICIENT * length * decrement[left] + ROUND_OFF
        new[left[enough]] = trial[enough]
        left, length = left[~enough], length / 2
        if not len(left):
            break
    return new


def _dual(alpha: Tensor, wanted: Tensor, features: Features, weight: Tensor) -> Tensor:
    """Return ψ(α) - α·W (cells,); infinite where β <= 0 somewhere."""
    g, _, beta = distribution(alpha, features)
    value = g.sum(-1) * weight - (alpha * wanted).sum(-1)
    return torch.where((beta > 0).all(-1) & value.isfinite(), value, torch.inf)
