"""Classical closures and the driver: published speeds, exact solutions, conservation, order."""

import math

import numpy as np
import pytest
import torch

from eltanin_classical import grad13
from eltanin_classical.closures import CLOSURES, grad, moderate_two_maxwellians
from eltanin_classical.grad13 import Grad13
from eltanin_classical.model import ClassicalClosure
from eltanin_classical.three_moments import Euler, NavierStokesFourier
from eltanin_gas.flows.march import Flow, march
from eltanin_gas.flows.mixtures import two_maxwellians
from eltanin_gas.flows.six_moments import SixMoments
from eltanin_gas.monatomic import State, invariants, rankine_hugoniot, state_of
from eltanin_gas.problems import Boundary

SYSTEMS = {"euler": Euler(), "navier_stokes": NavierStokesFourier(), "grad13": Grad13(), "six": SixMoments(grad)}


def tensor(*values):
    return torch.tensor(values, dtype=torch.float64)


def constant(tau):
    return lambda rho, temperature: tau + 0 * rho


def maxwellian(rho, u, temperature):
    none = torch.zeros_like(rho)
    return State(rho, u, temperature, none, none, none)


def wave(cells, velocity=0.0):
    x = (torch.arange(cells, dtype=torch.float64) + 0.5) / cells
    turn = 2 * math.pi * x
    rho, u, t = 1 + 0.2 * torch.sin(turn), velocity + 0.3 * torch.cos(turn), 1 + 0.1 * torch.sin(turn + 0.5)
    return maxwellian(rho[None], u[None], t[None])


def run(system, state, tau, time, boundary=Boundary.PERIODIC, length=1.0, **more):
    flow = Flow.of(system.from_state(state), tensor(length), torch.tensor([int(boundary)]))
    return march(system, flow, constant(tau), tensor(time), **more)


def test_speeds_of_grads_equations_at_equilibrium():
    speeds = np.sort(grad13.characteristic_speeds(np.array(0.0), np.array(0.0)).real) / math.sqrt(5 / 3)
    np.testing.assert_allclose(speeds, [-1.65029, -0.62973, 0, 0.62973, 1.65029], atol=5e-6)


def test_grads_equations_lose_hyperbolicity_where_they_are_known_to():
    limits = [(-0.6, 0.215), (-0.3, 0.4525), (0.0, 0.63), (0.5, 0.8675), (1.0, 1.06), (3.0, 1.6625)]
    for stress, heat in limits:
        assert grad13.hyperbolic_heat_flux(stress) == pytest.approx(heat, abs=0.0026)


@pytest.mark.parametrize(("stress", "heat"), [(0.0, 0.0), (0.3, -0.5), (-0.4, 0.2)])
def test_the_conservation_law_is_grads_equations(stress, heat):
    """The flux's Jacobian has the eigenvalues of the equations for (ρ, u, T, σ, q)."""
    system = Grad13()
    u = system.from_variables(tensor(1.0, 0.0, 1.0, stress, heat))
    jacobian = torch.autograd.functional.jacobian(system.flux, u)
    known = grad13.characteristic_speeds(np.array(stress), np.array(heat))
    np.testing.assert_allclose(np.sort(np.linalg.eigvals(jacobian.numpy()).real), np.sort(known.real), atol=1e-7)


def test_six_moments_of_grad_have_the_speeds_of_gauss_and_hermite():
    system = SixMoments(grad)
    found = system.eigenvalues(system.from_state(State(*tensor(2.0, 3.0, 4.0, 0.0, 0.0, 0.0))))
    known = 3 + 2 * np.sort([-2.334414218, -0.741963784, 0.741963784, 2.334414218, -1.0, 1.0])
    np.testing.assert_allclose(np.sort(found.real.numpy()), known, atol=1e-8)


def test_bounds_hold_all_speeds_of_the_flux_jacobian():
    system = SixMoments(lambda s, a, b: moderate_two_maxwellians(s, a, b))
    random = torch.Generator().manual_seed(3)
    s, a, b = 0.2 * torch.randn(3, 50, generator=random, dtype=torch.float64)
    u = system.from_variables(torch.stack([1 + 0 * s, 0.5 + 0 * s, 2 + 0 * s, s.clamp(min=-0.5), a, b], dim=-1))
    jacobian = torch.stack([torch.autograd.functional.jacobian(system.flux, x) for x in u])
    known = torch.linalg.eigvals(jacobian)
    found = system.eigenvalues(u)
    assert torch.allclose(found.imag.abs().amax(-1), known.imag.abs().amax(-1), atol=1e-6)
    real = known.imag.abs().amax(-1) < 1e-9
    assert real.sum() > 10
    slow, fast = system.speeds(u)
    assert (slow <= known.real.amin(-1) + 1e-9)[real].all()
    assert (fast >= known.real.amax(-1) - 1e-9)[real].all()
    assert torch.allclose(found.real.sum(-1), known.real.sum(-1))


def test_two_maxwellians_have_the_moments_that_they_claim():
    nodes, weights = np.polynomial.hermite_e.hermegauss(12)
    weights = weights / weights.sum()
    moments = np.zeros(8)  # m0 … m4, k0 … k2
    for part, u, t in ((0.9, 0.3, 0.7), (0.1, -3.0, 2.5)):
        v = u + math.sqrt(t) * nodes
        moments += part * np.array([*(weights @ v**n for n in range(5)), *(t * (weights @ v**n) for n in range(3))])
    six = moments[[0, 1, 2, 3, 5, 6]]
    s, a, b = torch.as_tensor(invariants(six))
    found = torch.stack(two_maxwellians(s, a, b)).numpy()
    rho, u, t = (float(x) for x in state_of(six)[:3])
    fourth = moments[4] - 4 * u * moments[3] + 6 * u**2 * moments[2] - 3 * u**4 * rho
    second = moments[7] - 2 * u * moments[6] + u**2 * moments[5]
    np.testing.assert_allclose(found, np.array([fourth, second]) / (rho * t**2), rtol=1e-12)


@pytest.mark.parametrize("name", SYSTEMS)
def test_mass_momentum_and_energy_stay_to_round_off(name):
    _, record = run(SYSTEMS[name], wave(32), 0.05, 0.1)
    assert record.steps > 5
    assert record.drift.max() < 1e-13
    assert record.failed.isnan().all()
    assert record.margins["density"].min() > 0.5


@pytest.mark.parametrize("name", ["euler", "grad13", "six"])
def test_a_smooth_wave_converges_with_second_order(name):
    system, found = SYSTEMS[name], {}
    for cells in (20, 40, 80):
        u, _ = run(system, wave(cells), 0.1, 0.05, inspect=1000)
        found[cells] = system.conserved(u)[0].reshape(20, cells // 20, 3).mean(1)
    order = math.log2(float((found[20] - found[40]).abs().mean() / (found[40] - found[80]).abs().mean()))
    assert order > 1.7


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_boost_changes_nothing_but_the_frame(name):
    """The wave that moved by eight cells is the one at rest, but for the grid's error."""
    system, time, cells = SYSTEMS[name], 0.05, 40
    velocity = 8 / cells / time
    spacing, tau = tensor(1 / cells), torch.full((1, cells), 0.05, dtype=torch.float64)
    still, moved = (
        system.state(run(system, wave(cells, velocity=v), 0.05, time, inspect=1000)[0], tau, spacing)
        for v in (0.0, velocity)
    )
    assert float((still.density - moved.density.roll(-8, 1)).abs().max()) < 4e-3
    assert float((still.velocity + velocity - moved.velocity.roll(-8, 1)).abs().max()) < 6e-3


def sod(x, time):
    """Return ρ, u and T of (1, 0, 1) | (0.125, 0, 0.8), γ = 5/3: p* = 0.293945188, u* = 0.841194852."""
    xi, fast = x / time, math.sqrt(5 / 3)
    p, u, left, right = 0.293945188, 0.841194852, 0.479689, 0.229806
    head, tail = -fast, u - math.sqrt(5 / 3 * p / left)
    shock = u * right / (right - 0.125)
    fan_u = 3 / 4 * (fast + xi)
    fan_c = fast - fan_u / 3
    pieces = [
        (xi < head, 1.0, 0.0, 1.0),
        (xi < tail, (fan_c / fast) ** 3, fan_u, fan_c**2 * 3 / 5),
        (xi < u, left, u, p / left),
        (xi < shock, right, u, p / right),
        (xi >= shock, 0.125, 0.0, 0.8),
    ]
    where = [piece[0] for piece in pieces]
    return tuple(np.select(where, [np.broadcast_to(piece[i], x.shape) for piece in pieces]) for i in (1, 2, 3))


@pytest.mark.parametrize("name", ["euler", "grad13", "six"])
def test_sods_problem_at_a_vanishing_knudsen_number_is_eulers(name):
    cells = 100
    x = (torch.arange(cells, dtype=torch.float64) + 0.5) / cells * 1.2 - 0.6
    left = x < 0
    state = maxwellian(*(torch.where(left, *tensor(a, b))[None] for a, b in ((1, 0.125), (0, 0), (1, 0.8))))
    system = SYSTEMS[name]
    u, _ = run(system, state, 1e-7, 0.15, boundary=Boundary.OPEN, length=1.2, inspect=1000)
    out = system.state(u, torch.full((1, cells), 1e-7, dtype=torch.float64), tensor(0.012))
    for found, exact, scale in zip(out[:3], sod(x.numpy(), 0.15), ("itself", "sound", "itself"), strict=True):
        size = np.abs(exact).mean() if scale == "itself" else math.sqrt(5 / 3)
        assert np.abs(found[0].numpy() - exact).mean() / size < 0.02


@pytest.mark.parametrize("name", ["navier_stokes", "grad13", "six"])
def test_sound_is_damped_by_the_viscosity_of_bgk(name):
    """exp(s t), s = ±i (5/3)^(1/2) k - k² τ for k → 0 (τ = 1, T = 1): a standing wave over half a period."""
    cells, tau, small = 32, 0.02, 1e-4
    x = (torch.arange(cells, dtype=torch.float64) + 0.5) / cells
    mode = small * torch.cos(2 * math.pi * x)[None]
    start = maxwellian(1 + mode, 0 * mode, 1 + 2 / 3 * mode)
    k, c = 2 * math.pi, math.sqrt(5 / 3)
    period = 1 / c
    system = SYSTEMS[name]
    u, _ = run(system, start, tau, period, inspect=1000)
    kept = float((u[0, :, 0] * torch.cos(2 * math.pi * x)).mean() * 2 / small)
    assert -math.log(kept) == pytest.approx(tau * k**2 * period, rel=0.04)


@pytest.mark.slow
def test_a_shock_of_navier_and_stokes_between_fixed_boundaries_has_its_known_thickness():
    """(ρ2 - ρ1) / max d_x ρ = 7.54125 at Mach 2, τ = 1, from the ordinary differential equation."""
    upstream, downstream = rankine_hugoniot(2.0)
    x = (torch.arange(75, dtype=torch.float64) - 37) * 0.4
    share = (1 + torch.tanh(x / 4)) / 2
    system = NavierStokesFourier()
    start = [a + (b - a) * share for a, b in zip(upstream, downstream, strict=True)]
    start[1] = upstream[1] / start[0]
    u, record = run(
        system, maxwellian(*(v[None] for v in start)), 1.0, 40.0, boundary=Boundary.FIXED, length=30.0, inspect=1000
    )
    assert record.failed.isnan().all()
    rho = u[0, :, 0].numpy()
    assert (rho[-1] - rho[0]) / np.diff(rho).max() * 0.4 == pytest.approx(7.54125, rel=0.015)


def test_what_ceases_to_be_a_gas_stops_and_says_when():
    """Two Maxwellians are not defined where s <= 0."""
    u, record = run(SixMoments(two_maxwellians), wave(16), 1.0, 0.5)
    assert float(record.failed[0]) < 0.5
    assert u.isfinite().all()


def test_a_closure_that_is_not_known_is_refused():
    with pytest.raises(ValueError, match="grad, two_maxwellians"):
        ClassicalClosure("burnett")
    assert set(CLOSURES) == {"grad", "two_maxwellians", "moderate"}
