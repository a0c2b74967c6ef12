"""A periodic box: its lattice, its nearest images, and what does not fit into it."""

import itertools

import numpy as np
import pytest
import torch

from eltanin_walkers.systems.periodic_box import PeriodicBox


def rng(seed=0):
    return np.random.default_rng(seed)


def test_edge_and_mass_are_those_of_helium():
    box = PeriodicBox(108)
    assert box.edge**3 * 0.0218 == pytest.approx(108)
    hbar, kelvin, atom = 1.054571817e-34, 1.380649e-23, 4.002603254 * 1.66053906660e-27  # CODATA 2018, SI
    assert 1 / box.mass == pytest.approx(hbar**2 / atom / kelvin * 1e20, rel=1e-5)


@pytest.mark.parametrize("number", [32, 108])
def test_walkers_begin_on_a_face_centred_cubic_lattice(number):
    box = PeriodicBox(number, density=0.03)
    x = box.start(50, rng())
    assert x.shape == (50, number, 3)
    sites = x.mean(axis=0)
    between = box.nearest(sites[:, None] - sites)
    distance = np.linalg.norm(between, axis=-1) + 1e3 * np.eye(number)
    expected = 2 ** (1 / 6) * 0.03 ** (-1 / 3)  # of neighbours at this density
    np.testing.assert_allclose(distance.min(axis=1), expected, rtol=0.05)
    np.testing.assert_array_equal((distance < 1.2 * expected).sum(axis=1), 12)


def test_nearest_image_is_the_shortest_of_all():
    box = PeriodicBox(32)
    between = rng().uniform(-40, 40, size=(200, 3))
    shifts = box.edge * np.array(list(itertools.product(range(-5, 6), repeat=3)))
    shortest = np.linalg.norm(between[:, None] + shifts, axis=-1).min(axis=1)
    np.testing.assert_allclose(np.linalg.norm(box.nearest(between), axis=1), shortest, rtol=1e-12)
    np.testing.assert_array_equal(box.nearest(torch.as_tensor(between)).numpy(), box.nearest(between))


@pytest.mark.parametrize("number", [0, 4, 33, 64])
def test_numbers_that_fill_no_lattice_are_refused(number):
    with pytest.raises(ValueError, match="such as 32, 108"):
        PeriodicBox(number)


@pytest.mark.parametrize("wrong", [{"density": 0.0}, {"hbar2_m": -1.0}])
def test_fluids_of_nothing_are_refused(wrong):
    with pytest.raises(ValueError, match="above 0"):
        PeriodicBox(**wrong)
