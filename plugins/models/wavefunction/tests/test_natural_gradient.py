"""Natural gradients: identities between methods, and a quadratic valley that is known."""

import pytest
import torch

from eltanin_wavefunction import natural_gradient as ng
from eltanin_wavefunction.optimizers import Adam, Spring, StochasticReconfiguration

GENERATOR = torch.Generator().manual_seed(1)


def sample(walkers, parameters):
    scores = torch.randn(walkers, parameters, generator=GENERATOR, dtype=torch.float64)
    energies = scores[:, 0] + torch.randn(walkers, generator=GENERATOR, dtype=torch.float64)
    return scores, energies


@pytest.mark.parametrize(("walkers", "parameters"), [(40, 7), (7, 40), (20, 20)])
def test_both_systems_of_equations_have_one_solution(walkers, parameters):
    o, errors = ng.centred(*sample(walkers, parameters))
    one = ng.stochastic_reconfiguration(o, errors, 1e-3)
    other = ng.minimum_step(o, errors, 1e-3)
    torch.testing.assert_close(one, other, rtol=0, atol=1e-10 * float(one.abs().max()))


@pytest.mark.parametrize(("walkers", "parameters"), [(40, 7), (7, 40)])
def test_spring_without_momentum_is_the_minimum_step(walkers, parameters):
    o, errors = ng.centred(*sample(walkers, parameters))
    before = torch.randn(parameters, generator=GENERATOR, dtype=torch.float64)
    one = ng.spring(o, errors, 1e-3, before, 0.0)
    torch.testing.assert_close(one, ng.minimum_step(o, errors, 1e-3), rtol=0, atol=1e-10 * float(one.abs().max()))


def test_spring_is_the_damped_least_squares_step_nearest_to_the_one_before():
    # φ minimises |O φ - ε|² + λ |φ - μ φ'|²
    o, errors = ng.centred(*sample(12, 30))
    before = torch.randn(30, generator=GENERATOR, dtype=torch.float64)
    found = ng.spring(o, errors, 1e-2, before, 0.9)
    left = torch.cat([o, 1e-1 * torch.eye(30, dtype=torch.float64)])
    right = torch.cat([errors, 1e-1 * 0.9 * before])
    torch.testing.assert_close(found, torch.linalg.lstsq(left, right).solution, rtol=1e-9, atol=1e-9)


def test_direction_is_that_of_the_covariance():
    # one parameter: -Cov(E, O) / (Var O + λ)
    scores, energies = sample(500, 1)
    o, errors = ng.centred(scores, energies)
    covariance = torch.cov(torch.stack([scores[:, 0], energies]), correction=0)
    expected = -covariance[0, 1] / (covariance[0, 0] + 0.1)
    assert float(ng.stochastic_reconfiguration(o, errors, 0.1)) == pytest.approx(float(expected), rel=1e-12)


def test_clipping_moves_outliers_alone():
    energies = torch.tensor([0.0, 1.0, -1.0, 2.0, -2.0, 0.5, -0.5, 100.0], dtype=torch.float64)
    # the median (torch's lower one) is 0, the mean distance 107 / 8
    found = ng.clipped(energies, 1.0)
    assert float(found[-1]) == pytest.approx(107 / 8)
    torch.testing.assert_close(found[:-1], energies[:-1], rtol=0, atol=0)


def test_a_long_step_is_shortened_and_a_short_one_is_not():
    step = torch.tensor([3.0, 4.0], dtype=torch.float64)
    torch.testing.assert_close(ng.constrained(step, 1.0), step / 5)
    torch.testing.assert_close(ng.constrained(step, 6.0), step, rtol=0, atol=0)
    assert float(ng.constrained(0 * step, 1.0).norm()) == 0


@pytest.mark.parametrize(
    "optimizer",
    [Spring(rate=0.3, damping=1e-6), StochasticReconfiguration(rate=0.5, damping=1e-6), Adam(rate=0.1, decay=100)],
)
def test_every_optimizer_finds_the_bottom_of_a_valley(optimizer):
    # log ψ linear in θ with scores s: E_L - E = s·(θ - θ*) has its zero-variance point at θ*
    target = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
    theta, state = torch.zeros(3, dtype=torch.float64), optimizer.begin(3)
    scores, _ = sample(64, 3)
    for _ in range(400):
        step, state = optimizer.step(*ng.centred(scores, scores @ (theta - target)), state)
        theta = theta + step
    torch.testing.assert_close(theta, target, rtol=0, atol=5e-3)


@pytest.mark.parametrize(
    "wrong", [lambda: Spring(momentum=1.0), lambda: Spring(rate=0), lambda: Adam(decay=-1), lambda: Spring(damping=0)]
)
def test_steps_that_go_nowhere_are_refused(wrong):
    with pytest.raises(ValueError, match=r"model\.optimizer.*give"):
        wrong()
