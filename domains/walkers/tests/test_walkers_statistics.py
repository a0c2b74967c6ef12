"""Error bars of correlated numbers: against an autoregressive process, of which all is known."""

import numpy as np
import pytest

from eltanin_walkers import statistics

PHI = 0.8  # x_t = φ x_(t-1) + noise: ρ(t) = φ^t, τ = (1 + φ) / (1 - φ) = 9
TAU = (1 + PHI) / (1 - PHI)


def autoregressive(evaluations, walkers, seed=0, phi=PHI):
    rng = np.random.default_rng(seed)
    x = np.empty((evaluations, walkers))
    x[0] = rng.normal(size=walkers)  # stationary from the beginning, of variance 1
    for t in range(1, evaluations):
        x[t] = phi * x[t - 1] + np.sqrt(1 - phi**2) * rng.normal(size=walkers)
    return x


def test_autocorrelation_time_of_an_autoregressive_process():
    assert statistics.autocorrelation_time(autoregressive(4000, 32)) == pytest.approx(TAU, rel=0.05)
    assert statistics.autocorrelation_time(autoregressive(4000, 32, phi=0.0)) == pytest.approx(1, abs=0.05)


def test_blocking_finds_the_error_of_correlated_numbers():
    exact = np.sqrt(TAU / 2**14)
    found = [statistics.blocking_error(autoregressive(2**14, 1, seed)[:, 0]) for seed in range(20)]
    assert np.mean(found) == pytest.approx(exact, rel=0.1)
    naive = 1 / np.sqrt(2**14)
    assert min(found) > 2 * naive


def test_walkers_tell_the_error_too():
    exact = np.sqrt(TAU / (2000 * 64))
    assert statistics.between_error(autoregressive(2000, 64)) == pytest.approx(exact, rel=0.3)


def test_error_bars_cover_the_mean_as_often_as_they_say():
    within = 0
    for seed in range(200):
        found = statistics.estimate(autoregressive(256, 16, seed))
        within += abs(found.mean) < 2 * found.error
    assert within >= 184  # 95.4 % would be 191, of which 184 is 2.4 standard deviations less


def test_estimate_reports_the_larger_error():
    x = autoregressive(400, 32, seed=3)
    found = statistics.estimate(x)
    assert found.error == max(found.blocking, found.between) > 0
    assert found.effective == pytest.approx(x.size / found.autocorrelation)
    stuck = np.random.default_rng(0).normal(size=32) + 1e-3 * x  # walkers that never forget where they began
    found = statistics.estimate(stuck)
    assert found.error == found.between > 100 * found.blocking
    assert found.r_hat > 10


def test_r_hat_is_one_in_equilibrium():
    assert statistics.r_hat(autoregressive(2000, 16)) == pytest.approx(1, abs=0.01)
    drift = autoregressive(2000, 16) + np.linspace(0, 5, 2000)[:, None]
    within, between = 1 + 2.5**2 / 12, 1.25**2 * 32 / 31  # of halves whose means are 2.5 apart
    assert statistics.r_hat(drift) == pytest.approx(np.sqrt(1 + between / within), rel=0.03)
    assert statistics.r_hat(np.ones((10, 3))) == 1


def test_a_constant_has_no_error():
    found = statistics.estimate(np.full((64, 8), -0.5))
    assert (found.mean, found.error, found.variance) == (-0.5, 0.0, 0.0)


def test_v_score():
    assert statistics.v_score(-10.0, 0.5, 20) == pytest.approx(0.1)
