"""Walkers: the configurations of variational Monte Carlo."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from eltanin.batch import Batch, Column


@dataclass(frozen=True)
class Walkers(Batch):
    """n walkers, each of which is one configuration of all particles.

    positions: (n, particles, dimensions), in bohr for electrons, else in the system's unit of length; on a lattice
    spins ±1 (n, sites, 1).  evidence: how a walker got there (part of its proposals accepted, …).
    """

    positions: np.ndarray
    evidence: Mapping[str, Column] = field(default_factory=dict)
