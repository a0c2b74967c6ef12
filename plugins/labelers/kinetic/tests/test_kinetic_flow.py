"""Flows in time: what is conserved, what is positive, which symmetries hold, and both limits of Kn."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from eltanin_gas.collisions import MonatomicGas
from eltanin_gas.lift import two_gaussians
from eltanin_gas.monatomic import State, moments_of, state_of
from eltanin_kinetic import Discretisation, evolve_fields
from eltanin_kinetic.equilibria import discrete_maxwellian
from eltanin_kinetic.euler import contact, euler_riemann
from eltanin_kinetic.flow import Flows, entropy, evolve
from eltanin_kinetic.free_molecular import free_riemann
from eltanin_kinetic.relaxation import flow_state, heat_flux, raw_moments
from eltanin_kinetic.solver import plan, solve
from eltanin_kinetic.velocities import uniform

LEFT, RIGHT = (1.0, 0.0, 1.0), (0.125, 0.0, 0.8)
MODELS = ["bgk", "es_bgk", "shakhov"]


def tensor(a):
    return torch.from_numpy(np.array(a, dtype=float))


def wave(cells=40, count=1):
    x = 2 * np.pi * ((np.arange(cells) + 0.5) / cells - 0.5)
    fields = 1 + 0.4 * np.sin(x), 0.3 * np.cos(x), 1 + 0.3 * np.sin(2 * x + 0.5)
    return [np.tile(f, (count, 1)) for f in fields]


def sod(cells, length=2.0):
    x = (np.arange(cells) + 0.5) / cells * length - length / 2
    return x, [np.where(x < 0, left, right)[None] for left, right in zip(LEFT, RIGHT, strict=True)]


def flows(fields, knudsen, length, ends, velocities=44, fastest=8.5):
    grid = uniform(tensor([2 * fastest / velocities]), velocities // 2, velocities)
    f = torch.stack(discrete_maxwellian(*map(tensor, fields), grid), dim=1)
    cells = f.shape[-1]
    return Flows(f, grid, torch.full((1, cells), knudsen, dtype=torch.float64), tensor([length / cells]), ends)


def conserved(f, grid):
    g, h = raw_moments(f, grid)
    return torch.stack([g[:, 0], g[:, 1], g[:, 2] / 2 + h[:, 0]]).sum(dim=-1)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("scheme", ["muscl", "weno5"])
@pytest.mark.parametrize("knudsen", [1e-4, 0.1])
def test_mass_momentum_and_energy_stay_in_every_step(model, scheme, knudsen):
    start = flows(wave(20), knudsen, 1.0, "periodic", 56, 11.0)
    before = conserved(start.f, start.grid)
    times = tensor([np.arange(1, 11) * 2e-3])  # a step each
    for f in evolve(start, MonatomicGas(model), times, scheme, 0.9):
        after = conserved(f, start.grid)
        assert float((after - before).abs().max()) < 1e-12 * float(before.abs().max())
        before = after


@pytest.mark.parametrize("knudsen", [1e-6, 1e-2, 1.0, 1e6])
@pytest.mark.parametrize("fields", ["wave", "sod"])
def test_entropy_never_rises_and_f_stays_positive(knudsen, fields):
    start = flows(wave(40) if fields == "wave" else sod(40)[1], knudsen, 2.0, "periodic")
    total = entropy(start.f, start.grid).sum()
    for f in evolve(start, MonatomicGas(), tensor([np.arange(1, 31) * 5e-3]), "muscl", 0.9):
        assert float(f.min()) > 0
        now = entropy(f, start.grid).sum()
        assert float(now - total) < 1e-13 * abs(float(total))
        total = now


@pytest.mark.parametrize("scheme", ["muscl", "weno5"])
def test_reflection_is_exact(scheme):
    start = flows(wave(24), 0.1, 1.0, "periodic")
    mirrored = replace(start, f=start.f.flip(-1).flip(-2))
    one, other = (next(evolve(f, MonatomicGas(), tensor([[0.05]]), scheme, 0.9)) for f in (start, mirrored))
    torch.testing.assert_close(other.flip(-1).flip(-2), one, rtol=1e-11, atol=1e-16)


def test_scales_of_density_and_temperature_are_free():
    fields = wave(24)
    profile = evolve_fields(*fields, 0.1, 0.05)
    heavy = evolve_fields(7 * fields[0], 2 * fields[1], 4 * fields[2], 0.05, 0.025)  # tau as x / v
    for found, wanted, scale in zip(heavy, profile, (7, 2, 4, 28, 56, 1, 1), strict=True):
        np.testing.assert_allclose(found, scale * wanted, rtol=1e-10, atol=1e-10)


def test_a_moving_observer_sees_the_same_gas():
    cells, time, speed = 50, 0.1, 3.0
    at_rest = evolve_fields(*wave(cells), 0.05, time, how=Discretisation(scheme="weno5", courant=0.45))
    rho, u, temperature = wave(cells)
    moving = evolve_fields(rho, u + speed, temperature, 0.05, time, how=Discretisation(scheme="weno5", courant=0.45))
    cells_on = round(speed * time * cells)  # a whole number: 15
    errors = [
        np.abs(np.roll(b, -cells_on, axis=1) - a - shift).max()
        for a, b, shift in zip(at_rest, moving, (0, speed, 0, 0, 0, 0, 0), strict=True)
    ]
    assert max(errors[:5]) < 5e-4


def test_muscl_converges_at_second_order_and_weno5_faster():
    def order(how, cells):  # an odd factor of refinement keeps the centres of coarse cells
        found = [evolve_fields(*wave(n), 0.1, 0.05, how=how).density[0] for n in (cells, 3 * cells, 9 * cells)]
        coarse, fine = found[0] - found[1][1::3], found[1] - found[2][1::3]
        return np.log(np.abs(coarse).mean() / np.abs(fine).mean()) / np.log(3)

    assert 1.7 < order(Discretisation(), 13) < 2.7
    assert order(Discretisation(scheme="weno5", courant=0.45), 11) > 3.2


@pytest.mark.parametrize(("cells", "bound"), [(100, 0.013)])
def test_small_knudsen_numbers_give_the_euler_solution(cells, bound):
    x, fields = sod(cells)
    profile = evolve_fields(*fields, 1e-6, 0.15, 2.0, "open")
    exact = euler_riemann(LEFT, RIGHT, x / 0.15)
    assert np.abs(profile.density[0] - exact[:, 0]).sum() / exact[:, 0].sum() < bound


def test_large_knudsen_numbers_give_free_flight():
    x, fields = sod(100)
    profile = evolve_fields(*fields, 1e6, 0.15, 2.0, "open", how=Discretisation(velocities=96))
    raw = free_riemann(LEFT, RIGHT, x / 0.15)
    exact = state_of(raw[:, [0, 1, 2, 3, 5, 6]])
    for found, wanted in zip(profile[:5], (*exact[:4], exact.heat_flux), strict=True):
        assert np.abs(found[0] - wanted).mean() < 4e-3  # of second order, but for the jumps of f


def test_exact_solutions_of_both_limits():
    """Sod's problem with T = 0.8 on the right: published by no one; digits of an independent solver."""
    p, u = contact(LEFT, RIGHT)
    assert (p, u) == (pytest.approx(0.293945188, abs=1e-9), pytest.approx(0.841194852, abs=1e-9))
    near = euler_riemann(LEFT, RIGHT, np.array([u - 1e-9, u + 1e-9]))
    np.testing.assert_allclose(near[:, 0], [0.479689, 0.229806], atol=1e-6)
    state = state_of(free_riemann(LEFT, RIGHT, np.zeros(1))[:, [0, 1, 2, 3, 5, 6]])
    wanted = [0.5625, 0.629936, 0.845505, -0.148807, 0.000966]
    np.testing.assert_allclose([state.density[0], *(c[0] for c in state[1:4]), state.heat_flux[0]], wanted, atol=6e-7)


@pytest.mark.parametrize("model", MODELS)
def test_stress_and_heat_flux_of_a_uniform_gas_relax_as_exponentials(model):
    gas = MonatomicGas(model, "viscosity", 0.81)
    state = State(*(np.full((1, 6), v) for v in (1.3, 0.2, 0.9, 0.2, 0.15, 0.1)))
    knudsen, time = 0.3, 0.2
    x = np.full((1, 6), knudsen)
    how = Discretisation(courant=0.05)
    moments = moments_of(state)
    grid = [plan(two_gaussians(moments.reshape(-1, 6)), 48, 7.0)]
    raw = solve(gas, moments, x, np.ones(1), np.array([[time]]), "periodic", grid, how)[0, -1, 0]
    after = state_of(raw[[0, 1, 2, 3, 5, 6]])
    tau = gas.relaxation_time(knudsen, 1.3, 0.9)
    assert after.stress == pytest.approx(0.2 * np.exp(-time / tau), rel=1e-4)
    assert after.heat_flux == pytest.approx(0.175 * np.exp(-gas.prandtl_number * time / tau), rel=1e-4)


def test_flows_of_other_lengths_do_not_disturb_each_other():
    fields = [np.concatenate([f, f[:, ::-1]]) for f in wave(20)]
    knudsen = np.repeat([[0.1], [0.01]], 20, axis=1)
    both = evolve_fields(*fields, knudsen, 0.05)
    alone = evolve_fields(*(f[1:] for f in fields), knudsen[1:], 0.05)
    for together, single in zip(both, alone, strict=True):
        np.testing.assert_array_equal(together[1], single[0])


def test_heat_flux_is_that_of_the_moments():
    start = flows(wave(10), 1.0, 1.0, "periodic")
    f = next(evolve(start, MonatomicGas(), tensor([[0.05]]), "muscl", 0.9))
    g, h = raw_moments(f, start.grid)
    state = state_of(torch.cat([g[:, :4], h[:, :2]], dim=1).mT)
    _, u, _, stress = flow_state(f, start.grid)
    torch.testing.assert_close(heat_flux(f, u, start.grid), state.heat_flux, rtol=0, atol=1e-13)
    torch.testing.assert_close(stress, state.stress, rtol=0, atol=1e-13)
