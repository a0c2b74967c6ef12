"""What a Hamiltonian's labeler is: a potential energy, and on a lattice what a configuration is connected with.

A Hamiltonian of one's own is a class with a method, registered in the group `eltanin.labeler`:

    @dataclass(frozen=True)
    class DoubleWell(Hamiltonian):
        system: System
        height: float = 1.0

        def potential(self, positions):
            return self.height * ((positions**2 - 1) ** 2).sum((1, 2))
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from eltanin.batch import Properties
from eltanin.protocols import Labels, Rng
from eltanin_walkers.walkers import Walkers


class Hamiltonian:
    """Labels walkers with the terms of the local energy that do not depend on the wave function.

    energy_unit: of all that it returns.
    per_particle: what is reported is divided by the number of particles, as of a fluid.
    """

    domain: ClassVar[str] = "walkers"
    revision: ClassVar[int] = 1
    outside: ClassVar[tuple[str, ...]] = ()
    energy_unit: ClassVar[str] = "hartree"
    per_particle: ClassVar[bool] = False

    def potential(self, positions: np.ndarray) -> np.ndarray:
        """Return the diagonal part V (n,) at positions (n, particles, dimensions)."""
        raise NotImplementedError(f"{type(self).__name__} gives no potential energy: define potential(positions)")

    def connected(self, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
        """Return configurations (n, K, particles, dimensions) and elements <x|H|x'> (n, K), or None."""
        del positions
        return None

    def exact_energy(self) -> float | None:
        """Return the energy of the ground state, where it is known."""
        return None

    def label(self, x: Walkers, wanted: frozenset[str], rng: Rng) -> Labels[Properties]:
        """Return `potential`, and with off-diagonal terms `connected` and `elements`."""
        del wanted, rng
        terms = {"potential": self.potential(x.positions)}
        if (found := self.connected(x.positions)) is not None:
            terms |= {"connected": found[0], "elements": found[1]}
        return Labels(Properties.of(**terms), {})
