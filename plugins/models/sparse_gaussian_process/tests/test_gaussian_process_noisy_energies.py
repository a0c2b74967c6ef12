"""Energies that bring standard errors along, and a repulsion that is known beforehand: the curve of two atoms."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms

from eltanin.batch import Properties
from eltanin.protocols import Dataset
from eltanin_atoms.structures import Structures
from eltanin_sparse_gaussian_process import SparseGaussianProcess
from eltanin_zbl import ZBL

BARE = SparseGaussianProcess(cutoff=4.0, width=1.0, smearing=0.3, radial=6, angular=2, resolution=1e-13)
MODEL = replace(BARE, repulsion=ZBL(inner=4.0, outer=6.4))
RNG = np.random.default_rng(0)  # of no account: there is one answer
DEPTH, STEEPNESS, DISTANCE = 4.75, 1.94, 0.741  # eV, 1/Å, Å: Morse's curve of the hydrogen molecule


def molecules(distances):
    return Structures.from_ase([Atoms("H2", [[0, 0, 0], [0, 0, r]]) for r in distances])


def morse(distances):
    return DEPTH * (1 - np.exp(-STEEPNESS * (distances - DISTANCE))) ** 2 - DEPTH


def learned(model, distances, energies, errors):
    n = len(distances)
    y = Properties({"energy": energies}, {"energy": np.ones(n, dtype=bool)}, {"energy": errors})
    data = Dataset(molecules(distances), y, np.zeros(n, int), np.zeros(n, int), np.zeros(n), Properties.none(n))
    state, metrics = model.train(model.init(data, RNG), data, RNG)
    return model.predictor(state), metrics


def test_labels_count_with_their_standard_errors_and_two_of_one_structure_are_averaged():
    errors = np.array([0.1, 0.2])
    potential, metrics = learned(BARE, [0.8, 0.8], np.array([1.0, 2.0]), errors)
    known = potential.predict(molecules([0.8]))
    assert metrics["noise"] == 1.0
    # with a mean of 1.5 taken out before, and a prior much wider than the errors: (1/0.1² + 2/0.2²)/(1/0.1² + 1/0.2²)
    prior = 4 * potential.known.signal
    weight = (errors**-2).sum()
    assert known.values["energy"][0] == pytest.approx(1.5 + (-0.3 * weight) / (weight + 1 / prior), abs=1e-6)
    assert known.sigma["energy"][0] == pytest.approx((weight + 1 / prior) ** -0.5, rel=1e-4)


def test_a_curve_is_within_its_own_error_bars_and_so_are_its_slope_and_minimum():
    distances, fine = np.linspace(0.42, 2.33, 20), np.linspace(0.42, 2.33, 60)
    off, slopes, lowest = [], [], []
    for seed in range(3):
        noise = 0.005 * np.random.default_rng(seed).normal(size=20)
        potential, _ = learned(MODEL, distances, morse(distances) + noise, np.full(20, 0.005))
        found = potential.predict(molecules(fine))
        off.append((found.values["energy"] - morse(fine)) / found.sigma["energy"])
        place = potential.predict(molecules([DISTANCE]))
        slopes.append(place.values["forces"].values[0, 2] / place.sigma["forces"].values[0, 2])
        lowest.append((place.values["energy"][0] + DEPTH) / place.sigma["energy"][0])
    assert 0.5 < np.sqrt(np.mean(np.square(off))) < 1.5
    assert np.max(np.abs(slopes)) < 3
    assert np.max(np.abs(lowest)) < 3


def test_standard_errors_grow_where_there_is_a_gap():
    distances = np.concatenate([np.linspace(0.42, 0.6, 5), np.linspace(0.9, 2.3, 12)])
    potential, _ = learned(MODEL, distances, morse(distances), np.full(17, 0.005))
    inside, beside = potential.predict(molecules([0.75, 1.3])).sigma["energy"]
    assert inside > 2 * beside


def test_a_repulsion_is_added_to_what_was_learned_and_its_derivatives_with_it():
    distances = np.linspace(0.42, 2.33, 12)
    potential, metrics = learned(MODEL, distances, morse(distances), np.full(12, 0.005))
    h = 1e-4
    ends = potential.predict(molecules([0.6 - h, 0.6 + h])).values["energy"]
    found = potential.predict(molecules([0.6])).values
    assert found["forces"].values[1, 2] == pytest.approx(-(ends[1] - ends[0]) / (2 * h), rel=1e-4)
    assert found["virial"][0, 2, 2] == pytest.approx(0.6 * found["forces"].values[1, 2], rel=1e-6)
    assert metrics["training_energy_rmse_mev_per_atom"] < 5


def test_a_repulsion_that_reaches_beyond_the_cutoff_is_refused():
    with pytest.raises(ValueError, match=r"reaches 4\.34 Å between atoms of H, and atoms see 4 Å"):
        replace(BARE, repulsion=ZBL(inner=4.0, outer=7.0)).check(molecules([1.0]))
