"""A potential that answers for any batch of structures, and knows how sure it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from eltanin.batch import Column, Properties, Ragged
from eltanin_atoms.evaluating import evaluated, parts
from eltanin_atoms.repulsions import Repulsion, repelled
from eltanin_atoms.structures import Structures
from eltanin_sparse_gaussian_process import kernel
from eltanin_sparse_gaussian_process.kernel import Points
from eltanin_sparse_gaussian_process.regression import Posterior, variance
from eltanin_sparse_gaussian_process.spectrum import Soap, Spectra, spectra

ATOMS = 1  # one structure at a time: derivatives take room, and rounding then does not depend on the batch


class WhenRead(Mapping[str, Column]):
    """Columns that are worked out when the first of them is read: dynamics has no use for variances."""

    def __init__(self, names: Sequence[str], make: Callable[[], Mapping[str, Column]]) -> None:
        """Take the names, and what makes the columns."""
        self._names, self._make = names, make
        self._made: Mapping[str, Column] | None = None

    def __getitem__(self, name: str) -> Column:
        """Return a column."""
        if name not in self._names:
            raise KeyError(name)
        if self._made is None:
            self._made = self._make()
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        """Return the names, without any work."""
        return iter(self._names)

    def __len__(self) -> int:
        """Return how many columns there are."""
        return len(self._names)

    def __contains__(self, name: object) -> bool:
        """Return whether there is such a column, without any work."""
        return name in self._names


@dataclass(frozen=True)
class Potential:
    """Energy, forces, virial, and standard errors of energies and forces; NaN for what is no structure any more.

    elements: chemical symbols in order of species.  bias: (species,) eV.
    """

    elements: Sequence[str]
    soap: Soap
    zeta: int
    points: Points
    known: Posterior
    bias: np.ndarray
    repulsion: Repulsion | None = None

    def predict(self, x: Structures) -> Properties:
        """Return energy (n,) eV, forces (atoms, 3) eV/Å, virial (n, 3, 3) eV, and sigma of the first two."""
        found = evaluated(x, self.soap.cutoff, self.evaluate, ATOMS)
        return Properties(found.values, found.present, WhenRead(("energy", "forces"), partial(self.errors, x)))

    def evaluate(self, x: Structures) -> list[np.ndarray]:
        """Return energy, forces and virial of structures that are sound."""
        found, points, weights = self.spectra(x), self.points, self.known.weights
        of_atoms = kernel.kernel(found.unit, found.species, points.unit, points.species, self.zeta) @ weights
        energy = np.bincount(found.structure, of_atoms + self.bias[found.species], len(x))
        pull = kernel.slope(found, points, self.zeta) * weights @ points.unit
        forces, virial = np.zeros((len(found.unit), 3)), np.zeros((len(x), 3, 3))
        np.subtract.at(forces, found.moved, np.einsum("paf,pf->pa", found.by_position, pull[found.centre]))
        np.subtract.at(virial, found.structure, np.einsum("iabf,if->iab", found.by_strain, pull))
        answer = [energy, forces, virial]
        if self.repulsion is None:
            return answer
        return [a + b for a, b in zip(answer, repelled(self.repulsion, x, self.elements), strict=True)]

    def errors(self, x: Structures) -> dict[str, Column]:
        """Return standard errors of energies, (n,) eV, and forces, (atoms, 3) eV/Å."""
        energy, forces = np.full(len(x), np.nan), np.full((x.counts.sum(), 3), np.nan)
        for part, atoms in parts(x, self.soap.cutoff, ATOMS):
            mine = x[part]
            found, n = self.spectra(mine), len(mine)
            rows = kernel.energy_rows(found, self.points, self.zeta, n)
            energy[part] = self._error(rows, kernel.energy_variance(found, self.zeta, n))
            rows = kernel.force_rows(found, self.points, self.zeta)
            forces[atoms] = self._error(rows, kernel.force_variance(found, self.zeta))
        return {"energy": energy, "forces": Ragged(forces, x.counts)}

    def spectra(self, x: Structures) -> Spectra:
        """Return the power spectra of all atoms."""
        return spectra(x, self.soap, self.elements)

    def _error(self, rows: np.ndarray, before: Any) -> np.ndarray:
        found = variance(self.known, rows.reshape(-1, rows.shape[-1]), before.ravel())
        return np.sqrt(found).reshape(before.shape)
