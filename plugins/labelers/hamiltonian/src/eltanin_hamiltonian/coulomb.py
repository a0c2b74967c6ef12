"""Electrons and fixed nuclei."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from eltanin.protocols import System
from eltanin_walkers.hamiltonian import Hamiltonian
from eltanin_walkers.systems.molecule import Molecule
from eltanin_walkers.walkers import Walkers


def coulomb(electrons: np.ndarray, charges: np.ndarray, nuclei: np.ndarray) -> np.ndarray:
    """Return Σ 1/r_ij - Σ Z_A/r_iA + Σ Z_A Z_B/R_AB (n,) hartree; electrons (n, N, 3), nuclei (atoms, 3) bohr."""
    first, second = np.triu_indices(electrons.shape[1], 1)
    repulsion = (1 / np.linalg.norm(electrons[:, first] - electrons[:, second], axis=-1)).sum(1)
    attraction = (charges / np.linalg.norm(electrons[:, :, None] - nuclei, axis=-1)).sum((1, 2))
    a, b = np.triu_indices(len(charges), 1)
    constant = (charges[a] * charges[b] / np.linalg.norm(nuclei[a] - nuclei[b], axis=-1)).sum()
    return repulsion - attraction + constant


@dataclass(frozen=True)
class Coulomb(Hamiltonian):
    """Gives the Coulomb energy of the electrons and nuclei of a molecule, in hartree."""

    domain: ClassVar[str] = "walkers"

    system: System

    def __post_init__(self) -> None:
        """Refuse what has no nuclei."""
        if not isinstance(self.system, Molecule):
            raise ValueError("labeler=coulomb acts between electrons and nuclei: choose system=molecule")

    def check(self, x: Walkers) -> None:
        """Refuse walkers of another molecule."""
        if x.positions.shape[1:] != (self.system.number, 3):
            raise ValueError(
                f"walkers of shape {x.positions.shape[1:]}, but the molecule has {self.system.number} electrons in 3"
                " dimensions: set system.atoms and system.charge to what the walkers have"
            )

    def potential(self, positions: np.ndarray) -> np.ndarray:
        """Return the Coulomb energy (n,)."""
        self.check(Walkers(positions))
        return coulomb(positions, *self.system.geometry)
