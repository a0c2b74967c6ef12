"""Potentials of symmetry functions pass the suite; with the cosine, forces have a kink at the cutoff."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from eltanin_atoms.conformance.potentials import PotentialConformance
from eltanin_atoms.conformance.samples import copper, untrained
from eltanin_atoms.structures import Structures
from eltanin_behler_parrinello import BehlerParrinello
from eltanin_neural_potential import NeuralPotential

DESCRIPTOR = BehlerParrinello(cutoff=5.0, angular_cutoff=4.0, radial=5, zetas=[1.0, 3.0], etas=[0.05])


def potential(descriptor: BehlerParrinello, x: Structures):
    return untrained(NeuralPotential(descriptor=descriptor, neurons=[10, 10], device="cpu"), x)


class TestSymmetryFunctions(PotentialConformance):
    cutoff = DESCRIPTOR.cutoff

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
