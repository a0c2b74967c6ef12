"""Markov chains on psi squared: against densities that are known."""

import itertools

import numpy as np
import pytest

from eltanin.batch import Properties
from eltanin_monte_carlo import MonteCarlo
from eltanin_monte_carlo.explorer import walk
from eltanin_monte_carlo.moves import Gaussian, Langevin, drift
from eltanin_monte_carlo.spin_moves import SpinExchange, SpinFlip
from eltanin_walkers.harmonic.system import Particles
from eltanin_walkers.systems.lattice import Lattice
from eltanin_walkers.systems.molecule import Molecule
from eltanin_walkers.walkers import Walkers

FEEDBACK = object()  # of a campaign that trains; what it says is not read


def rng(seed=0):
    return np.random.default_rng(seed)


class Well:
    """psi = exp(-alpha r^2 / 2), all coordinates normal of variance 1 / (2 alpha)."""

    alpha = 0.9

    def predict(self, x):
        return Properties.of(log_psi=-0.5 * self.alpha * (x.positions**2).sum((1, 2)))

    def gradient(self, x):
        return -self.alpha * x.positions


class Hydrogen:
    """psi = exp(-r): <r> = 3/2, <1/r> = 1, <r^2> = 3."""

    def predict(self, x):
        return Properties.of(log_psi=-np.linalg.norm(x.positions, axis=-1).sum(1))

    def gradient(self, x):
        return -x.positions / np.linalg.norm(x.positions, axis=-1, keepdims=True)


class Spins:
    """log psi is a table of all configurations of the lattice."""

    def __init__(self, sites):
        self.table = 0.4 * rng(3).normal(size=2**sites)

    def index(self, positions):
        return ((positions[..., 0] > 0) @ (1 << np.arange(positions.shape[1]))).astype(int)

    def predict(self, x):
        return Properties.of(log_psi=self.table[self.index(x.positions)])


@pytest.mark.parametrize("move", [Gaussian(), Langevin()])
def test_chain_samples_a_gaussian(move):
    explorer = MonteCarlo(Particles(2, 3), move=move, walkers=4000, steps=60, burn_in=100)
    x, _ = explorer.explore([Well()], explorer.init(rng(1)), None, rng(2))
    coordinates = x.positions.ravel()
    n = len(coordinates)
    assert abs(coordinates.mean()) < 4 * np.sqrt(0.5 / Well.alpha / n)
    assert coordinates.var() == pytest.approx(0.5 / Well.alpha, rel=4 * np.sqrt(2 / n))
    assert x.evidence["acceptance"].mean() == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize("move", [Gaussian(), Langevin()])
def test_chain_samples_hydrogen_with_its_cusp(move):
    explorer = MonteCarlo(Molecule("H 0 0 0"), move=move, walkers=8000, steps=100, burn_in=100)
    x, _ = explorer.explore([Hydrogen()], explorer.init(rng(1)), None, rng(2))
    r = np.linalg.norm(x.positions[:, 0], axis=1)
    for value, exact in ((r, 1.5), (1 / r, 1.0), (r**2, 3.0)):
        assert value.mean() == pytest.approx(exact, abs=4 * value.std() / np.sqrt(len(r)))


@pytest.mark.parametrize("kind", ["flip", "exchange"])
def test_every_configuration_comes_as_often_as_it_should(kind):
    lattice = Lattice((4,), magnetization=None if kind == "flip" else 0)
    move = SpinFlip() if kind == "flip" else SpinExchange(lattice)
    psi = Spins(4)
    here, _ = walk(psi, move, lattice.start(40_000, rng(1)), 1.0, 100, rng(2))
    allowed = [i for i, s in enumerate(itertools.product([0, 1], repeat=4)) if kind == "flip" or sum(s) == 2]
    weight = np.exp(2 * psi.table[allowed])
    expected = len(here) * weight / weight.sum()
    counts = np.bincount(psi.index(here), minlength=16)
    assert counts.sum() == counts[allowed].sum()
    chi2 = ((counts[allowed] - expected) ** 2 / expected).sum()
    assert chi2 < len(allowed) - 1 + 4 * np.sqrt(2 * (len(allowed) - 1))


def test_langevin_proposals_are_in_balance():
    # the bias is log T(there -> here) / T(here -> there) of two normal densities
    move, psi, step = Langevin(), Hydrogen(), 0.4
    here = rng(1).normal(size=(5, 2, 3))
    seen = move.look(psi, here)
    there = move.propose(here, seen, step, rng(2))
    seen_there = move.look(psi, there)
    density = lambda a, b: -((b - a - drift(psi.gradient(Walkers(a)), step)) ** 2).sum((1, 2)) / (2 * step**2)  # noqa: E731
    expected = density(there, here) - density(here, there)
    np.testing.assert_allclose(move.bias(here, seen, there, seen_there, step), expected, rtol=1e-12)


def test_drift_is_tau_v_where_it_is_small_and_limited_where_it_is_large():
    v = np.array([[[1e-4, 0, 0]]])
    np.testing.assert_allclose(drift(v, 0.3), 0.09 * v, rtol=1e-8)
    assert np.linalg.norm(drift(1e10 * v, 0.3)) == pytest.approx(0.3 * np.sqrt(2), rel=1e-5)


def test_step_follows_the_acceptance_in_training_and_stays_in_evaluation():
    explorer = MonteCarlo(Particles(2, 3), move=Gaussian(), walkers=200, step=5.0, burn_in=0)
    state = explorer.init(rng(1))
    for k in range(60):
        x, state = explorer.explore([Well()], state, FEEDBACK, rng(k))
    assert x.evidence["acceptance"].mean() == pytest.approx(0.5, abs=0.1)
    _, after = explorer.explore([Well()], state, None, rng(9))
    assert after["step"] == state["step"] < 5.0


def test_walk_is_repeatable_and_begins_without_a_wave_function():
    explorer = MonteCarlo(Particles(2, 3), move=Gaussian(), walkers=8, steps=3, burn_in=20)
    state = explorer.init(rng(1))
    x, same = explorer.explore([], state, None, rng(2))
    np.testing.assert_array_equal(x.positions, state["positions"])
    assert not same["walked"]
    one, state_one = explorer.explore([Well()], same, None, rng(3))
    other, _ = explorer.explore([Well()], same, None, rng(3))
    np.testing.assert_array_equal(one.positions, other.positions)
    assert state_one["walked"]
    assert state_one["step"] != same["step"]  # adapted on the way to equilibrium


def test_a_wave_function_that_is_no_number_is_not_walked_to():
    class Broken(Well):
        def predict(self, x):
            log = super().predict(x).values["log_psi"]
            return Properties.of(log_psi=np.where(x.positions[:, 0, 0] > 0, np.nan, log))

    start = -np.abs(rng(1).normal(size=(100, 1, 3)))
    here, _ = walk(Broken(), Gaussian(), start, 1.0, 50, rng(2))
    assert (here[:, 0, 0] <= 0).all()


def test_langevin_needs_a_gradient():
    with pytest.raises(TypeError, match="explorer/move=gaussian"):
        Langevin().look(Spins(4), np.zeros((2, 4, 1)))


@pytest.mark.parametrize("setting", [{"walkers": 1}, {"steps": 0}, {"burn_in": -1}, {"step": 0.0}, {"acceptance": 1.0}])
def test_chains_that_are_none_are_refused(setting):
    with pytest.raises(ValueError, match=r"explorer\..*give"):
        MonteCarlo(Particles(), move=Gaussian(), **setting)
