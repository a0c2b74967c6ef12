"""Velocity grids, discrete equilibria, and the lift."""

import numpy as np
import pytest
import torch

from eltanin_gas.lift import closing_of_lift, impossible, two_gaussians
from eltanin_gas.monatomic import State, closing_of, equilibrium_moments, moments_of
from eltanin_kinetic.equilibria import discrete_gaussian, discrete_maxwellian
from eltanin_kinetic.relaxation import flow_state, raw_moments
from eltanin_kinetic.solver import distribution, plan
from eltanin_kinetic.velocities import spacing, uniform


def tensor(*values):
    return torch.tensor([values], dtype=torch.float64)


def grid(dv, count):
    return uniform(torch.tensor([dv], dtype=torch.float64), count // 2, count)


def test_sums_over_the_grid_have_the_error_of_the_trapezoidal_rule():
    for dv in (1.6, 2.0):
        g, _ = discrete_maxwellian(tensor(1.0), tensor(0.0), tensor(1.0), grid(dv, 40), corrections=0)
        error = float(g.sum() * dv - 1)
        # nodes lie halfway, where the first image of Poisson's sum has the minus sign
        assert error == pytest.approx(-2 * np.exp(-2 * np.pi**2 / dv**2), rel=1e-3)


@pytest.mark.parametrize(("dv", "corrections", "tolerance"), [(0.8, 1, 1e-15), (1.5, 1, 5e-6), (1.5, 12, 2e-15)])
def test_discrete_maxwellian_has_the_conserved_moments(dv, corrections, tolerance):
    rho, u, temperature = tensor(1.0, 0.3), tensor(0.4, -1.1), tensor(1.0, 1.7)
    velocities = grid(dv, 40)
    f = torch.stack(discrete_maxwellian(rho, u, temperature, velocities, corrections), dim=1)
    found = flow_state(f, velocities)[:3]
    for got, wanted in zip(found, (rho, u, temperature), strict=True):
        torch.testing.assert_close(got, wanted, rtol=tolerance * 4, atol=tolerance * 4)


def test_discrete_maxwellian_is_an_exponential_with_h_over_g_of_one_temperature():
    velocities = grid(1.5, 40)
    g, h = discrete_maxwellian(tensor(1.0), tensor(0.3), tensor(1.0), velocities, 12)
    assert float((h / g).std()) < 1e-15
    curvature = torch.diff(g.log()[0, :, 0], n=2)
    torch.testing.assert_close(curvature, curvature.mean().expand(38), rtol=1e-10, atol=0)
    assert float(h[0, 0, 0] / g[0, 0, 0]) == pytest.approx(-(1.5**2) / float(curvature.mean()), rel=1e-10)


def test_discrete_gaussian_has_its_own_three_moments():
    velocities = grid(0.9, 40)
    g = discrete_gaussian(tensor(2.0), tensor(0.5), tensor(1.3), velocities, 3)
    m = (velocities.weights @ g)[0, :, 0]
    np.testing.assert_allclose(m[:3], [2.0, 1.0, 2 * (0.25 + 1.3)], rtol=1e-14)


@pytest.mark.parametrize(("low", "high"), [(-7.0, 7.0), (-3.0, 12.0), (2.0, 20.0), (-20.0, -2.0), (-0.01, 9.0)])
def test_grid_spans_what_it_was_told_and_has_zero_between_two_nodes(low, high):
    dv, negative = spacing(low, high, 48)
    v = uniform(torch.tensor([dv], dtype=torch.float64), negative, 48).v[0].numpy()
    assert v[0] <= low + 1e-12 or low > 0
    assert v[-1] >= high - 1e-12 or high < 0
    assert np.abs(v).min() == pytest.approx(dv / 2)
    assert np.sum(v < 0) == negative


def states(count, seed):
    rng = np.random.default_rng(seed)
    rho, temperature = rng.uniform(0.1, 3, count), rng.uniform(0.3, 4, count)
    p = rho * temperature
    flow = p * temperature**0.5
    return State(
        rho,
        rng.normal(size=count),
        temperature,
        p * rng.uniform(-0.5, 0.8, count),
        flow * rng.uniform(-1, 1, count),
        flow * rng.uniform(-0.15, 0.15, count),
    )


def test_lift_has_the_six_moments_and_is_positive():
    moments = moments_of(states(300, 0))
    pair = two_gaussians(moments)
    good = ~impossible(pair)
    assert good.mean() > 0.95
    moments = moments[good]
    pair = two_gaussians(moments)
    wide = plan(pair, 48, 8.0)
    velocities = uniform(torch.tensor([wide.dv], dtype=torch.float64), wide.negative, wide.count)
    f = distribution(type(pair)(*(p[:, None] for p in pair)), velocities)
    assert float(f.min()) >= 0
    g, h = raw_moments(f, velocities)
    found = np.concatenate([g[0, :4], h[0, :2]]).T
    scale = np.abs(moments).max(axis=0)
    np.testing.assert_allclose(found / scale, moments / scale, atol=1e-11)
    closing = closing_of(moments, g[0, 4].numpy(), h[0, 2].numpy())
    np.testing.assert_allclose(closing_of_lift(moments), closing, rtol=1e-9, atol=1e-9)


def test_lift_of_equilibrium_is_maxwellian():
    moments = equilibrium_moments(np.array([2.0]), np.array([-0.4]), np.array([1.5]))
    np.testing.assert_allclose(closing_of_lift(moments), [[3.0, 1.0]], rtol=1e-12)
    pair = two_gaussians(moments)
    np.testing.assert_allclose(pair.along, 1.5, rtol=1e-7)
    np.testing.assert_allclose(pair.across, 1.5, rtol=1e-7)


def test_moments_of_no_gas_have_no_lift():
    cold = moments_of(State(*(np.array([v]) for v in (1.0, 0.0, 1.0, 2.5, 0.0, 0.0))))  # p_yy < 0
    torn = moments_of(State(*(np.array([v]) for v in (1.0, 0.0, 1.0, 0.0, 0.0, 5.0))))
    assert impossible(two_gaussians(cold))[0]
    assert impossible(two_gaussians(torn))[0]
