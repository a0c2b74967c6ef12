"""The moment tensor potential passes the suite, for one species and two."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from eltanin.batch import Properties
from eltanin.protocols import Dataset
from eltanin_atoms.conformance.potentials import PotentialConformance
from eltanin_atoms.structures import Structures
from eltanin_moment_tensor import MomentTensor


def copper() -> Structures:
    slab = Atoms(
        "Cu6", positions=np.random.default_rng(0).uniform(0, 5, (6, 3)), cell=[5, 6, 0], pbc=[True, True, False]
    )
    cluster = Atoms("Cu5", positions=np.random.default_rng(1).uniform(0, 4, (5, 3)))
    return rattled([bulk("Cu", cubic=True).repeat((2, 1, 1)), bulk("Cu", "hcp", a=2.6, c=4.1), slab, cluster])


def salt() -> Structures:
    rock, caesium = bulk("NaCl", "rocksalt", a=5.64, cubic=True), bulk("NaCl", "cesiumchloride", a=3.5)
    chain = Atoms(
        "NaClNa", positions=[[0, 0, 0], [2.5, 0.3, 0.1], [0.4, 2.6, 2.2]], cell=[7, 0, 0], pbc=[True, False, False]
    )
    return rattled([rock, caesium, chain, Atoms("Cl2Na2", positions=np.eye(4, 3) * 2.6)])


def rattled(frames: list[Atoms]) -> Structures:
    for k, atoms in enumerate(frames):
        atoms.rattle(0.08, seed=k)
    return Structures.from_ase(frames)


def unlabelled(x: Structures) -> Dataset:
    n = len(x)
    y = Properties.of(energy=np.zeros(n))
    return Dataset(x, y, np.zeros(n, int), np.zeros(n, int), np.zeros(n), Properties.none(n))


class TestMomentTensorPotential(PotentialConformance):
    cutoff = 5.0

    @pytest.fixture(params=[copper, salt], ids=["one-species", "two-species"])
    def structures(self, request):
        return request.param()

    @pytest.fixture
    def predictor(self, structures):
        """Random coefficients: every contraction of the basis bears on the energy."""
        rng = np.random.default_rng(5)
        model = MomentTensor(level=10, radial=4, cutoff=self.cutoff, closest=1.0)
        state = model.init(unlabelled(structures), rng)
        return model.predictor(state | {"coefficients": rng.normal(size=state["coefficients"].shape)})
