"""Where an exploration begins: the structures of the system, perturbed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from eltanin.batch import Ragged
from eltanin.protocols import Rng
from eltanin_atoms.structures import Structures
from eltanin_molecular_dynamics.guards import closest_approach
from eltanin_molecular_dynamics.perturbation import (
    displaced,
    random_strain,
    strained,
    thermal_amplitude,
)
from eltanin_molecular_dynamics.settings import Region

ATTEMPTS = 20


@dataclass(frozen=True)
class Perturbation:
    """How much structures are perturbed.

    displacement: standard deviation of a coordinate at 300 K, Å.  strain: largest.
    distance: smallest between two atoms, in sums of covalent radii; a draw below it is drawn again.
    """

    displacement: float
    strain: float
    distance: float

    def __call__(self, structures: Structures, temperatures: np.ndarray, rng: Rng) -> Structures:
        """Return one structure for each temperature, as displaced as at that temperature."""
        x = structures[np.arange(len(temperatures)) % len(structures)]
        rows = zip(x.positions.rows(), x.numbers.rows(), x.cell, x.pbc, temperatures, strict=True)
        positions, cells = zip(*(self._draw(*row, rng) for row in rows), strict=True)
        return replace(x, positions=Ragged.of(positions), cell=np.array(cells), evidence={})

    def _draw(
        self,
        positions: np.ndarray,
        numbers: np.ndarray,
        cell: np.ndarray,
        pbc: np.ndarray,
        temperature: float,
        rng: Rng,
    ) -> tuple[np.ndarray, np.ndarray]:
        amplitude, close = thermal_amplitude(self.displacement, temperature), 0.0
        for _ in range(ATTEMPTS):
            shaken = displaced(positions, amplitude, rng)
            strain = random_strain(self.strain, rng) * pbc.any()  # a molecule has no cell to strain
            moved, box = strained(shaken, cell, strain)
            close = closest_approach(moved, numbers, box, pbc, within=self.distance)
            if close >= self.distance:
                return moved, box
        raise ValueError(
            f"a perturbed structure at {temperature:g} K has atoms {close:.2f} times the sum of "
            f"their covalent radii apart, below explorer.guards.distance={self.distance}, in each "
            f"of {ATTEMPTS} draws: lower explorer.displacement={self.displacement} (Å at 300 K), "
            "or mend the structures"
        )


def first_pool(
    structures: Structures,
    regions: Mapping[str, Region],
    each: int,
    perturb: Perturbation,
    rng: Rng,
) -> Structures:
    """Return `each` perturbed structures for every region, with evidence of the region."""
    ladder = [np.resize(region.temperatures, each) for region in regions.values()]
    temperatures = np.concatenate(ladder).astype(float)
    x = perturb(structures, temperatures, rng)
    evidence = {
        "region": np.repeat(list(regions), each),
        "temperature": temperatures,
        "pressure": np.full(len(x), np.nan),
        "trajectory": np.full(len(x), -1),
        "time": np.full(len(x), np.nan),
        "velocities": Ragged(np.zeros_like(x.positions.values), x.counts),
        "stopped": np.full(len(x), ""),
    }
    return replace(x, evidence=evidence)
