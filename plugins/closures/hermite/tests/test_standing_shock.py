"""Standing shocks: the measure of their errors, and one that a classical theory knows."""

import numpy as np
import pytest
import torch

from eltanin_gas.flows.dispersion import growth_rates, hydrodynamic
from eltanin_gas.flows.march import Flow, march
from eltanin_gas.flows.scheme import transport
from eltanin_gas.flows.six_moments import SixMoments
from eltanin_gas.flows.standing import Profile, beginning, centres, profile, relative_l1, thickness
from eltanin_gas.flows.steady import nodes, standing_shock
from eltanin_gas.monatomic import State, equilibrium_moments, rankine_hugoniot
from eltanin_gas.problems import Boundary
from eltanin_hermite.gradient import GradientMoments


def grad(s, a, b):
    return 3 + 6 * s + 0 * a, 1 + s / 2 + 0 * b


def shock(mach, width, shift=0.0, count=401):
    x = np.linspace(-20, 20, count)
    share = (1 + np.tanh((x - shift) / width)) / 2
    upstream, downstream = rankine_hugoniot(mach)
    fields = [a + (b - a) * share for a, b in zip(upstream, downstream, strict=True)]
    return x, State(*fields, share * (1 - share), 0 * x, -share * (1 - share))


def test_a_profile_is_moved_to_its_middle_and_has_no_error_against_itself():
    x, state = shock(2.0, 3.0, shift=1.7)
    found = profile(x, state, 2.0)
    centred = profile(*shock(2.0, 3.0), 2.0)
    assert np.interp(0.0, found.xi, found.density) == pytest.approx((1 + 16 / 7) / 2)
    points = Profile(*(column[40:-40] for column in centred))
    assert max(relative_l1(found, points, 2.0).values()) < 2e-3
    assert thickness(found, 2.0) == pytest.approx(6.0, rel=1e-3)  # (ρ2 - ρ1) / max d tanh(x/w)/2 = 2 w


def test_a_shock_is_as_thick_on_few_points_as_on_many():
    """Three points in each w = 3: differences of neighbours would say w / tanh(1/w), 3.7 % more."""
    few = profile(*shock(2.0, 3.0, shift=0.6, count=41), 2.0)
    assert thickness(few, 2.0) == pytest.approx(6.0, rel=3e-3)


def test_a_step_errs_by_the_whole_of_what_a_step_errs_by():
    x, state = shock(2.0, 3.0, count=8001)
    step = profile(*shock(2.0, 1e-4, count=8001), 2.0)
    errors = relative_l1(step, profile(x, state, 2.0), 2.0)
    for name in ("density", "velocity", "temperature"):
        assert errors[name] == pytest.approx(1.0, abs=0.01)


def test_a_shock_begins_between_the_states_of_rankine_and_hugoniot():
    flow = beginning(SixMoments(grad), 1.3, (-15.0, 15.0), 30)
    x = centres((-15.0, 15.0), 30)
    assert float(x[1] - x[0]) == pytest.approx(1.0)
    u, record = march(SixMoments(grad), flow, lambda rho, t: 1 + 0 * rho, torch.tensor([2.0], dtype=torch.float64))
    assert record.failed.isnan().all()
    upstream, downstream = rankine_hugoniot(1.3)
    state = SixMoments(grad).state(u, torch.ones(1, 30), flow.spacing)
    for i in range(3):
        assert float(state[i][0, 0]) == pytest.approx(upstream[i], rel=2e-3)
        assert float(state[i][0, -1]) == pytest.approx(downstream[i], rel=2e-2)


def between(mach, xi, width=4.0):
    """Return moments (N, 6) between the two sides."""
    sides = [equilibrium_moments(*np.array(side)) for side in rankine_hugoniot(mach)]
    return sides[0] + (sides[1] - sides[0]) * (1 + np.tanh(xi / width))[:, None] / 2


def rate(moments, spacing):
    """Return the mean |dU/dt| (6,) of moments (N, 6) at τ = 1 by the scheme of the march, away from the ends."""
    u, one = torch.as_tensor(moments)[None], torch.ones(1, dtype=torch.float64)
    system, tau, ends = SixMoments(grad), torch.ones(u.shape[:2], dtype=torch.float64), torch.zeros(1, dtype=torch.long)
    change = transport(system, u, tau, spacing * one, ends, u[:, [0, -1]]) + system.equilibrium(u) - u
    return float(change[0, 10:-10].abs().mean())


def test_a_boundary_value_problem_has_the_shock_that_stands_in_the_scheme():
    """Of Grad's closure at Mach 1.4: the scheme's rates, which know nothing of the solver, are those of its errors."""
    xi = centres((-60.0, 60.0), 240).numpy()
    start = between(1.4, xi)
    found = standing_shock(grad, 1.4, xi, start)
    assert found.before > 1
    assert found.after < 1e-8
    m = found.moments.T
    assert max(np.ptp(flux) for flux in (m[1], m[2], m[3] / 2 + m[5])) < 1e-12
    assert rate(found.moments, 0.5) < 0.02 * rate(start, 0.5)


def test_under_a_law_of_viscosity_it_is_the_same_shock_over_xi():
    """x = ∫ τ dξ with τ = T^-0.19/ρ, argon's: a march in x from there stays, one from another law's goes."""
    xi, cells = nodes(40.0, 60.0, 400), 160
    steady = standing_shock(grad, 1.4, xi, between(1.4, xi))
    tau = steady.state.temperature**-0.19 / steady.state.density
    places = np.concatenate([[0.0], np.cumsum((tau[1:] + tau[:-1]) / 2 * np.diff(xi))])
    moved = []
    for x in (places, places[-1] / (xi[-1] - xi[0]) * (xi - xi[0])):
        at = centres((0.0, float(places[-1])), cells).numpy()
        start = torch.as_tensor(np.stack([np.interp(at, x, column) for column in steady.moments.T], axis=1))[None]
        length, fixed = torch.tensor([float(places[-1])]).double(), torch.tensor([int(Boundary.FIXED)])
        lasting = torch.tensor([5.0], dtype=torch.float64)
        flow = Flow.of(start, length, fixed)
        u, record = march(SixMoments(grad), flow, lambda rho, t: t**-0.19 / rho, lasting, inspect=1000)
        assert record.failed.isnan().all()
        moved.append(float((u - start)[0, :, 0].abs().max()))
    assert moved[0] < 2e-3
    assert moved[1] > 5 * moved[0]


def test_a_fast_shock_of_bounded_speeds_leaves_a_residual():
    """Grad's closure has no smooth shock at Mach 3: what is left does not vanish."""
    xi = nodes(20.0, 30.0, 240)
    assert standing_shock(grad, 3.0, xi, between(3.0, xi)).after > 1e-4


@pytest.mark.parametrize("system", [SixMoments(grad), GradientMoments(grad)])
def test_long_waves_are_those_of_bgk_and_short_ones_are_not(system):
    """Exact at k = 0.1: -0.0098692 + 0.1293841 i and -0.0098314; at 0.5: -0.2062236 + 0.6634806 i and -0.1994748.

    A scan of A = 3 + α s, B = 1 + β s finds none nearer than 17 % at k τ = 0.5.
    """
    sound, heat = hydrodynamic(growth_rates(system, torch.tensor([0.1, 0.5], dtype=torch.float64)))
    assert abs(complex(sound[0]) - (-0.0098692399 + 0.1293840942j)) < 0.002 * 0.13
    assert float(heat[0]) == pytest.approx(-0.0098314279, rel=0.04)
    assert abs(complex(sound[1]) - (-0.2062235886 + 0.6634806423j)) > 0.1 * 0.69
