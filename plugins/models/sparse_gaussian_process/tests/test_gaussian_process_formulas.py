"""The regression against the dense formulas, written out (Quiñonero-Candela & Rasmussen 2005)."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from eltanin_atoms.least_squares import triangle
from eltanin_sparse_gaussian_process.regression import factor, inducing, most_likely, posterior, variance


def squared_exponential(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.exp(-0.5 * (a[:, None] - b[None]) ** 2)


@pytest.fixture
def small():
    """Noisy values of a function of one variable, with errors that differ."""
    rng = np.random.default_rng(0)
    x, u, new = rng.uniform(-4, 4, 25), np.linspace(-3.5, 3.5, 6), np.linspace(-6, 6, 31)
    error = rng.uniform(0.5, 2.0, 25)
    y = np.sin(x) + 0.1 * error * rng.normal(size=25)
    prior = factor(squared_exponential(u, u))
    found = triangle([(squared_exponential(x, u) / error[:, None], y / error)], len(u))
    return SimpleNamespace(x=x, u=u, new=new, error=error, y=y, prior=prior, found=found)


@pytest.mark.parametrize(("signal", "noise"), [(1.0, 0.01), (3.7, 0.2)])
def test_mean_and_variance_are_those_of_the_dense_formulas(small, signal, noise):
    """With Q_ab = K_au K_uu⁻¹ K_ub: mean Q_*f (Q_ff + N)⁻¹ y, variance K_** - Q_*f (Q_ff + N)⁻¹ Q_f* (eq. 20)."""
    k_uu, k_fu, k_nu = (signal * squared_exponential(a, small.u) for a in (small.u, small.x, small.new))
    q_nf = k_nu @ np.linalg.solve(k_uu, k_fu.T)
    q_ff = k_fu @ np.linalg.solve(k_uu, k_fu.T)
    dense = np.linalg.inv(q_ff + noise * np.diag(small.error**2))
    known = posterior(small.found, small.prior, signal, noise)
    rows = squared_exponential(small.new, small.u)
    np.testing.assert_allclose(rows @ known.weights, q_nf @ dense @ small.y, rtol=1e-8, atol=1e-9)
    expected = signal - np.einsum("nf,fg,ng->n", q_nf, dense, q_nf)
    np.testing.assert_allclose(variance(known, rows, np.ones(31)), expected, rtol=1e-8, atol=1e-9)


def test_all_labels_as_points_are_the_full_gaussian_process(small):
    known = posterior(
        triangle([(squared_exponential(small.x, small.x) / small.error[:, None], small.y / small.error)], 25),
        factor(squared_exponential(small.x, small.x)),
        1.0,
        0.01,
    )
    k_nf = squared_exponential(small.new, small.x)
    full = np.linalg.inv(squared_exponential(small.x, small.x) + 0.01 * np.diag(small.error**2))
    np.testing.assert_allclose(k_nf @ known.weights, k_nf @ full @ small.y, atol=1e-5)
    expected = 1.0 - np.einsum("nf,fg,ng->n", k_nf, full, k_nf)
    np.testing.assert_allclose(variance(known, k_nf, np.ones(31)), expected, atol=1e-5)


def test_the_variance_goes_to_the_noise_at_points_and_to_the_signal_far_away():
    """A point measured n times is known to noise/n: with the prior, 1/(n/noise + 1/signal)."""
    u = np.array([0.0, 100.0])
    for n in (1, 4, 100):
        rows = np.repeat(squared_exponential(u[:1], u), n, axis=0)
        known = posterior(triangle([(rows, np.ones(n))], 2), factor(squared_exponential(u, u)), 1e2, 0.01)
        found = variance(known, squared_exponential(np.array([0.0, 100.0, 50.0]), u), np.ones(3))
        np.testing.assert_allclose(found, [1 / (n / 0.01 + 1 / 1e2), 1e2, 1e2], rtol=1e-5)


def test_the_most_likely_scales_are_those_of_the_dense_likelihood(small):
    """No neighbouring pair of scales makes the labels more likely, by scipy's own density."""
    signal, noise = most_likely(small.found, small.prior)
    k_uu, k_fu = squared_exponential(small.u, small.u), squared_exponential(small.x, small.u)
    q_ff = k_fu @ np.linalg.solve(k_uu, k_fu.T)

    def likelihood(v: float, tau2: float) -> float:
        covariance = v * q_ff + tau2 * np.diag(small.error**2)
        return float(multivariate_normal(cov=covariance, allow_singular=False).logpdf(small.y))

    best = likelihood(signal, noise)
    for v in (0.98, 1.0, 1.02):
        for t in (0.98, 1.0, 1.02):
            assert likelihood(v * signal, t * noise) <= best + 1e-6
    assert best - likelihood(0.5 * signal, noise) > 1e-3
    assert 0.05 < noise**0.5 < 0.2  # the labels were drawn with 0.1


def test_points_are_chosen_by_their_variance():
    """Each next point is the one that is least known given the others, by the dense formula."""
    rng = np.random.default_rng(2)
    unit = rng.normal(size=(40, 6)) + 1.5
    unit /= np.linalg.norm(unit, axis=1)[:, None]
    species = rng.integers(0, 2, 40)
    full = np.where(species[:, None] == species, (unit @ unit.T) ** 2, 0.0)
    chosen = list(inducing(unit, species, 2, 3, 10, 1e-8))
    assert chosen[:3] == [0, 1, 2]
    for k in range(3, 10):
        before = chosen[:k]
        known = np.linalg.solve(full[np.ix_(before, before)], full[before])
        left = np.diag(full) - (full[before] * known).sum(axis=0)
        left[before] = 0
        assert left[chosen[k]] == pytest.approx(left.max(), rel=1e-9)
    assert len(set(inducing(unit, species, 2, 0, 100, 1e-8))) <= 40


def test_a_point_that_is_there_already_is_not_taken_again():
    unit = np.eye(4)[[0, 1, 0, 2, 1]]
    assert list(inducing(unit, np.zeros(5, int), 2, 2, 10, 1e-8)) == [0, 1, 3]
    assert list(inducing(unit[[0, 0, 1]], np.zeros(3, int), 2, 2, 10, 1e-8)) == [0, 2]


def test_a_noise_that_is_known_stays_and_the_signal_is_the_most_likely_beside_it(small):
    signal, noise = most_likely(small.found, small.prior, 0.01)
    assert noise == 0.01
    k_uu, k_fu = squared_exponential(small.u, small.u), squared_exponential(small.x, small.u)
    q_ff = k_fu @ np.linalg.solve(k_uu, k_fu.T)

    def likelihood(v: float) -> float:
        return float(multivariate_normal(cov=v * q_ff + 0.01 * np.diag(small.error**2)).logpdf(small.y))

    assert likelihood(signal) > max(likelihood(0.98 * signal), likelihood(1.02 * signal))
