"""Potentials of symmetry functions pass the suite; with the cosine, forces have a kink at the cutoff."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from eltanin.batch import Properties
from eltanin.protocols import Dataset
from eltanin_atoms.conformance.potentials import PotentialConformance
from eltanin_atoms.structures import Structures
from eltanin_behler_parrinello import BehlerParrinello
from eltanin_neural_potential import NeuralPotential

DESCRIPTOR = BehlerParrinello(cutoff=5.0, angular_cutoff=4.0, radial=5, zetas=[1.0, 3.0], etas=[0.05])


def copper() -> Structures:
    solid, small = bulk("Cu", cubic=True).repeat((2, 1, 1)), bulk("Cu", "hcp", a=2.6, c=4.1)
    rng = np.random.default_rng(0)
    slab = Atoms("Cu6", positions=rng.uniform(0, 5, (6, 3)), cell=[5, 6, 0], pbc=[True, True, False])
    return rattled([solid, small, slab, Atoms("Cu5", positions=rng.uniform(0, 4, (5, 3)))])


def salt() -> Structures:
    rock, caesium = bulk("NaCl", "rocksalt", a=5.64, cubic=True), bulk("NaCl", "cesiumchloride", a=3.5)
    positions = [[0, 0, 0], [2.5, 0.3, 0.1], [0.4, 2.6, 2.2]]
    chain = Atoms("NaClNa", positions=positions, cell=[7, 0, 0], pbc=[True, False, False])
    return rattled([rock, caesium, chain, Atoms("Cl2Na2", positions=np.eye(4, 3) * 2.6)])


def rattled(frames: list[Atoms]) -> Structures:
    for k, atoms in enumerate(frames):
        atoms.rattle(0.08, seed=k)
    return Structures.from_ase(frames)


def potential(descriptor: BehlerParrinello, x: Structures):
    n, energies = len(x), np.linspace(-3.0, -1.0, len(x)) * x.counts
    none = np.zeros(n, int)
    data = Dataset(x, Properties.of(energy=energies), none, none, np.zeros(n), Properties.none(n))
    model = NeuralPotential(descriptor=descriptor, neurons=[10, 10], device="cpu")
    return model.predictor(model.init(data, np.random.default_rng(7)))


class TestSymmetryFunctions(PotentialConformance):
    cutoff = DESCRIPTOR.cutoff

    @pytest.fixture(params=[copper, salt], ids=["one-species", "two-species"])
    def structures(self, request):
        return request.param()

    @pytest.fixture(params=[4.0, 5.0], ids=["near-angles", "one-cutoff"])
    def angular_cutoff(self, request):
        return request.param

    @pytest.fixture(params=[True, False], ids=["third-side", "two-sides"])
    def predictor(self, request, angular_cutoff, structures):
        return potential(replace(DESCRIPTOR, angular_cutoff=angular_cutoff, third_side=request.param), structures)


def test_the_cosine_leaves_a_kink_in_the_forces_and_the_polynomial_none():
    suite, slopes = TestSymmetryFunctions(), {}
    for switch in ("cosine", "polynomial"):
        predictor = potential(replace(DESCRIPTOR, switch=switch), copper())
        _, force = suite._leaving(predictor, copper(), np.array([0.0, 1e-3, 2e-3, 0.0, -1e-3]))
        inside, outside = (np.abs(force[k] - force[0]).max() / 1e-3 for k in (1, 4))
        assert outside < 1e-12
        slopes[switch] = inside / np.abs(force[0]).max()
    # Per Å, as part of the largest force: the slope is there at once, or vanishes with the distance.
    assert slopes["cosine"] > 100 * slopes["polynomial"] > 0
