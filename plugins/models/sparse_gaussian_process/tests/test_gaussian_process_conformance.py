"""The Gaussian process passes the suite, for one species and two."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from eltanin_atoms.conformance.potentials import PotentialConformance
from eltanin_atoms.structures import Structures
from eltanin_sparse_gaussian_process import kernel
from eltanin_sparse_gaussian_process.kernel import Points
from eltanin_sparse_gaussian_process.potential import Potential
from eltanin_sparse_gaussian_process.regression import Posterior, factor
from eltanin_sparse_gaussian_process.spectrum import Soap, spectra


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


class TestSparseGaussianProcessPotential(PotentialConformance):
    cutoff = 5.0
    step = 1e-4  # radial integrals are tabulated: their third derivative jumps every 1e-3 Å
    derivative_tolerance = 3e-7

    @pytest.fixture(params=[copper, salt], ids=["one-species", "two-species"])
    def structures(self, request):
        return request.param()

    @pytest.fixture
    def predictor(self, structures):
        """Random weights of a few points, which are atoms of the structures themselves."""
        rng = np.random.default_rng(5)
        elements = ["Cl", "Na"] if 11 in structures.numbers.values else ["Cu"]
        soap = Soap(self.cutoff, 1.5, 0.5, 3, 3)
        found = spectra(structures, soap, elements, derivatives=False)
        points = Points(found.unit[::2], found.species[::2])
        prior = factor(kernel.kernel(points.unit, points.species, points.unit, points.species, 2))
        known = Posterior(rng.normal(size=len(points.unit)), prior.T, prior, 1.0, 1.0)
        return Potential(elements, soap, 2, points, known, rng.normal(size=len(elements)))
