"""Spins on the sites of a lattice."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import ClassVar

import numpy as np

from eltanin.protocols import Rng


@dataclass(frozen=True)
class Lattice:
    """Spins ½ on a chain, a square or a cubic lattice; a walker (sites, 1) holds +1 and -1.

    shape: sites along each direction: [20] is a chain, [4, 4] a square.
    periodic: the last site is a neighbour of the first.
    magnetization: sum of all spins, where it is conserved; left empty, any.
    """

    domain: ClassVar[str] = "walkers"
    revision: ClassVar[int] = 1
    shape: tuple[int, ...] = (20,)
    periodic: bool = True
    magnetization: int | None = None

    def __post_init__(self) -> None:
        """Refuse lattices without bonds, and magnetizations that spins cannot sum up to."""
        if not self.shape or min(self.shape) < 2 or (self.periodic and min(self.shape) < 3):
            raise ValueError(
                f"system.shape={list(self.shape)}: a bond would be counted twice, or there is none; give sites for each"
                " direction, 3 or more on a periodic lattice and 2 or more on an open one"
            )
        total = self.magnetization
        if total is not None and (abs(total) > self.sites or (total - self.sites) % 2):
            raise ValueError(
                f"system.magnetization={total}: {self.sites} spins sum up to {self.sites}, {self.sites - 2}, …,"
                f" {-self.sites}; give one of these, or none"
            )

    @property
    def sites(self) -> int:
        """How many there are."""
        return prod(self.shape)

    @cached_property
    def bonds(self) -> np.ndarray:
        """Pairs of neighbours (bonds, 2)."""
        index = np.arange(self.sites).reshape(self.shape)
        found: list[np.ndarray] = []
        for axis in range(len(self.shape)):
            pairs = np.stack([index, np.roll(index, -1, axis)], axis=-1)
            kept = pairs if self.periodic else pairs.take(np.arange(self.shape[axis] - 1), axis=axis)
            found.append(kept.reshape(-1, 2))
        return np.concatenate(found)

    @cached_property
    def translations(self) -> np.ndarray:
        """Where each site comes from under every translation (translations, sites); an open lattice has one."""
        index = np.arange(self.sites).reshape(self.shape)
        shifts = np.ndindex(*self.shape) if self.periodic else [(0,) * len(self.shape)]
        axes = tuple(range(len(self.shape)))
        return np.array([np.roll(index, shift, axes).ravel() for shift in shifts])

    def start(self, walkers: int, rng: Rng) -> np.ndarray:
        """Return random spins (walkers, sites, 1)."""
        shape = (walkers, self.sites, 1)
        if self.magnetization is None:
            return rng.choice([-1.0, 1.0], size=shape)
        up = (self.sites + self.magnetization) // 2
        ordered = np.where(np.arange(self.sites) < up, 1.0, -1.0)
        return rng.permuted(np.broadcast_to(ordered[:, None], shape), axis=1)
