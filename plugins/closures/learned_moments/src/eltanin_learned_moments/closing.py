"""The moments A and B that close six moments: those with which the scheme begins where only six are known.

Of a state s, a and b are known, and not the moments of the features. What has them is the gas domain's lift, two
Gaussians; A and B are of the distribution of least entropy that has the lift's learned moments. It is a Maxwellian
where the state is in equilibrium: A = 3, B = 1. Derivatives by s, a, b are

    d(A, B) = S H⁻¹ dW,    S = d(A, B)/dα,    H = dW/dα the Hessian of ψ,

with dW by central differences of the lift, which costs no further projection.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from eltanin_gas.distributions import NODES, SPACING
from eltanin_gas.lift import impossible, two_gaussians
from eltanin_gas.monatomic import State, moments_of
from eltanin_learned_moments.family import Features, derivatives, distribution, hessian, moments, with_invariants
from eltanin_learned_moments.features import FeatureMap
from eltanin_learned_moments.projection import entropic_projection

DIFFERENCE = 1e-5  # of s, a and b
CHUNK = 1024  # cells at a time


def closing_moments(states: Tensor, features: FeatureMap) -> Tensor:
    """Return A and B (cells, 2) of states (cells, 3) of s, a and b, differentiable by them; NaN where there are none.

    None are where the state has no lift or the lift no multipliers.
    """
    return torch.cat([_closed(some, features) for some in states.split(CHUNK)])


def _closed(states: Tensor, feature_map: FeatureMap) -> Tensor:
    with torch.no_grad():
        c = torch.as_tensor(NODES, dtype=states.dtype).expand(len(states), -1)
        weight = torch.full_like(states[:, 0], SPACING)
        features = with_invariants(c, feature_map(c))
        closing = Features(torch.stack([c**4, 0 * c], dim=1), torch.stack([0 * c, c**2], dim=1))
        found = entropic_projection(_lifted(states, features, weight), features, weight)
        values = moments(found.g, found.h, closing, weight)
        values = torch.where(found.unconverged[:, None], torch.nan, values)
        if not states.requires_grad:
            return values
        g, h, beta = distribution(found.alpha, features)
        by_alpha = derivatives(g, h, beta, closing, features, weight)
        by_w = torch.linalg.solve_ex(hessian(g, h, beta, features, weight), by_alpha.mT)[0].mT
        by_state = by_w @ _changes(states, features, weight)
    return values + (by_state @ (states - states.detach())[..., None])[..., 0]


def _changes(states: Tensor, features: Features, weight: Tensor) -> Tensor:
    """Return the derivatives (cells, features, 3) of the lift's moments by s, a and b."""
    found: list[Tensor] = []
    for step in DIFFERENCE * torch.eye(3, dtype=states.dtype):
        up, down = (_lifted(states + sign * step, features, weight) for sign in (1, -1))
        found.append((up - down) / (2 * DIFFERENCE))
    return torch.stack(found, dim=-1)


def _lifted(states: Tensor, features: Features, weight: Tensor) -> Tensor:
    """Return the moments (cells, features) of the lift of states (cells, 3); NaN where there is none."""
    s, a, b = states.detach().numpy().T
    one = np.ones_like(s)
    with np.errstate(invalid="ignore"):
        pair = two_gaussians(moments_of(State(one, 0 * one, one, s, a, b)))
        none = torch.as_tensor(impossible(pair))
    rho, u, along, across = (torch.as_tensor(x)[..., None] for x in pair)
    c = features.a[:, 1]
    g = rho / torch.sqrt(2 * np.pi * along) * torch.exp(-((c - u) ** 2) / (2 * along))
    found = moments(g.sum(0), (g * across).sum(0), features, weight)
    return torch.where(none[:, None], torch.nan, found)
