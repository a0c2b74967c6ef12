"""Random moments (n, j) of a Lorentz gas to start from, over a unit length."""

from __future__ import annotations

import numpy as np


def wave(cells: int, largest: float, rng: np.random.Generator) -> np.ndarray:
    """Return n = 1 + a sin(2 pi k x + p), j/n = b sin(2 pi k' x + p') in (cells, 2), |b| <= largest."""
    x = 2 * np.pi * (np.arange(cells) + 0.5) / cells
    modes, phases = rng.integers(1, 4, size=2), rng.uniform(0, 2 * np.pi, size=2)
    density = 1 + rng.uniform(0, 0.8) * np.sin(modes[0] * x + phases[0])
    current = rng.uniform(0, largest) * np.sin(modes[1] * x + phases[1])
    return np.stack([density, density * current], axis=1)


def step(cells: int, largest: float, rng: np.random.Generator) -> np.ndarray:
    """Return two uniform states, 1/e < n < e and |j/n| <= largest, side by side in (cells, 2)."""
    right = (np.arange(cells) >= rng.integers(1, cells)).astype(np.int64)
    density = np.exp(rng.uniform(-1, 1, size=2))[right]
    current = rng.uniform(-largest, largest, size=2)[right]
    return np.stack([density, density * current], axis=1)
