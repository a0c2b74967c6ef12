"""What Hamiltonians of spins have in common."""

from __future__ import annotations

from typing import Any

import numpy as np

from eltanin_walkers.systems.lattice import Lattice


def neighbours(lattice: Lattice, positions: np.ndarray) -> np.ndarray:
    """Return the product of the spins of every bond (n, bonds), of walkers (n, sites, 1)."""
    s = positions[..., 0]
    return s[:, lattice.bonds[:, 0]] * s[:, lattice.bonds[:, 1]]


def refuse_others(system: Any, name: str) -> None:
    """Refuse what is no lattice."""
    if not isinstance(system, Lattice):
        raise ValueError(f"labeler={name} acts between spins on sites: choose system=lattice")
