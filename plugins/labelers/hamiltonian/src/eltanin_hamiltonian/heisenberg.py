"""The Heisenberg antiferromagnet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from eltanin.protocols import System
from eltanin_hamiltonian.lattices import neighbours, refuse_others
from eltanin_walkers.hamiltonian import Hamiltonian

PRECISION = 1e-13  # of the rapidities


def bethe_chain_energy(sites: int) -> float:
    """Return the ground state of Σ S·S on a periodic chain of even N (Bethe 1931): N/4 - Σ_j 1/2 / (λ_j² + 1/4).

    The rapidities solve 2 N atan 2λ_j = 2π I_j + 2 Σ_k atan(λ_j - λ_k), by damped iteration.
    """
    down = sites // 2
    quantum = np.arange(down) - (down - 1) / 2
    rapidity, change = np.zeros(down), 1.0
    while change > PRECISION:
        scattered = np.arctan(rapidity[:, None] - rapidity).sum(1)
        following = 0.5 * np.tan((np.pi * quantum + scattered) / sites)
        change = float(np.abs(following - rapidity).max())
        rapidity = 0.5 * (rapidity + following)
    return float(sites / 4 - (0.5 / (rapidity**2 + 0.25)).sum())


@dataclass(frozen=True)
class Heisenberg(Hamiltonian):
    """H = J Σ S·S over the bonds of a lattice; walkers are spins along z.

    coupling: J, above 0 for an antiferromagnet.
    turned: the spins of every second site are turned by π about z. Energies stay what they are, and on a lattice of two
        sublattices the ground state becomes positive everywhere (Marshall 1955), which a real Boltzmann machine needs.
    """

    energy_unit: ClassVar[str] = "J"
    domain: ClassVar[str] = "walkers"

    system: System
    coupling: float = 1.0
    turned: bool = True

    def __post_init__(self) -> None:
        """Refuse what has no sites, and sublattices that are none."""
        refuse_others(self.system, "heisenberg")
        if self.turned and self.system.periodic and any(n % 2 for n in self.system.shape):
            raise ValueError(
                f"labeler.turned=true: a periodic lattice of shape {list(self.system.shape)} has no two sublattices;"
                " give even numbers of sites in system.shape, or labeler.turned=false"
            )

    def potential(self, positions: np.ndarray) -> np.ndarray:
        """Return J/4 Σ s s' (n,)."""
        return 0.25 * self.coupling * neighbours(self.system, positions).sum(1)

    def connected(self, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the configurations with two neighbours exchanged, and ±J/2 where these differ."""
        bonds = self.system.bonds
        order = np.tile(np.arange(self.system.sites), (len(bonds), 1))
        np.put_along_axis(order, bonds, bonds[:, ::-1], axis=1)
        sign = -1 if self.turned else 1
        elements = 0.25 * sign * self.coupling * (1 - neighbours(self.system, positions))
        return positions[:, order], elements

    def exact_energy(self) -> float | None:
        """Return that of a periodic antiferromagnetic chain of even length, by the Bethe ansatz."""
        shape = self.system.shape
        if len(shape) > 1 or not self.system.periodic or shape[0] % 2 or self.coupling <= 0:
            return None
        return self.coupling * bethe_chain_energy(shape[0])
