"""Random streams named by their place: nothing of a generator ever needs saving."""

from __future__ import annotations

import hashlib

import numpy as np


def stream(seed: int, *place: int | str) -> np.random.Generator:
    """Return the stream of a place, such as (round, "train", member), of a campaign.

    ``default_rng([s])`` and ``default_rng([s, 0])`` are one stream; a spawn key keeps them apart.
    """
    key = [part if isinstance(part, int) else _number(part) for part in place]
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


def _number(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big")
