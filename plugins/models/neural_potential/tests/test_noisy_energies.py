"""Energies with standard errors: each counts with 1/σ², and forces may be missing altogether."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms

from eltanin.batch import Properties
from eltanin.protocols import Dataset
from eltanin_atoms.structures import Structures
from eltanin_neural_potential import NeuralPotential
from eltanin_neural_potential.loss import certainties
from eltanin_smooth import Smooth

MODEL = NeuralPotential(
    descriptor=Smooth(cutoff=4.0, smooth_from=0.5, neurons=[4, 8], axis=2),
    neurons=[8],
    device="cpu",
    batch=8,
    steps=300,
    learning_rate=2e-2,
    learning_rate_end=1e-4,
    energy_weight=(1.0, 1.0),
    force_weight=(0.0, 0.0),
)


def noisy(energies, errors):
    known = np.ones(len(energies), dtype=bool)
    return Properties({"energy": np.array(energies)}, {"energy": known}, {"energy": np.array(errors)})


def data(distances, y):
    x = Structures.from_ase([Atoms("H2", [[0, 0, 0], [0, 0, d]]) for d in distances])
    n = len(x)
    return Dataset(x, y, np.zeros(n, int), np.zeros(n, int), np.zeros(n), Properties.none(n))


def test_two_labels_of_one_structure_are_averaged_with_their_weights():
    learned = data([0.8, 0.8], noisy([1.0, 2.0], [0.1, 0.2]))
    rng = np.random.default_rng(0)
    state, metrics = MODEL.train(MODEL.init(learned, rng), learned, rng)
    energy = MODEL.predictor(state).predict(learned.configurations).values["energy"]
    np.testing.assert_allclose(energy, [1.2, 1.2], atol=2e-3)  # (1 / 0.1² + 2 / 0.2²) / (1 / 0.1² + 1 / 0.2²)
    misses = np.array([0.2, -0.8]) / 2  # eV per atom: errors are told as they are, without weights
    assert metrics["training_energy_rmse_mev_per_atom"] == pytest.approx(1e3 * np.sqrt(np.mean(misses**2)), rel=0.01)


def test_weights_are_inverse_variances_of_mean_one():
    found = certainties(noisy([0.0] * 4, [0.1, 0.2, np.nan, 0.0]))
    np.testing.assert_allclose(found / found[0], [1, 0.25, 1, 1])
    assert found.mean() == pytest.approx(1)
    np.testing.assert_array_equal(certainties(Properties.of(energy=np.zeros(3))), np.ones(3))


def test_equal_errors_change_nothing():
    distances, energies = [0.7, 0.9, 1.3], [1.0, 0.2, 0.4]
    found = []
    for y in (noisy(energies, [0.3] * 3), Properties.of(energy=np.array(energies))):
        learned, rng = data(distances, y), np.random.default_rng(0)
        state, _ = MODEL.train(MODEL.init(learned, rng), learned, rng)
        found.append(MODEL.predictor(state).predict(learned.configurations).values["energy"])
    np.testing.assert_array_equal(*found)
