"""What gases begin with: density, velocity and temperature on points of a stretch of length 1.

Every family draws its numbers before it looks at the points, so that a flow is the same on every grid.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from eltanin.protocols import Rng
from eltanin_gas.monatomic import rankine_hugoniot

MODES = 4
SWINGS = (0.6, 0.8, 0.5)  # largest of ρ, u and T about 1, 0 and 1
LOGS = (1.0, 0.5)  # largest |log| of a piece's ρ and T


class Maxwellians(NamedTuple):
    """Density, velocity and temperature, (cells,) each."""

    density: np.ndarray
    velocity: np.ndarray
    temperature: np.ndarray


def wave(x: np.ndarray, rng: Rng) -> Maxwellians:
    """Return ρ = 1 + w, u = w', T = 1 + w'', periodic, w = Σ_k a_k sin(2π k x + φ_k), k = 1 … 4."""
    swings = rng.uniform(0, SWINGS)
    shares, phases = rng.dirichlet(np.ones(MODES), size=3), rng.uniform(0, 2 * np.pi, size=(3, MODES))
    modes = np.sin(2 * np.pi * np.arange(1, MODES + 1)[:, None] * x + phases[..., None])
    w = swings[:, None] * (shares[..., None] * modes).sum(axis=1)
    return Maxwellians(1 + w[0], w[1], 1 + w[2])


def pieces(x: np.ndarray, edges: tuple[float, float], rng: Rng) -> Maxwellians:
    """Return two uniform gases, the second one between the edges."""
    inside = ((x >= edges[0]) & (x < edges[1])).astype(np.int64)
    density, temperature = (np.exp(rng.uniform(-most, most, size=2))[inside] for most in LOGS)
    return Maxwellians(density, rng.uniform(-SWINGS[1], SWINGS[1], size=2)[inside], temperature)


def riemann(x: np.ndarray, rng: Rng) -> Maxwellians:
    """Return two uniform gases side by side, which meet between 0.35 and 0.65."""
    return pieces(x, (float(rng.uniform(0.35, 0.65)), 1.0), rng)


def mixture(x: np.ndarray, rng: Rng) -> Maxwellians:
    """Return a random mean of a wave and a gas of two pieces, periodic with two jumps."""
    share, begin, width = rng.uniform([0.2, 0.05, 0.25], [0.8, 0.45, 0.5])
    parts = zip(wave(x, rng), pieces(x, (begin, begin + width), rng), strict=True)
    return Maxwellians(*((1 - share) * smooth + share * stepped for smooth, stepped in parts))


def transition(x: np.ndarray, lowest: float, highest: float, rng: Rng) -> np.ndarray:
    """Return a Knudsen number (cells,) that goes from the lowest to the highest and back: log Kn is a sine wave."""
    share = (1 + np.sin(2 * np.pi * (x + rng.uniform()))) / 2
    return lowest * (highest / lowest) ** share


def shock(x: np.ndarray, mach: float, width: float) -> Maxwellians:
    """Return what joins both sides of a standing shock at 0, as tanh(x / width) does."""
    share = (1 + np.tanh(x / width)) / 2
    before, behind = rankine_hugoniot(mach)
    return Maxwellians(*(a + (b - a) * share for a, b in zip(before, behind, strict=True)))
