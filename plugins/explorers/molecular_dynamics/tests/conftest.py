"""Potentials to drive the explorer with, and crystals to begin from."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.emt import EMT

from eltanin.batch import Properties, Ragged
from eltanin_atoms.structures import Structures


@dataclass(frozen=True)
class LennardJones:
    """Argon, shifted in force, over nearest images."""

    epsilon: float = 0.0104
    sigma: float = 3.405
    cutoff: float = 5.2

    def predict(self, x):
        answers = [self.one(r, h) for r, h in zip(x.positions.rows(), x.cell, strict=True)]
        energy, forces, virial = zip(*answers, strict=True)
        return Properties.of(energy=np.array(energy), forces=Ragged.of(forces), virial=np.array(virial))

    def one(self, r, h):
        i, j = np.triu_indices(len(r), 1)
        s = (r[j] - r[i]) @ np.linalg.inv(h)
        rij = (s - np.round(s)) @ h
        d = np.sqrt(np.sum(rij**2, axis=1))
        near = d < self.cutoff
        i, j, rij, d = i[near], j[near], rij[near], d[near]
        u, du = self.pair(d)
        uc, duc = self.pair(self.cutoff)
        f = ((du - duc) / d)[:, None] * rij  # force on i
        forces = np.zeros_like(r)
        np.add.at(forces, i, f)
        np.add.at(forces, j, -f)
        return np.sum(u - uc - (d - self.cutoff) * duc), forces, -rij.T @ f

    def pair(self, d):
        s6 = (self.sigma / d) ** 6
        return 4 * self.epsilon * (s6**2 - s6), -24 * self.epsilon * (2 * s6**2 - s6) / d


@dataclass(frozen=True)
class CopperEmt:
    """Copper by effective medium theory."""

    calculator: EMT = field(default_factory=EMT)

    def predict(self, x):
        energy, forces, virial = [], [], []
        for atoms in x.to_ase():
            atoms.calc = self.calculator
            energy.append(atoms.get_potential_energy())
            forces.append(atoms.get_forces())
            virial.append(-atoms.get_stress(voigt=False) * atoms.get_volume())
        return Properties.of(energy=np.array(energy), forces=Ragged.of(forces), virial=np.array(virial))


@dataclass(frozen=True)
class Fcc:
    """A system: fcc crystals of 4 n^3 atoms."""

    symbol: str
    a: float
    n: int = 2

    def structures(self):
        return Structures.from_ase([bulk(self.symbol, a=self.a, cubic=True).repeat(self.n)])


@pytest.fixture(scope="session")
def argon():
    return Fcc("Ar", 5.3)


@pytest.fixture(scope="session")
def copper():
    return Fcc("Cu", 3.61)


@pytest.fixture(scope="session")
def lennard_jones():
    return LennardJones()


@pytest.fixture(scope="session")
def emt():
    return CopperEmt()
