"""Distributions of least entropy: closed form, duality, and what Newton's method must not hide."""

import math

import pytest
import torch

from eltanin_gas.perceptron import layers_of
from eltanin_learned_moments import projection
from eltanin_learned_moments.family import (
    Features,
    distribution,
    entropy,
    equilibrium,
    hessian,
    invariants,
    moments,
    with_invariants,
)
from eltanin_learned_moments.features import bounded, first_layers, hermite, learned
from eltanin_learned_moments.projection import entropic_projection

CELLS, VELOCITIES = 40, 48


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def random_features(seed, even=1, odd=2):
    """Return features whose weights nobody has trained, nor made small."""
    return learned(layers_of(first_layers(12, even + odd, generator(seed), last=2.0)), even, odd)


def grid(cells=CELLS, reach=9.0):
    c = torch.linspace(-reach, reach, VELOCITIES, dtype=torch.float64).expand(cells, -1)
    return c, c[:, 1] - c[:, 0]


def random_gas(seed=0, cells=CELLS):
    """Return g and h (cells, V): three Gaussians each, of random weights, velocities and temperatures."""
    c, weight = grid(cells)
    part, u, t, across = torch.rand(4, cells, 3, 1, generator=generator(seed), dtype=torch.float64)
    g = (0.1 + part) * torch.exp(-((c[:, None] - 3 * (u - 0.5)) ** 2) / (0.6 + 2 * t))
    h = g * (0.3 + across)
    total = g.sum((1, 2))[:, None] * weight[:, None]
    return g.sum(1) / total, h.sum(1) / total


@pytest.mark.parametrize("seed", range(4))
def test_moments_are_met_to_round_off_and_nothing_beside_has_less_entropy(seed):
    c, weight = grid()
    features = with_invariants(c, random_features(seed)(c))
    g, h = random_gas(seed)
    found = entropic_projection(moments(g, h, features, weight), features, weight)
    assert not found.unconverged.any()
    size = moments(found.g, found.h, Features(features.a.abs(), features.b.abs()), weight)
    error = moments(found.g, found.h, features, weight) - moments(g, h, features, weight)
    assert float((error / size).abs().max()) < 1e-13
    least = entropy(found.g, found.h, weight)
    for part in (1.0, 1e-2, -1e-2):  # towards the gas, and away from it: all have these moments
        other = entropy(found.g + part * (g - found.g), found.h + part * (h - found.h), weight)
        assert float((other - least).min()) > 0


def test_without_further_features_it_is_the_maxwellian():
    c, weight = grid()
    none = Features(c[:, None][:, :0], c[:, None][:, :0])
    assert with_invariants(c, none).a.shape[1] == 3
    rho_u_e = torch.tensor([[1.0, 0.0, 1.5]], dtype=torch.float64).expand(CELLS, -1)
    found = entropic_projection(rho_u_e, with_invariants(c, none), weight)
    maxwellian = torch.exp(-(c**2) / 2) / math.sqrt(2 * math.pi)
    torch.testing.assert_close(found.g, maxwellian, rtol=1e-11, atol=0)
    torch.testing.assert_close(found.h, maxwellian, rtol=1e-11, atol=0)
    torch.testing.assert_close(found.alpha, equilibrium(CELLS, 3, c), rtol=0, atol=1e-12)


def test_a_gaussian_of_two_temperatures_is_found_from_its_stress():
    """With c² the family holds g = N(0, T_x), h = T_y g: the multipliers are known."""
    c, weight = grid()
    features = with_invariants(c, hermite(1, 0)(c))
    along, across = 1.4, 0.8
    wanted = torch.tensor([[1.0, 0.0, along / 2 + across, along]], dtype=torch.float64).expand(CELLS, -1)
    found = entropic_projection(wanted, features, weight)
    expected = [-math.log(2 * math.pi * along) / 2 - math.log(across), 0, -1 / across, (1 / across - 1 / along) / 2]
    torch.testing.assert_close(found.alpha[0], torch.tensor(expected, dtype=torch.float64), rtol=0, atol=1e-10)


def test_derivatives_of_the_dual():
    c, weight = grid(3)
    features = with_invariants(c, random_features(1)(c))
    alpha = equilibrium(3, 6, c) + 0.02 * torch.randn(3, 6, generator=generator(5), dtype=torch.float64)
    g, h, beta = distribution(alpha, features)
    assert (beta > 0).all()

    def psi(a):
        return distribution(a, features)[0].sum(-1) @ weight

    first = torch.autograd.functional.jacobian(psi, alpha)
    torch.testing.assert_close(first, moments(g, h, features, weight), rtol=1e-12, atol=1e-13)
    second = torch.autograd.functional.hessian(psi, alpha)
    blocks = torch.stack([second[i, :, i] for i in range(3)])
    torch.testing.assert_close(hessian(g, h, beta, features, weight), blocks, rtol=1e-11, atol=1e-12)


def test_the_gap_of_entropies_is_the_divergence_in_three_dimensions():
    """KL of two gases that are Gaussian across is ∫ g [log(g/θ) - log(g'/θ') - 1 + θ/θ'] dv, θ = h/g."""
    c, weight = grid()
    features = with_invariants(c, random_features(2)(c))
    g, h = random_gas(7)
    found = entropic_projection(moments(g, h, features, weight), features, weight)
    theta, other = h / g, found.h / found.g
    direct = (g * (torch.log(g / theta) - torch.log(found.g / other) - 1 + theta / other)).sum(-1) * weight
    gap = entropy(g, h, weight) - entropy(found.g, found.h, weight)
    torch.testing.assert_close(gap, direct, rtol=1e-9, atol=1e-12)
    assert float(gap.min()) > 1e-4


def test_frames_change_nothing_but_by_the_quadrature():
    """The same gas on nodes that were moved by a part of their distance has the same closing moments."""

    def closing(dv, moved):
        c = (torch.arange(-9 / dv, 9 / dv + 1, dtype=torch.float64) * dv + moved)[None]
        gas = sum(w * torch.exp(-((c - u) ** 2) / (2 * t)) for w, u, t in ((0.7, -0.6, 0.6), (0.3, 1.4, 0.9)))
        weight = torch.full((1,), dv, dtype=torch.float64)
        features = with_invariants(c, random_features(3)(c))
        f = entropic_projection(moments(gas, 0.8 * gas, features, weight), features, weight)
        return moments(f.g, f.h, Features(torch.stack([c**4, c**3], 1), torch.stack([c**2, c], 1)), weight)[0]

    errors = [float((closing(dv, dv / 3) - closing(dv, 0.0)).abs().max()) for dv in (0.6, 0.3, 0.15)]
    assert errors[1] < errors[0] / 50
    assert errors[2] < errors[1] / 50
    assert errors[2] < 1e-7


def test_reflected_gas_has_the_reflected_distribution():
    c, weight = grid()
    features = with_invariants(c, random_features(4)(c))
    g, h = random_gas(3)
    one = entropic_projection(moments(g, h, features, weight), features, weight)
    other = entropic_projection(moments(g.flip(-1), h.flip(-1), features, weight), features, weight)
    torch.testing.assert_close(other.g.flip(-1), one.g, rtol=1e-8, atol=1e-13)


def test_features_grow_as_integrable_exponentials_allow():
    c = torch.tensor([[1e3, 1e6, 1e9]], dtype=torch.float64)
    for features in (random_features(5, 2, 3)(c), bounded(2, 3)(c)):
        assert float((features.a / c).abs().max()) < 10  # linear: below c², whatever its multiplier
        assert float((features.b * c).abs().max()) < 1e3  # falls to zero


def test_features_are_even_or_odd():
    c = grid(1)[0]
    for features in (random_features(6, 2, 3)(c), bounded(2, 3)(c), hermite(2, 3)(c)):
        sign = torch.tensor([1.0, 1.0, -1.0, -1.0, -1.0], dtype=torch.float64)[None, :, None]
        torch.testing.assert_close(features.a.flip(-1), sign * features.a)
        torch.testing.assert_close(features.b.flip(-1), sign * features.b)


def test_moments_that_no_gas_has_are_named():
    c, weight = grid(3)
    features = with_invariants(c, hermite(1, 0)(c))
    wanted = torch.tensor([[1.0, 0.0, 1.5, 1.0], [1.0, 0.0, 1.5, -0.2], [1.0, 0.0, 1.5, 3.5]], dtype=torch.float64)
    assert entropic_projection(wanted, features, weight).unconverged.tolist() == [False, True, True]


def test_too_few_steps_are_named(monkeypatch):
    c, weight = grid()
    features = with_invariants(c, random_features(7)(c))
    g, h = random_gas(8)
    wanted = moments(g, h, features, weight)
    monkeypatch.setattr(projection, "MOST", 2)
    assert entropic_projection(wanted, features, weight).unconverged.all()


def test_features_that_depend_on_each_other_do_no_harm():
    c, weight = grid()
    once = random_features(8)(c)
    twice = Features(torch.cat([once.a, once.a[:, :1]], 1), torch.cat([once.b, once.b[:, :1]], 1))
    g, h = random_gas(9)
    found = []
    for further in (once, twice):
        features = with_invariants(c, further)
        found.append(entropic_projection(moments(g, h, features, weight), features, weight))
    assert not found[1].unconverged.any()
    torch.testing.assert_close(found[1].g, found[0].g, rtol=1e-6, atol=1e-10)


def test_a_start_that_means_nothing_is_not_taken():
    c, weight = grid()
    features = with_invariants(c, random_features(9)(c))
    g, h = random_gas(10)
    wanted = moments(g, h, features, weight)
    bad = -equilibrium(CELLS, 6, c)  # β = -1
    one, other = (entropic_projection(wanted, features, weight, start) for start in (None, bad))
    assert torch.equal(one.g, other.g)
    again = entropic_projection(wanted, features, weight, one.alpha)
    assert again.steps == 1
    assert invariants(c).a.shape == (CELLS, 3, VELOCITIES)
