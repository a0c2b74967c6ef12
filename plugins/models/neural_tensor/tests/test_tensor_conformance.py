"""Neural tensors pass the suite: both quantities, every kind of embedding, with and without a table."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from eltanin.batch import Properties
from eltanin.protocols import Dataset
from eltanin_atoms.conformance.samples import rattled
from eltanin_atoms.conformance.tensors import TensorConformance
from eltanin_atoms.domain import Atoms as Domain
from eltanin_atoms.structures import Structures
from eltanin_neural_tensor import NeuralTensor
from eltanin_smooth import Smooth


def water() -> Structures:
    """Two waters, a salt in a cell, a slab, and atoms at random."""
    rng = np.random.default_rng(0)
    one = np.array([[0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]])
    pair = Atoms("OH2OH2", positions=np.concatenate([one, one[:, [2, 0, 1]] + [2.4, 1.3, 0.4]]))
    rock = bulk("OH", "rocksalt", a=4.2, cubic=True)
    slab = Atoms("O2H4", positions=rng.uniform(0, 4, (6, 3)), cell=[4, 5, 0], pbc=[True, True, False])
    loose = Atoms("H4O", positions=rng.uniform(0, 4, (5, 3)))
    return rattled([pair, rock, slab, loose], 0.15)


class Tensors(TensorConformance):
    cutoff = 4.5

    @pytest.fixture
    def structures(self) -> Structures:
        return water()

    @pytest.fixture(params=[(True, 128), (False, 0)], ids=["one-sided-table", "pairwise-nets"])
    def predictor(self, request, structures):
        one_sided, intervals = request.param
        descriptor = Smooth(
            cutoff=self.cutoff, smooth_from=1.5, neurons=[6, 12], axis=4, one_sided=one_sided, intervals=intervals
        )
        model = NeuralTensor(
            measured=Domain(quantity=self.quantity), descriptor=descriptor, neurons=[12, 12], device="cpu"
        )
        n, rng = len(structures), np.random.default_rng(5)
        shape = (n, 3) if self.quantity == "dipole" else (n, 3, 3)
        y = Properties.of(**{self.quantity: rng.normal(size=shape)})
        data = Dataset(structures, y, np.zeros(n, int), np.zeros(n, int), np.zeros(n), Properties.none(n))
        return model.predictor(model.init(data, np.random.default_rng(2)))


class TestDipole(Tensors):
    quantity = "dipole"


class TestPolarizability(Tensors):
    quantity = "polarizability"

    def test_it_is_symmetric(self, predictor, structures) -> None:
        found = self.ask(predictor, structures)
        assert np.abs(found - found.transpose(0, 2, 1)).max() < 1e-13 * np.abs(found).max()
        assert np.abs(found - np.trace(found, axis1=1, axis2=2)[:, None, None] / 3 * np.eye(3)).max() > 1e-3
