"""The harmonic well: local energies, natural gradient and Markov chain against what is known exactly."""

import numpy as np
import pytest

from eltanin.protocols import Dataset
from eltanin_walkers.domain import ManyBody
from eltanin_walkers.harmonic import gaussian
from eltanin_walkers.harmonic.gaussian_wavefunction import Gaussian, GaussianWavefunction
from eltanin_walkers.harmonic.metropolis import Metropolis
from eltanin_walkers.harmonic.system import Particles
from eltanin_walkers.harmonic.well import HarmonicWell
from eltanin_walkers.walkers import Walkers


def rng(seed=0):
    return np.random.default_rng(seed)


def dataset(x, system, frequency=1.0):
    y = HarmonicWell(system, frequency).label(x, ManyBody().wanted, rng()).values
    zeros = np.zeros(len(x))
    return Dataset(x, y, zeros.astype(int), zeros.astype(int), zeros, y)


def test_local_energy_is_minus_half_the_laplacian_plus_the_potential():
    alpha, mass, h = 0.7, 1.8, 1e-3
    x = rng().normal(size=(5, 2, 3))
    psi = lambda r: np.exp(gaussian.log_psi(gaussian.square_radius(r), alpha))  # noqa: E731
    laplacian = np.zeros(5)
    for p, d in np.ndindex(2, 3):
        e = np.zeros((2, 3))
        e[p, d] = h
        stencil = zip((-2, -1, 0, 1, 2), (-1 / 12, 4 / 3, -5 / 2, 4 / 3, -1 / 12), strict=True)
        laplacian += sum(c * psi(x + k * e) for k, c in stencil) / h**2
    potential = rng(1).normal(size=5)
    expected = -laplacian / psi(x) / (2 * mass) + potential
    found = gaussian.local_energy(gaussian.square_radius(x), potential, alpha, 6, mass)
    np.testing.assert_allclose(found, expected, rtol=1e-8)


@pytest.mark.parametrize(
    ("number", "dimensions", "frequency", "mass"), [(1, 1, 1, 1), (2, 3, 0.5, 1), (5, 2, 2.0, 3.7)]
)
def test_no_variance_at_the_optimum_and_the_exact_energy(number, dimensions, frequency, mass):
    system = Particles(number, dimensions, mass)
    x = Walkers(rng().normal(size=(100, number, dimensions)))
    model = GaussianWavefunction(system, alpha=mass * frequency)
    _, metrics = model.train(model.init(None, rng()), dataset(x, system, frequency), rng())
    assert metrics["energy_hartree"] == pytest.approx(number * dimensions * frequency / 2, rel=1e-13)
    assert metrics["variance_hartree2"] < 1e-24


def test_natural_gradient_is_that_of_the_exact_energy_without_noise():
    # E(alpha) = (D/4) (alpha/m + m w^2/alpha), Var O = D/8, so dE/dtheta / (2 Var O) = alpha/m - m w^2/alpha
    alpha, mass, frequency = 0.4, 1.5, 0.8
    r2 = gaussian.square_radius(rng().normal(size=(3, 2, 3)))
    potential = 0.5 * mass * frequency**2 * r2
    energy = gaussian.local_energy(r2, potential, alpha, 6, mass)
    slope = gaussian.natural_gradient(energy, gaussian.log_psi(r2, alpha), 0.0)
    assert slope == pytest.approx(alpha / mass - mass * frequency**2 / alpha, rel=1e-12)


def test_the_step_converges_cubically():
    system = Particles(1, 3)
    data = dataset(Walkers(rng().normal(size=(50, 1, 3))), system)
    model, errors = GaussianWavefunction(system, alpha=0.8), []
    state = model.init(data, rng())
    for _ in range(3):
        errors.append(abs(state["theta"]))
        state, _ = model.train(state, data, rng())
    assert errors[1] == pytest.approx(errors[0] ** 3 / 6, rel=0.02)
    assert errors[2] == pytest.approx(errors[1] ** 3 / 6, rel=0.02)


def test_markov_chain_samples_psi_squared():
    alpha, system = 0.9, Particles(2, 3)
    explorer = Metropolis(system, walkers=4000, steps=200, step=0.8, spread=2.0)
    x, _ = explorer.explore([Gaussian(alpha)], explorer.init(rng(1)), None, rng(2))
    coordinates = x.positions.ravel()  # independent normal numbers of variance 1 / (2 alpha)
    n = len(coordinates)
    assert abs(coordinates.mean()) < 4 * np.sqrt(0.5 / alpha / n)
    assert coordinates.var() == pytest.approx(0.5 / alpha, rel=4 * np.sqrt(2 / n))
    assert np.mean(coordinates**4) == pytest.approx(0.75 / alpha**2, rel=0.05)
    assert 0.2 < x.evidence["acceptance"].mean() < 0.8


def test_energy_of_a_wrong_width_lies_within_its_error_bars():
    alpha, system = 0.6, Particles(2, 3)
    exact = 6 / 4 * (alpha + 1 / alpha)
    model, explorer = GaussianWavefunction(system, alpha), Metropolis(system, walkers=400, steps=60, step=0.8)
    within = 0
    for seed in range(20):
        x, _ = explorer.explore([Gaussian(alpha)], explorer.init(rng(seed)), None, rng(100 + seed))
        _, metrics = model.train(model.init(None, rng()), dataset(x, system), rng())
        within += abs(metrics["energy_hartree"] - exact) < 2 * metrics["energy_error_hartree"]
    assert within >= 17


def test_walk_is_repeatable_and_goes_on_from_where_it_was():
    explorer = Metropolis(Particles(), walkers=8, steps=3)
    start = explorer.init(rng())
    one, there = explorer.explore([Gaussian(1.0)], start, None, rng(1))
    again, _ = explorer.explore([Gaussian(1.0)], start, None, rng(1))
    np.testing.assert_array_equal(one.positions, again.positions)
    np.testing.assert_array_equal(there["positions"], one.positions)


def test_walkers_of_another_system_are_refused():
    with pytest.raises(ValueError, match=r"system\.number"):
        HarmonicWell(Particles(2, 3)).check(Walkers(np.zeros((4, 3, 3))))


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Particles(number=0),
        lambda: Particles(mass=0.0),
        lambda: HarmonicWell(Particles(), frequency=-1.0),
        lambda: Metropolis(Particles(), walkers=1),
        lambda: Metropolis(Particles(), step=0.0),
        lambda: GaussianWavefunction(Particles(), alpha=0.0),
    ],
)
def test_settings_without_meaning_are_refused(wrong):
    with pytest.raises(ValueError, match="give"):
        wrong()
