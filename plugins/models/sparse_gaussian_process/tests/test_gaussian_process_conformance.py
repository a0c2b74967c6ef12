"""The Gaussian process passes the suite, for one species and two."""

from __future__ import annotations

import numpy as np
import pytest

from eltanin_atoms.conformance.potentials import PotentialConformance
from eltanin_sparse_gaussian_process import kernel
from eltanin_sparse_gaussian_process.kernel import Points
from eltanin_sparse_gaussian_process.potential import Potential
from eltanin_sparse_gaussian_process.regression import Posterior, factor
from eltanin_sparse_gaussian_process.spectrum import Soap, spectra


class TestSparseGaussianProcessPotential(PotentialConformance):
    cutoff = 5.0
    step = 1e-4  # radial integrals are tabulated: their third derivative jumps every 1e-3 Å
    derivative_tolerance = 3e-7

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
