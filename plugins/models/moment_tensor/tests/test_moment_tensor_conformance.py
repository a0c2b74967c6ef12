"""The moment tensor potential passes the suite, for one species and two."""

from __future__ import annotations

import numpy as np
import pytest

from eltanin.batch import Properties
from eltanin.protocols import Dataset
from eltanin_atoms.conformance.potentials import PotentialConformance
from eltanin_atoms.structures import Structures
from eltanin_moment_tensor import MomentTensor


def unlabelled(x: Structures) -> Dataset:
    n = len(x)
    y = Properties.of(energy=np.zeros(n))
    return Dataset(x, y, np.zeros(n, int), np.zeros(n, int), np.zeros(n), Properties.none(n))


class TestMomentTensorPotential(PotentialConformance):
    cutoff = 5.0

    @pytest.fixture
    def predictor(self, structures):
        """Random coefficients: every contraction of the basis bears on the energy."""
        rng = np.random.default_rng(5)
        model = MomentTensor(level=10, radial=4, cutoff=self.cutoff, closest=1.0)
        state = model.init(unlabelled(structures), rng)
        return model.predictor(state | {"coefficients": rng.normal(size=state["coefficients"].shape)})
