"""The labeler: settings around the kernels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import ClassVar

import numpy as np
from ase.data import atomic_numbers, chemical_symbols

from eltanin.batch import Properties
from eltanin.protocols import Failure, Labels, Rng
from eltanin.registry import nearest
from eltanin_atoms.labelling import Answer, label_each
from eltanin_atoms.structures import Structures
from eltanin_lennard_jones.kernels import energy_forces_virial, pairs_within


@dataclass(frozen=True)
class LennardJones:
    """Lennard-Jones pair potential of one element or several, switched off smoothly.

    element: its symbol.  epsilon: well depth, eV.  sigma: zero of the potential, Å.
    others: further elements, each as symbol: [epsilon, sigma]; unlike pairs by Lorentz-Berthelot.
    switch: where the switching off begins, Å.  cutoff: where it ends, Å.
    """

    domain: ClassVar[str] = "atoms"
    revision: ClassVar[int] = 1
    outside: ClassVar[tuple[str, ...]] = ()

    element: str = "Ar"
    epsilon: float = 0.0104
    sigma: float = 3.405
    others: dict[str, list[float]] = field(default_factory=dict)
    switch: float = 7.5
    cutoff: float = 8.5

    def __post_init__(self) -> None:
        """Check the settings."""
        for symbol, values in self._parameters().items():
            if symbol not in chemical_symbols[1:]:
                raise ValueError(f"{symbol!r} is not an element: give a chemical symbol, such as Ar")
            if len(values) != 2 or not all(isfinite(v) and v > 0 for v in values):
                raise ValueError(
                    f"{symbol} has the parameters {values}: give epsilon (eV) and sigma (Å), both positive"
                )
        if self.element in self.others:
            raise ValueError(f"{self.element} is both the element and among the others: give it once")
        if not 0 < self.switch < self.cutoff < np.inf:
            raise ValueError(
                f"switch={self.switch} Å and cutoff={self.cutoff} Å: the potential is switched off"
                " from the one to the other, so give 0 < switch < cutoff"
            )

    def check(self, x: Structures) -> None:
        """Refuse elements that have no parameters."""
        present = {chemical_symbols[z] for z in np.unique(x.numbers.values)}
        known = sorted(self._parameters())
        for symbol in sorted(present - set(known)):
            raise ValueError(
                f"{symbol} has no Lennard-Jones parameters{nearest(symbol, known)}"
                f" Give labeler.others={{{symbol}: [epsilon, sigma]}} in eV and Å."
            )

    def label(self, x: Structures, wanted: frozenset[str], rng: Rng) -> Labels[Properties]:
        """Return energies, forces and virials; a structure with an unknown element is a failure."""
        del rng  # the potential is exact
        epsilon, sigma = self._tables()

        def answer(one: Structures) -> Answer | Failure:
            if bad := self._unknown(one, sigma):
                return bad
            z = one.numbers.values
            pairs = pairs_within(self.cutoff, one.positions.values, one.cell[0], one.pbc[0])
            energy, forces, virial = energy_forces_virial(pairs, epsilon[z], sigma[z], self.switch, self.cutoff)
            return {"energy": np.array(energy), "forces": forces, "virial": virial}

        return label_each(x, wanted, answer)

    def _parameters(self) -> Mapping[str, list[float]]:
        return {self.element: [self.epsilon, self.sigma]} | self.others

    def _tables(self) -> tuple[np.ndarray, np.ndarray]:
        """Return epsilon and sigma by atomic number, NaN where there is none."""
        table = np.full((2, len(chemical_symbols)), np.nan)
        for symbol, values in self._parameters().items():
            table[:, atomic_numbers[symbol]] = values
        return table[0], table[1]

    def _unknown(self, one: Structures, sigma: np.ndarray) -> Failure | None:
        missing = sorted({chemical_symbols[z] for z in one.numbers.values if np.isnan(sigma[z])})
        return Failure("unknown", f"no parameters for {', '.join(missing)}") if missing else None
