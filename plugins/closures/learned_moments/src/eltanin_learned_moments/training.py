"""Training of the features: the least divergence between a gas and what its moments leave of it.

    loss = mean of KL(f | f_α)/(KL(f | M) + FLOOR),    KL(f | f_α) = H(f) - H(f_α) = H(f) - max_α (α·W - ψ(α)) - 2

over labelled cells: the part of a gas's distance from its Maxwellian M that the moments do not tell. This is the
autoencoder of Han, Ma, Ma and E (2019), linear in f where it encodes, with the exponential family as decoder; its
entropy term is no other loss but the same, for H(f_α) is the entropy as a function of the moments. At the maximum
the derivative by the features is that at fixed α (envelope theorem): Newton's method is not differentiated.

Near equilibrium the loss is the part of Chapman and Enskog's first order that lies outside the features: what
viscosity and heat conduction lack.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from eltanin_gas.distributions import NODES, SPACING
from eltanin_gas.perceptron import layers_of
from eltanin_learned_moments.family import Features, distribution, entropy, invariants, moments, with_invariants
from eltanin_learned_moments.features import FeatureMap, learned
from eltanin_learned_moments.gas import Grid, frame
from eltanin_learned_moments.projection import entropic_projection

FLOOR = 1e-5  # divergence from the Maxwellian below which a cell counts for less: labels are interpolated
NEAREST = 1e-9  # below which it teaches nothing
LEAST = 1e-290
CHUNK = 2048  # cells that are looked at together when all are


class Cells(NamedTuple):
    """Gases in their own frames: c, g and h (cells, V), weight (cells,) of a velocity, distance (cells,) KL(f | M)."""

    c: Tensor
    g: Tensor
    h: Tensor
    weight: Tensor
    distance: Tensor

    def __getitem__(self, index: Tensor) -> Cells:  # type: ignore[override]
        """Return some of the cells."""
        return Cells(*(x[index] for x in tuple.__iter__(self)))


@dataclass(frozen=True)
class Schedule:
    """steps of Adam; cells of one step; largest rate of learning; even and odd features."""

    steps: int
    cells: int
    rate: float
    even: int
    odd: int


def cells_of(labelled: np.ndarray) -> Cells:
    """Return the gases of labels ``distribution`` (cells, 2, V), in the frames that their own sums have."""
    f = torch.as_tensor(np.array(labelled, dtype=float)).clamp(min=LEAST)
    nodes = torch.as_tensor(NODES, dtype=torch.float64)
    at = frame(f[None], Grid(nodes[None], torch.full((1,), SPACING, dtype=torch.float64)))
    rho, u, thermal = at.density[0][:, None], at.velocity[0][:, None], at.temperature[0].sqrt()[:, None]
    c, weight = (nodes - u) / thermal, SPACING / thermal[:, 0]
    g, h = f[:, 0] * thermal / rho, f[:, 1] / (rho * thermal)
    features = invariants(c)
    maxwellian = entropic_projection(moments(g, h, features, weight), features, weight)
    distance = entropy(g, h, weight) - entropy(maxwellian.g, maxwellian.h, weight)
    return Cells(c, g, h, weight, torch.where(maxwellian.unconverged, torch.nan, distance))


def divergence(cells: Cells, features: Features, alpha: Tensor) -> Tensor:
    """Return KL(f | f_α) (cells,) of multipliers at the maximum; differentiable by the features."""
    wanted = moments(cells.g, cells.h, features, cells.weight)
    g, _, _ = distribution(alpha, features)
    dual = (alpha * wanted).sum(-1) - g.sum(-1) * cells.weight
    return entropy(cells.g, cells.h, cells.weight) - dual - 2


def relative_divergence(cells: Cells, features: FeatureMap) -> Tensor:
    """Return KL(f | f_α)/(KL(f | M) + FLOOR) (cells,); NaN where no multipliers were found."""
    found: list[Tensor] = []
    for index in torch.arange(len(cells.c)).split(CHUNK):
        some = cells[index]
        at = with_invariants(some.c, features(some.c))
        projection = entropic_projection(moments(some.g, some.h, at, some.weight), at, some.weight)
        gap = entropy(some.g, some.h, some.weight) - entropy(projection.g, projection.h, some.weight)
        found.append(torch.where(projection.unconverged, torch.nan, gap / (some.distance + FLOOR)))
    return torch.cat(found)


def fit(
    flat: list[Tensor], cells: Cells, weights: Tensor, schedule: Schedule, generator: torch.Generator
) -> tuple[list[Tensor], list[float]]:
    """Return the weights and biases that were learned, and the loss of every step.

    weights: (cells,) how often a cell is drawn.
    """
    flat = [x.clone().requires_grad_() for x in flat]
    if schedule.steps == 0:
        return [x.detach() for x in flat], []
    optimizer = torch.optim.Adam(flat, lr=schedule.rate)
    rates = torch.optim.lr_scheduler.OneCycleLR(optimizer, schedule.rate, total_steps=schedule.steps)
    remembered = torch.full((len(cells.c), 3 + schedule.even + schedule.odd), torch.nan, dtype=torch.float64)
    losses: list[float] = []
    for _ in range(schedule.steps):
        chosen = torch.multinomial(weights, schedule.cells, replacement=True, generator=generator)
        some = cells[chosen]
        of_learned = learned(layers_of(flat), schedule.even, schedule.odd)(some.c)
        features = with_invariants(some.c, of_learned)
        with torch.no_grad():
            wanted = moments(some.g, some.h, features, some.weight)
            found = entropic_projection(wanted, features, some.weight, remembered[chosen])
        remembered[chosen] = found.alpha
        relative = divergence(some, features, found.alpha) / (some.distance + FLOOR)
        loss = relative[~found.unconverged].mean()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(flat, 1.0)
        optimizer.step()
        rates.step()
        losses.append(float(loss.detach()))
    return [x.detach() for x in flat], losses
