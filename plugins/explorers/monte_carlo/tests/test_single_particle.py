"""Walks by one particle at a time: densities that are known, and quick ways that lead where slow ones do."""

import numpy as np
import pytest

from eltanin.batch import Properties
from eltanin_monte_carlo import MonteCarlo
from eltanin_monte_carlo.explorer import walk
from eltanin_monte_carlo.sweeps import SingleParticle
from eltanin_walkers.courses import Whole
from eltanin_walkers.harmonic.system import Particles


def rng(seed=0):
    return np.random.default_rng(seed)


class Coupled:
    """psi² is a normal density with the precision matrix 2 A over particles, the same in all dimensions."""

    a = np.array([[1.0, 0.3, 0.0], [0.3, 0.8, -0.2], [0.0, -0.2, 0.6]])

    def predict(self, x):
        r = x.positions
        return Properties.of(log_psi=-0.5 * np.einsum("nid,ij,njd->n", r, self.a, r))


class Quick(Coupled):
    """The same, which knows the change by itself."""

    begun = 0

    def course(self, x):
        self.begun += 1
        return QuickCourse(self.a, x.positions.copy())


class QuickCourse:
    def __init__(self, a, positions):
        self.a, self.positions = a, positions

    def change(self, particle, there):
        self.move = particle, there
        step = there - self.positions[:, particle]
        force = np.einsum("j,njd->nd", self.a[particle], self.positions)
        return -(step * force).sum(1) - 0.5 * self.a[particle, particle] * (step**2).sum(1)

    def accept(self, moves):
        particle, there = self.move
        self.positions[moves, particle] = there[moves]


def test_chain_samples_correlated_particles():
    explorer = MonteCarlo(Particles(3, 2), move=SingleParticle(), walkers=4000, steps=30, burn_in=60)
    x, _ = explorer.explore([Coupled()], explorer.init(rng(1)), None, rng(2))
    exact = np.linalg.inv(2 * Coupled.a)
    found = np.einsum("nid,njd->ij", x.positions, x.positions) / (2 * len(x))
    spread = np.sqrt((np.outer(np.diag(exact), np.diag(exact)) + exact**2) / (2 * len(x)))
    assert (np.abs(found - exact) < 4 * spread).all()
    assert x.evidence["acceptance"].mean() == pytest.approx(0.5, abs=0.1)


def test_quick_and_slow_ways_are_one_walk():
    here, quick = rng(1).normal(size=(50, 3, 2)), Quick()
    slow_end, slow_part = walk(Coupled(), SingleParticle(), here, 0.9, 20, rng(2))
    quick_end, quick_part = walk(quick, SingleParticle(), here, 0.9, 20, rng(2))
    assert quick.begun == 1
    np.testing.assert_allclose(quick_end, slow_end, rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(quick_part, slow_part)
    np.testing.assert_array_equal(here, rng(1).normal(size=(50, 3, 2)))  # what was handed in stays


def test_a_place_without_a_number_is_not_gone_to():
    class Broken(Coupled):
        def predict(self, x):
            log = super().predict(x).values["log_psi"]
            return Properties.of(log_psi=np.where((x.positions > 0).any((1, 2)), np.nan, log))

    start = -np.abs(rng(1).normal(size=(100, 3, 1)))
    end, _ = walk(Broken(), SingleParticle(), start, 1.0, 20, rng(2))
    assert (end <= 0).all()
    assert not np.array_equal(end, start)


def test_the_whole_remembers_where_it_is():
    course = Whole(lambda r: -(r**2).sum((1, 2)), rng(1).normal(size=(4, 2, 3)))
    before = course.positions.copy()
    change = course.change(1, np.zeros((4, 3)))
    np.testing.assert_allclose(change, (before[:, 1] ** 2).sum(1))
    course.accept(np.array([True, False, True, False]))
    np.testing.assert_array_equal(course.positions[[0, 2], 1], 0)
    np.testing.assert_array_equal(course.positions[[1, 3]], before[[1, 3]])
    np.testing.assert_allclose(course.change(1, np.zeros((4, 3)))[[0, 2]], 0, atol=1e-15)
