"""Perturbation, guards and allocation: pure functions of arrays."""

from __future__ import annotations

import numpy as np
import pytest
from ase.build import bulk, molecule
from hypothesis import given, settings
from hypothesis import strategies as st

from eltanin_molecular_dynamics import allocation, guards, perturbation

COPPER = bulk("Cu", a=3.61, cubic=True).repeat(2)
WHERE = (COPPER.positions, COPPER.numbers, COPPER.cell.array, COPPER.pbc)
VOLUMES = (0.5 * COPPER.get_volume(), 2 * COPPER.get_volume())


def test_displacement_grows_as_the_square_root_of_temperature():
    assert perturbation.thermal_amplitude(0.08, 300.0) == pytest.approx(0.08)
    assert perturbation.thermal_amplitude(0.08, 1200.0) == pytest.approx(0.16)


def test_displacement_has_the_given_standard_deviation():
    zero = np.zeros((20000, 3))
    moved = perturbation.displaced(zero, 0.1, np.random.default_rng(0))
    assert moved.std() == pytest.approx(0.1, rel=0.02)
    assert abs(moved.mean()) < 4 * 0.1 / np.sqrt(60000)


@given(st.floats(0, 0.2), st.integers(0, 100))
def test_strain_is_symmetric_bounded_and_its_diagonal_is_volumetric(amplitude, seed):
    e = perturbation.random_strain(amplitude, np.random.default_rng(seed))
    assert np.array_equal(e, e.T)
    assert np.abs(e).max() <= amplitude
    assert np.ptp(np.diag(e)) == 0


def test_strain_moves_atoms_with_the_cell():
    e = perturbation.random_strain(0.05, np.random.default_rng(1))
    positions, cell = perturbation.strained(COPPER.positions, COPPER.cell.array, e)
    before = COPPER.positions @ np.linalg.inv(COPPER.cell.array)
    assert np.allclose(positions @ np.linalg.inv(cell), before, atol=1e-14)
    assert np.linalg.det(cell) / COPPER.get_volume() == pytest.approx(np.linalg.det(np.eye(3) + e))


def test_closest_approach_sees_images_and_radii():
    assert guards.closest_approach(*WHERE, within=1.2) == pytest.approx(3.61 / 2**0.5 / 2.64)
    lonely = np.zeros((1, 3)), np.array([29]), 2.0 * np.eye(3), np.ones(3, dtype=bool)
    assert guards.closest_approach(*lonely, within=1.0) == pytest.approx(2.0 / 2.64)
    water = molecule("H2O")
    found = guards.closest_approach(water.positions, water.numbers, water.cell.array, water.pbc, within=1.2)
    assert found == pytest.approx(water.get_distance(0, 1) / (0.66 + 0.31))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000), st.floats(0.2, 1.5))
def test_closest_approach_is_that_of_all_pairs(seed, within):
    rng = np.random.default_rng(seed)
    positions = rng.uniform(0, 6, size=(12, 3))
    d = np.linalg.norm(positions[:, None] - positions, axis=-1)[np.triu_indices(12, 1)].min() / 2.64
    molecule = positions, np.full(12, 29), np.zeros((3, 3)), np.zeros(3, dtype=bool)
    found = guards.closest_approach(*molecule, within=within)
    if d < within:
        assert found == pytest.approx(d)
    else:
        assert found >= within


def test_a_sane_crystal_passes():
    assert guards.configuration_fault(*WHERE, volumes=VOLUMES, distance=0.5) == ""


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_stopped_before_any_neighbour_is_sought(wrong):
    for k in (0, 2):
        broken = [np.array(a, dtype=float) if k == i else a for i, a in enumerate(WHERE)]
        broken[k][0, 0] = wrong
        assert guards.configuration_fault(*broken, volumes=VOLUMES, distance=0.5) == "nonfinite"
    forces = np.zeros((3, 3))
    forces[1, 1] = wrong
    assert guards.prediction_fault(0.0, forces, np.zeros(6), 50.0) == "nonfinite"
    assert guards.prediction_fault(wrong, np.zeros((3, 3)), np.zeros(6), 50.0) == "nonfinite"
    assert guards.prediction_fault(0.0, np.zeros((3, 3)), np.full(6, wrong), 50.0) == "nonfinite"
    assert guards.velocity_fault(np.ones(3), forces, 1000.0) == "nonfinite"


def test_each_guard_names_itself():
    far = WHERE[0].copy()
    far[0] = far[1] + [1.0, 0, 0]
    assert guards.configuration_fault(far, *WHERE[1:], volumes=VOLUMES, distance=0.5) == "distance"
    for scale in (0.7, 1.4):
        cell = scale * WHERE[2]
        args = (scale * WHERE[0], WHERE[1], cell, WHERE[3])
        assert guards.configuration_fault(*args, volumes=VOLUMES, distance=0.1) == "volume"
    forces = np.zeros((4, 3))
    forces[2] = [30.0, 30.0, 30.0]
    assert guards.prediction_fault(0.0, forces, np.zeros(6), 50.0) == "force"
    assert guards.prediction_fault(0.0, forces, np.zeros(6), 52.0) == ""


def test_kinetic_temperature_of_equipartition():
    rng = np.random.default_rng(0)
    masses = np.repeat([1.0, 40.0], 20000)
    velocities = np.sqrt(guards.BOLTZMANN * 300 / masses)[:, None] * rng.normal(size=(40000, 3))
    assert guards.kinetic_temperature(masses, velocities) == pytest.approx(300, rel=0.01)
    assert guards.velocity_fault(masses, velocities, 200.0) == "temperature"
    assert guards.velocity_fault(masses, velocities, 400.0) == ""


def test_inaccurate_fraction_counts_by_state_point():
    point = np.array([0, 0, 0, 0, 2, 2, -1])
    accurate = np.array([True, False, True, True, True, True, False])
    assert list(allocation.inaccurate_fraction(point, accurate, 3)) == [0.25, 1.0, 0.0]


def test_points_that_are_accurate_walk_a_quarter_as_far():
    steps = allocation.shares(np.array([0.0, 0.3]), steps=500, every=10)
    assert list(steps) == [200, 800]


@given(
    st.lists(st.floats(0, 1), min_size=1, max_size=30),
    st.integers(1, 20),
    st.integers(4, 100),
)
def test_the_work_of_a_round_is_bounded_and_no_point_is_left_alone(fractions, every, frames):
    c, steps = np.array(fractions), every * frames
    shares = allocation.shares(c, steps, every)
    assert np.all(shares % every == 0)
    assert shares.min() >= every
    assert shares.sum() <= steps * len(c)
    assert np.all(np.diff(shares[np.argsort(c, kind="stable")]) >= 0)


def test_alike_points_walk_alike():
    for c in (0.0, 0.4, 1.0):
        assert list(allocation.shares(np.full(3, c), 120, 10)) == [120, 120, 120]
