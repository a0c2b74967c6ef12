"""The smooth Deep Potential passes the suite, for every kind of embedding and number of species."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from eltanin.batch import Properties
from eltanin_atoms.conformance.potentials import PotentialConformance
from eltanin_atoms.conformance.samples import copper, rattled, untrained
from eltanin_atoms.structures import Structures
from eltanin_neural_potential import NeuralPotential
from eltanin_smooth import Smooth


class TestSmoothPotential(PotentialConformance):
    cutoff = 5.0

    @pytest.fixture(params=[True, False], ids=["one-sided", "pairwise"])
    def one_sided(self, request):
        return request.param

    @pytest.fixture(params=[128, 0], ids=["table", "nets"])
    def predictor(self, request, one_sided, structures):
        descriptor = Smooth(
            cutoff=self.cutoff,
            smooth_from=1.0,
            neurons=[6, 12],
            axis=4,
            one_sided=one_sided,
            resnet_dt=True,
            intervals=request.param,
        )
        model = NeuralPotential(descriptor=descriptor, neurons=[10, 10], device="cpu")
        return untrained(model, structures)


def test_what_flew_apart_or_collapsed_has_no_energy_and_leaves_the_rest_alone():
    model = NeuralPotential(descriptor=Smooth(cutoff=5.0, neurons=[6], axis=4), neurons=[8], device="cpu")
    potential = untrained(model, copper())
    good, far, dense = (bulk("Cu", cubic=True) for _ in range(3))
    far.positions[2] = [0.0, 1e15, 0.0]
    dense.set_cell(dense.cell.array * 1e-3, scale_atoms=True)
    slab = Atoms("Cu3", positions=[[0, 0, 0], [1, 0, 2], [0, 1, 1e7]], cell=[4, 4, 0], pbc=[True, True, False])
    found = potential.predict(Structures.from_ase([good, far, dense, good, slab]))
    energy, forces = found.values["energy"], found.values["forces"].rows()
    assert np.isfinite(energy).tolist() == [True, False, False, True, True]
    assert energy[0] == energy[3]
    assert np.isnan(forces[1]).all()
    np.testing.assert_allclose(forces[4][2], 0.0, atol=1e-15)  # of its own images alone
    alone = potential.predict(Structures.from_ase([good])).values["energy"]
    np.testing.assert_allclose(energy[:1], alone, rtol=1e-12)


def test_batches_of_many_atoms_are_cut_into_parts():
    model = NeuralPotential(descriptor=Smooth(cutoff=3.0, neurons=[4], axis=2), neurons=[8], device="cpu")
    frames = rattled([bulk("Cu", cubic=True).repeat(4 + k % 3) for k in range(24)])
    potential = untrained(model, frames[:2])
    together = potential.predict(frames)
    alone = Properties.concatenate([potential.predict(frames[[k]]) for k in range(len(frames))])
    assert frames.counts.sum() > 8192
    for name in ("energy", "virial"):
        np.testing.assert_allclose(together.values[name], alone.values[name], rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(together.values["forces"].values, alone.values["forces"].values, rtol=1e-9, atol=1e-12)
