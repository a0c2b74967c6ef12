"""From moments to moments by Boltzmann's equation, and what that will cost."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import NamedTuple

import numpy as np
import torch

from eltanin_gas.collisions import MonatomicGas
from eltanin_gas.lift import Pair, two_gaussians
from eltanin_kinetic.boltzmann_flow import BoltzmannFlow, evolve, steps_of
from eltanin_kinetic.fast_spectral import Collisions, Quadrature, quadrature
from eltanin_kinetic.relaxation import raw_moments
from eltanin_kinetic.solver import keep_freed_memory
from eltanin_kinetic.velocity_cube import half_width, lifted, reduced, velocity_cube

COARSEST = 0.9  # dv over sqrt(T), where Q of a Maxwellian is wrong by 1 % of what Q is far from one
ARRAYS = 14  # of all cells and velocities that a step holds
SECONDS = 1e-8  # of a transform, per number, on one core


@dataclass(frozen=True)
class SpectralDiscretisation:
    """How Boltzmann's equation is solved.

    velocities: nodes along each axis, an even number.  reach: of the cube beyond the flow, in thermal speeds of the
    hottest gas.  directions: of Lebedev's rule on the sphere.  courant: max |v| dt / dx.  device: cpu or cuda.
    """

    velocities: int = 24
    reach: float = 6.5
    directions: int = 38
    courant: float = 0.45
    device: str = "cpu"

    def nodes(self, exponent: float, half: float) -> Quadrature:
        """Return the quadrature of Q in a cube of this half width: half as many radii as velocities."""
        return quadrature(exponent, half, self.velocities // 2, self.directions, even=True)


class Cost(NamedTuple):
    """An estimate for one core."""

    hours: float
    gigabytes: float


def velocities_needed(pair: Pair, reach: float) -> int:
    """Return how many velocities along each axis the coldest cell of a flow needs."""
    coldest = min(float(pair.along.min()), float(pair.across.min()))
    return 2 * ceil(half_width(pair, reach)[0] / (COARSEST * coldest**0.5))


def cost(pair: Pair, dx: float, duration: float, instants: int, how: SpectralDiscretisation) -> Cost:
    """Return what the flow that begins with these Gaussians (2, X) will cost."""
    half, middle = half_width(pair, how.reach)
    steps = instants * steps_of(duration / instants, dx, half + abs(middle), how.courant)
    numbers = how.velocities**3
    nodes = how.nodes(1.0, half)
    transforms = 2 * len(nodes.radii) * (len(nodes.shares) + 1)  # of f and of its Maxwellian
    cells = pair.density.shape[1]
    stored = (ARRAYS * cells + transforms) * numbers * 8
    return Cost(cells * (steps + 1) * transforms * numbers * SECONDS / 3600, stored / 1e9)


def solve_boltzmann(
    gas: MonatomicGas,
    moments: np.ndarray,
    knudsen: np.ndarray,
    length: float,
    duration: float,
    instants: int,
    ends: str,
    how: SpectralDiscretisation,
) -> np.ndarray:
    """Return m0 … m4, k0, k1, k2 at the start and at equally spaced instants in (K + 1, X, 8).

    gas: of model boltzmann.  moments: (X, 6).  knudsen: (X,).  ends: periodic, open or fixed.
    """
    pair = two_gaussians(moments)
    half, middle = half_width(pair, how.reach)
    cube = velocity_cube(how.velocities, half, middle, how.device)
    collisions = Collisions(how.velocities, cube.dv, gas.exponent, how.nodes(gas.exponent, half), how.device)
    local = torch.from_numpy(np.array(knudsen, dtype=np.float64)).to(how.device)
    f = lifted(pair, cube)
    flow = BoltzmannFlow(f, cube, collisions, local, length / len(moments), ends)
    keep_freed_memory()
    with torch.inference_mode():
        found = [f] if duration == 0 else [f, *evolve(flow, duration, instants, how.courant)]
        raw = [torch.cat(raw_moments(reduced(f, cube), cube.along), dim=1)[0].mT for f in found]
    raw += raw[:1] * (instants + 1 - len(raw))
    return torch.stack(raw).cpu().numpy()
