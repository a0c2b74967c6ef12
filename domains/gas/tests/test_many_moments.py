"""Moments of any order: real speeds, exact limits and symmetries, whatever closes them."""

import math

import numpy as np
import pytest
import torch

from eltanin_gas.flows.dispersion import growth_rates, hydrodynamic
from eltanin_gas.flows.hermite import gaussian_moments, hermite_moments, raw_moments
from eltanin_gas.flows.jacobi import eigenvalues, largest_root
from eltanin_gas.flows.many_moments import (
    ManyMoments,
    closing_changes,
    hermite_tail,
    standardised,
)
from eltanin_gas.flows.march import Flow, march
from eltanin_gas.monatomic import State
from eltanin_gas.problems import Boundary

SOUND = {0.1: -0.0098692399 + 0.1293840942j, 0.5: -0.2062235886 + 0.6634806423j}  # Faddeeva's function; tau = 1
HEAT = {0.1: -0.0098314279, 0.5: -0.1994748234}


def swaying(standard):
    """Return a tail that depends on everything: α odd and β even under reflection, as they must be."""
    odd = standard[..., 1::2].sum((-1, -2), keepdim=True)[..., 0]
    even = (standard[..., 2::2] ** 2).sum((-1, -2), keepdim=True)[..., 0]
    part = torch.tensor([1.0, -0.6], dtype=standard.dtype)
    return part * torch.tanh(odd), (standard.shape[-1] - 1) * torch.exp(part * torch.tanh(even))


def chains(order, count=50, seed=0):
    """Return raw moments (count, moments) of mixtures of Gaussians."""
    rng = np.random.default_rng(seed)
    rho, t, across = torch.as_tensor(rng.uniform(0.3, 2, size=(3, count, 3)))
    u = torch.as_tensor(rng.normal(size=(count, 3)))
    of_g = (rho[..., None] * gaussian_moments(u, t, order + 1)).sum(1)
    of_h = ((rho * across)[..., None] * gaussian_moments(u, t, order + 1)).sum(1)
    return torch.cat([of_g, of_h], -1)


def test_hermite_moments_are_those_of_hermite_polynomials():
    v = np.linspace(-9, 9, 4001)
    f = np.exp(-((v - 1) ** 2)) * (1 + 0.3 * np.sin(3 * v))
    raw = torch.as_tensor([(v**k * f).sum() for k in range(7)])
    u, t = 0.3, 1.7
    scaled = (v - u) / math.sqrt(t)
    known = [t ** (j / 2) * (np.polynomial.hermite_e.hermeval(scaled, [0] * j + [1]) * f).sum() for j in range(7)]
    found = hermite_moments(raw, torch.tensor(u).double(), torch.tensor(t).double())
    np.testing.assert_allclose(found, known, rtol=1e-6)


@pytest.mark.parametrize("order", [4, 7, 10])
def test_raw_moments_and_variables_come_back(order):
    system, u = ManyMoments(hermite_tail, order), chains(order)
    assert system.moments == u.shape[-1]
    torch.testing.assert_close(system.from_variables(system.variables(u)), u, rtol=1e-10, atol=1e-10)
    both = u.unflatten(-1, (2, order + 1))
    at, width = torch.full((50, 1), 0.4).double(), torch.full((50, 1), 1.3).double()
    torch.testing.assert_close(raw_moments(hermite_moments(both, at, width), at, width), both, rtol=1e-9, atol=1e-9)


def test_a_maxwellian_is_one_and_nothing_else():
    rho, u, t = (torch.tensor([x]).double() for x in (0.7, -1.2, 2.5))
    system = ManyMoments(hermite_tail, 8)
    rest = system.from_state(State(rho, u, t, 0 * t, 0 * t, 0 * t))
    torch.testing.assert_close(rest, system.equilibrium(rest), rtol=1e-12, atol=1e-12)
    known = torch.zeros(1, 2, 9).double()
    known[..., 0] = 1
    torch.testing.assert_close(standardised(rest.unflatten(-1, (2, 9))), known, rtol=0, atol=1e-11)


@pytest.mark.parametrize("order", [4, 5, 8])
def test_changes_of_a_maxwellian_are_closed_exactly_by_every_tail(order):
    """Then Chapman and Enskog's first order is exact: the viscosity and heat conduction of BGK."""
    rng = np.random.default_rng(1)
    tail = tuple(torch.as_tensor(x) for x in (rng.normal(size=2), rng.uniform(0.3, 20, size=2)))
    at = torch.tensor([0.8, 0.4, 1.7], dtype=torch.float64)

    def maxwellian(values):
        rho, u, t = values
        of_g = rho * gaussian_moments(u, t, order + 2)
        return torch.stack([of_g, t * of_g])

    slopes = torch.autograd.functional.jacobian(maxwellian, at)
    for k in range(3):
        found = closing_changes(slopes[..., :-1, k], at[1], at[2], tail)
        torch.testing.assert_close(found, slopes[..., -1, k], rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("tail", [hermite_tail, swaying])
@pytest.mark.parametrize("order", [4, 9])
def test_speeds_are_real_and_those_of_the_system(tail, order):
    system, u = ManyMoments(tail, order), chains(order)
    variables = system.variables(u)
    frame = system.from_variables(torch.cat([0 * variables[:, :2] + torch.tensor([1.0, 0.0]), variables[:, 2:]], -1))
    unit = torch.eye(system.moments, dtype=torch.float64)
    for one in frame[:10]:
        columns = [system.difference((one - e / 2)[None], (one + e / 2)[None])[0] for e in unit]
        speeds = torch.linalg.eigvals(torch.stack(columns, dim=-1))
        root = system.variables(one)[2].sqrt()
        known = (root * system.jacobi_speeds(one)).flatten().sort().values
        assert float(speeds.imag.abs().max()) < 1e-4  # of a matrix that is far from normal
        torch.testing.assert_close(speeds.real.sort().values, known, rtol=1e-5, atol=1e-5)
    slow, fast = system.speeds(u)
    all_speeds = variables[:, 1:2] + variables[:, 2:3].sqrt() * system.jacobi_speeds(u).flatten(-2)
    assert (slow <= all_speeds.amin(-1) + 1e-9).all()
    assert (fast >= all_speeds.amax(-1) - 1e-9).all()
    assert float(system.margins(u)["gap"].min()) > 0


def test_the_bound_is_above_the_largest_root_and_near_it():
    rng = np.random.default_rng(2)
    alpha, beta = torch.as_tensor(rng.normal(size=400) * 2), torch.as_tensor(9 * np.exp(rng.normal(size=400)))
    of_9, of_8 = ([0] * j + [1] for j in (9, 8))
    he = np.polynomial.hermite_e
    polynomials = [
        he.hermesub(he.hermesub(he.hermemulx(of_9), a * np.array(of_9)), b * np.array(of_8))
        for a, b in zip(alpha.numpy(), beta.numpy(), strict=True)
    ]
    roots = np.array([np.sort(he.hermeroots(p).real) for p in polynomials])
    np.testing.assert_allclose(eigenvalues(alpha, beta, 9), roots, atol=1e-7)
    known = torch.as_tensor(roots[:, -1])
    found = largest_root(alpha, beta, 9)
    assert (found >= known - 1e-9).all()
    assert float((found / known).max()) < 1.1
    assert float((found / known).median()) < 1.01


@pytest.mark.parametrize(("order", "off"), [(7, 0.05), (9, 0.02), (10, 0.01)])
def test_linear_waves_are_those_of_bgk(order, off):
    k = torch.tensor([0.1, 0.5], dtype=torch.float64)
    sound, heat = hydrodynamic(growth_rates(ManyMoments(hermite_tail, order), k))
    for i, at in enumerate(SOUND):
        assert sound[i].real == pytest.approx(SOUND[at].real, rel=off)
        assert sound[i].imag == pytest.approx(SOUND[at].imag, rel=off)
        assert heat[i] == pytest.approx(HEAT[at], rel=off)


def ring(system, u0=0.0, scale=1.0, cells=40):
    """Return a periodic wave of a gas that moves at u0, with ρ and T multiplied by scale."""
    x = (torch.arange(cells).double() + 0.5) / cells
    turn = 2 * torch.pi * x
    rho, u, t = 1 + 0.4 * torch.sin(turn), 0.3 * torch.cos(turn), 1 + 0.3 * torch.sin(2 * turn + 0.5)
    none = torch.zeros_like(x)
    moments = system.from_state(State(scale * rho, u * scale**0.5 + u0, scale * t, none, none, none))[None]
    return Flow.of(moments, torch.ones(1).double(), torch.tensor([int(Boundary.PERIODIC)]))


def ended(system, flow, time=0.1, kn=0.1):
    u, record = march(system, flow, lambda rho, _: torch.full_like(rho, kn), torch.tensor([time]).double())
    assert record.failed.isnan().all()
    return u, record


def test_mass_momentum_and_energy_are_conserved_to_round_off():
    _, record = ended(ManyMoments(swaying, 8), ring(ManyMoments(swaying, 8)))
    assert record.steps > 30
    assert float(record.drift.max()) < 1e-12


def test_a_boost_is_exact_where_the_cells_are_passed_by():
    """In a frame that moves by whole cells the flow is the same, but for the scheme's errors, which fall with them."""
    system = ManyMoments(swaying, 6)
    errors = []
    for cells in (40, 80):
        rest, _ = ended(system, ring(system, cells=cells))
        moved, _ = ended(system, ring(system, u0=5.0, cells=cells))
        rolled = torch.roll(system.variables(moved), -cells // 2, dims=1)  # 5 x 0.1 of the length
        difference = (rolled - system.variables(rest))[..., [0, 2, 3]]
        errors.append(float(difference.abs().mean()))
    assert errors[1] < 0.4 * errors[0]
    assert errors[1] < 3e-3


def test_scaling_is_exact():
    system = ManyMoments(swaying, 6)
    one, _ = ended(system, ring(system))
    other, _ = ended(system, ring(system, scale=4.0), time=0.05, kn=0.05)
    a, b = system.variables(one), system.variables(other)
    torch.testing.assert_close(b[..., 0], 4 * a[..., 0], rtol=1e-11, atol=0)
    torch.testing.assert_close(b[..., 2:] / torch.tensor([4.0] + [1.0] * 11), a[..., 2:], rtol=0, atol=1e-10)


def test_reflection_is_exact():
    system = ManyMoments(swaying, 6)
    flow = ring(system)
    sign = torch.tensor([(-1.0) ** j for j in range(7)] * 2, dtype=torch.float64)
    back = Flow(flow.moments.flip(1) * sign, flow.spacing, flow.boundary, flow.beyond.flip(1) * sign)
    torch.testing.assert_close(ended(system, back)[0].flip(1) * sign, ended(system, flow)[0], rtol=0, atol=1e-12)


def test_moments_of_no_gas_are_moved_to_some_gas_and_nothing_else_changes():
    system, u = ManyMoments(hermite_tail, 6), chains(6)
    assert torch.equal(system.held(u), u)
    values = system.variables(u)
    values[::5, 5] = -3.0  # m4 below m2²/m0
    away = system.from_variables(values)
    assert (system.margins(away)["realizability"][::5] < 0).all()
    held = system.held(away)
    torch.testing.assert_close(system.conserved(held), system.conserved(away), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(system.margins(held)["realizability"][::5], 1e-3, atol=1e-5)
    untouched = torch.ones(50, dtype=torch.bool)
    untouched[::5] = False
    assert torch.equal(held[untouched], away[untouched])
