"""The Ising model in a transverse field."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from eltanin.protocols import System
from eltanin_hamiltonian.lattices import neighbours, refuse_others
from eltanin_walkers.hamiltonian import Hamiltonian


def exact_chain_energy(sites: int, coupling: float, field: float) -> float:
    """Return -Σ √(J² + h² - 2 J h cos k), k = (2n + 1) π / N, of a ring of even N (Pfeuty 1970)."""
    k = (2 * np.arange(sites) + 1) * np.pi / sites
    return -float(np.sqrt(coupling**2 + field**2 - 2 * coupling * field * np.cos(k)).sum())


@dataclass(frozen=True)
class TransverseFieldIsing(Hamiltonian):
    """H = -J Σ σᶻσᶻ - h Σ σˣ, over the bonds and the sites of a lattice; walkers are spins along z.

    coupling: J.
    field: h, in the unit of J.
    """

    energy_unit: ClassVar[str] = "J"
    domain: ClassVar[str] = "walkers"

    system: System
    coupling: float = 1.0
    field: float = 1.0

    def __post_init__(self) -> None:
        """Refuse what has no sites, or whose magnetization is not conserved."""
        refuse_others(self.system, "transverse_field_ising")
        if self.system.magnetization is not None:
            raise ValueError(
                "system.magnetization is not conserved in a transverse field: leave it out (system.magnetization=null)"
            )

    def potential(self, positions: np.ndarray) -> np.ndarray:
        """Return -J Σ s s' (n,)."""
        return -self.coupling * neighbours(self.system, positions).sum(1)

    def connected(self, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the configurations with one spin turned, and -h for each."""
        n, sites, _ = positions.shape
        turned = positions[:, None, :, 0] * (1 - 2 * np.eye(sites))
        return turned[..., None], np.full((n, sites), -self.field)

    def exact_energy(self) -> float | None:
        """Return that of a periodic chain of even length, which free fermions give."""
        shape = self.system.shape
        if len(shape) > 1 or not self.system.periodic or shape[0] % 2:
            return None
        return exact_chain_energy(shape[0], self.coupling, self.field)
