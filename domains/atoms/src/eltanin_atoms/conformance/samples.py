"""Structures to try a potential on, off their minima, and the potential that a model begins with."""

from __future__ import annotations

from typing import Any

import numpy as np
from ase import Atoms
from ase.build import bulk

from eltanin.batch import Properties
from eltanin.protocols import Dataset
from eltanin_atoms.structures import Structures


def copper() -> Structures:
    """Return one element: a crystal, one of a cell smaller than any cutoff, a slab and a cluster."""
    rng = np.random.default_rng(0)
    slab = Atoms("Cu6", positions=rng.uniform(0, 5, (6, 3)), cell=[5, 6, 0], pbc=[True, True, False])
    free = Atoms("Cu5", positions=rng.uniform(0, 4, (5, 3)))
    return rattled([bulk("Cu", cubic=True).repeat((2, 1, 1)), bulk("Cu", "hcp", a=2.6, c=4.1), slab, free])


def salt() -> Structures:
    """Return two elements: two crystals, a chain and a molecule."""
    rock, caesium = bulk("NaCl", "rocksalt", a=5.64, cubic=True), bulk("NaCl", "cesiumchloride", a=3.5)
    positions = [[0, 0, 0], [2.5, 0.3, 0.1], [0.4, 2.6, 2.2]]
    chain = Atoms("NaClNa", positions=positions, cell=[7, 0, 0], pbc=[True, False, False])
    return rattled([rock, caesium, chain, Atoms("Cl2Na2", positions=np.eye(4, 3) * 2.6)])


def rattled(frames: list[Atoms], by: float = 0.08) -> Structures:
    """Return the structures with every coordinate moved by a normal number of this deviation, Å."""
    for k, atoms in enumerate(frames):
        atoms.rattle(by, seed=k)
    return Structures.from_ase(frames)


def untrained(model: Any, x: Structures) -> Any:
    """Return the predictor of a member of random weights, that was told energies of -3 to -1 eV an atom."""
    n = len(x)
    none, y = np.zeros(n, int), Properties.of(energy=np.linspace(-3.0, -1.0, n) * x.counts)
    data = Dataset(x, y, none, none, np.zeros(n), Properties.none(n))
    return model.predictor(model.init(data, np.random.default_rng(7)))
