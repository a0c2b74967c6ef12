"""Boltzmann's collision operator beside what is known of it, and flows of molecules."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from eltanin.batch import Ragged
from eltanin_gas.collisions import MonatomicGas
from eltanin_gas.domain import Gas
from eltanin_gas.monatomic import equilibrium_moments
from eltanin_gas.problems import Boundary, Problems
from eltanin_kinetic import Boltzmann, SpectralDiscretisation, boltzmann_fields, boltzmann_profile, evolve_fields
from eltanin_kinetic.boltzmann_flow import BoltzmannFlow, evolve
from eltanin_kinetic.euler import euler_riemann
from eltanin_kinetic.fast_spectral import Collisions, quadrature
from eltanin_kinetic.relaxation import flow_state, heat_flux
from eltanin_kinetic.velocity_cube import maxwellian, reduced, velocity_cube

MAXWELL = MonatomicGas("boltzmann", "viscosity", 1.0)
HARD = MonatomicGas("boltzmann", "viscosity", 0.5)


def tensor(*values):
    return torch.tensor(values, dtype=torch.float64)


def operator(count, reach=6.5, exponent=1.0, directions=38, even=True):
    cube = velocity_cube(count, reach, 0.0, "cpu")
    return cube, Collisions(count, cube.dv, exponent, quadrature(exponent, reach, count // 2, directions, even))


def squares(cube, u=0.0):
    """Return v_x - u and |v - u|^2 on the cube."""
    x, y = cube.along.v[0][:, None, None] - u, cube.across
    return x, x**2 + y[:, None] ** 2 + y**2


def bkw(v2, time):
    """Return the solution of Bobylev (1975), Krook and Wu (1977) for collisions of the rate 1 / (4 pi)."""
    k = 1 - np.exp(-time / 6)
    return (2 * np.pi * k) ** -1.5 * torch.exp(-v2 / (2 * k)) * ((5 * k - 3) / (2 * k) + (1 - k) / (2 * k * k) * v2)


def error_of_bkw(count, reach):
    """Return the largest error of Q over the largest Q, at t = 6; 1 / tau is 1/2 there."""
    cube, collisions = operator(count, reach)
    _, v2 = squares(cube)
    exact = (bkw(v2, 6 + 1e-4) - bkw(v2, 6 - 1e-4)) / 2e-4
    f = bkw(v2, 6.0)[None]
    q = collisions(f, maxwellian(tensor(1.0), tensor(0.0), tensor(1.0), cube))[0] / 2
    return float((q - exact).abs().max() / exact.abs().max())


def test_collisions_converge_spectrally_to_the_exact_ones():
    errors = [error_of_bkw(count, reach) for count, reach in ((12, 5.5), (16, 6.0), (20, 6.0), (24, 6.5))]
    assert all(error < bound for error, bound in zip(errors, (0.05, 0.015, 0.004, 0.001), strict=True))
    orders = np.diff(np.log(errors)) / np.diff(np.log([12, 16, 20, 24]))
    assert all(np.diff(orders) < 0)  # no power of dv: the order itself rises, 4 to 7 to 9
    assert orders[-1] < -7


def homogeneous(f, cube, collisions, knudsen, duration, steps, instants=1):
    """Return f at instants of one cell, dt = duration / steps."""
    dx = duration / steps * float(cube.along.fastest) / 0.45
    flow = BoltzmannFlow(f, cube, collisions, tensor(knudsen), dx, "open")
    return list(evolve(flow, duration, instants, 0.45))


def errors_in_time(count, reach, steps):
    """Return the largest errors of f over its maximum, and of int |v|^4 f, at t = 6.5 … 7.5 from 5.5."""
    cube, collisions = operator(count, reach)
    _, v2 = squares(cube)
    found = homogeneous(bkw(v2, 5.5)[None], cube, collisions, 2.0, 2.0, steps, 4)
    exact = [bkw(v2, 5.5 + 0.5 * (i + 1)) for i in range(4)]
    pairs = list(zip(found, exact, strict=True))
    of_f = max(float((f[0] - e).abs().max() / e.max()) for f, e in pairs)
    return of_f, max(abs(float((f[0] * v2**2).sum() / (e * v2**2).sum()) - 1) for f, e in pairs)


def test_the_exact_solution_in_time():
    of_f, fourth = errors_in_time(16, 6.0, 80)
    assert of_f < 5e-3
    assert fourth < 8e-3


@pytest.mark.slow
def test_the_exact_solution_in_time_on_finer_grids():
    for count, reach, bound in ((24, 6.5, 3e-4), (32, 7.0, 1.2e-4)):
        of_f, fourth = errors_in_time(count, reach, 160)
        assert of_f < bound
        assert fourth < bound


@pytest.mark.parametrize(("exponent", "temperature"), [(1.0, 1.0), (0.5, 1.0), (0.5, 0.8), (0.75, 0.9)])
def test_stress_and_heat_flux_relax_at_the_rates_of_the_viscosity(exponent, temperature):
    """mu = T^exponent: stress at rho T / mu, heat flux at 2/3 of it; exact for Maxwell molecules.

    For the others it is how the first terms of Sonine's series relax, which is the first approximation of mu.
    """
    cube, collisions = operator(20, 6.5, exponent)
    rho, u = 1.3, 0.1
    m = maxwellian(tensor(rho), tensor(u), tensor(temperature), cube)
    x, c2 = squares(cube, u)
    rate = rho * temperature ** (1 - exponent)
    for moment, wanted in ((x**2 - c2 / 3, rate), (x * (c2 - 5 * temperature) / 2, 2 / 3 * rate)):
        f = m * (1 + 1e-3 * moment)
        q = collisions(f, m)
        assert float((q * moment).sum() / ((f - m) * moment).sum()) == pytest.approx(-wanted, rel=0.01)


def test_a_maxwellian_stays():
    cube, collisions = operator(16, 6.0, 0.5)
    m = maxwellian(tensor(0.7), tensor(0.3), tensor(1.1), cube)
    assert float(collisions(m, m).abs().max()) < 1e-15
    after = homogeneous(m, cube, collisions, 1e-3, 1.0, 10)[0]
    torch.testing.assert_close(after, m, rtol=0, atol=1e-12)


def test_one_direction_stands_for_its_reflections_where_f_is_even():
    cube, some = operator(12, 5.0, 0.5, 26)
    _, all_of_them = operator(12, 5.0, 0.5, 26, even=False)
    x, c2 = squares(cube)
    f = torch.exp(-c2 / 2 - x**2 / 3 + x / 5)[None] * (1 + x**2)
    assert len(some.nodes.shares) == 5
    assert len(all_of_them.nodes.shares) == 13
    torch.testing.assert_close(some.bare(f), all_of_them.bare(f), rtol=0, atol=1e-13)


def test_flow_across_is_conserved_too():
    """Without its symmetry the operator conserves all three components of momentum."""
    cube, collisions = operator(12, 6.0, 0.5, 26, even=False)
    x, c2 = squares(cube)
    y = cube.across[None, :, None] + 0 * x
    f = torch.exp(-c2 / 2 + 0.2 * y)[None] * (1 + 0.1 * x * y) / 16
    q = collisions(f, maxwellian(f.sum((1, 2, 3)) * cube.dv**3, tensor(0.0), tensor(1.0), cube))
    for invariant in (1 + 0 * x, x, y, c2):
        assert abs(float((q * invariant).sum())) < 1e-12 * float((q * invariant).abs().sum())


def wave(cells=8):
    x = 2 * np.pi * ((np.arange(cells) + 0.5) / cells - 0.5)
    return 1 + 0.2 * np.sin(x), 0.2 * np.cos(x), 1 - 0.1 * np.sin(x)


def flow_of(fields, knudsen, ends="periodic", exponent=1.0, count=12, length=1.0):
    cube, collisions = operator(count, 6.0, exponent, 26)
    f = maxwellian(*(torch.from_numpy(field) for field in fields), cube)
    return BoltzmannFlow(f, cube, collisions, torch.full((len(f),), knudsen).double(), length / len(f), ends)


@pytest.mark.parametrize("exponent", [1.0, 0.5])
@pytest.mark.parametrize("knudsen", [1e-4, 0.1])
def test_mass_momentum_and_energy_stay_in_every_step(exponent, knudsen):
    flow = flow_of(wave(), knudsen, exponent=exponent)

    def sums(f):
        rho, u, temperature, _ = flow_state(reduced(f, flow.cube), flow.cube.along)
        return torch.stack([rho, rho * u, rho * (u**2 + 3 * temperature) / 2]).sum(-1)

    before = sums(flow.f)
    for f in evolve(flow, 0.05, 10, 0.45):
        after = sums(f)
        assert float((after - before).abs().max()) < 1e-12 * float(before.abs().max())
        before = after


@pytest.mark.parametrize(("exponent", "knudsen"), [(1.0, 0.05), (0.5, 0.5)])
def test_entropy_never_rises(exponent, knudsen):
    flow = flow_of(wave(), knudsen, exponent=exponent, count=16)

    def entropy(f):
        kept = f[f > 0]
        return float((kept * kept.log()).sum())

    total = entropy(flow.f)
    for f in evolve(flow, 0.1, 5, 0.45):
        assert entropy(f) < total
        total = entropy(f)
        assert float(-f.clamp(max=0).sum()) < 1e-5 * float(f.sum())


def test_mirrored_molecules_do_the_mirrored():
    rho, u, temperature = wave()
    how = SpectralDiscretisation(12, 6.0, 14)
    one = boltzmann_fields(rho, u, temperature, 0.1, 0.03, gas=HARD, how=how)
    other = boltzmann_fields(rho[::-1], -u[::-1], temperature[::-1], 0.1, 0.03, gas=HARD, how=how)
    for found, wanted, sign in zip(other, one, (1, -1, 1, 1, -1, 1, 1), strict=True):
        np.testing.assert_allclose(found, sign * wanted[::-1], atol=1e-11)


class Relaxation:
    """BGK in the place of the collision operator."""

    frequency = 1.0

    def __init__(self, cell):
        self.cell = cell

    def __call__(self, f, equilibrium):
        return (equilibrium - f) * equilibrium.sum((1, 2, 3), keepdim=True) * self.cell


@pytest.mark.parametrize("exponent", [1.0, 0.5])
def test_the_prandtl_number_is_two_thirds(exponent):
    """q = -15/4 mu T_x, and -5/2 mu T_x of BGK; sigma = -4/3 mu u_x of both, once the transients have gone."""
    x = 2 * np.pi * (np.arange(8) + 0.5) / 8
    temperature = 1 + 0.02 * np.sin(x)
    flow = flow_of((1 / temperature, 0.02 * np.cos(x), temperature), 0.01, exponent=exponent, count=16)
    model = replace(flow, collisions=Relaxation(flow.cube.dv**3))
    told = []
    for one in (flow, model):
        (f,) = evolve(one, 0.08, 1, 0.3)
        chu = reduced(f, flow.cube)
        _, u, _, stress = flow_state(chu, flow.cube.along)
        told.append((heat_flux(chu, u, flow.cube.along), stress))
    ratios = [float((found * other).sum() / (other**2).sum()) for found, other in zip(*told, strict=True)]
    assert ratios == pytest.approx([1.5, 1.0], rel=0.05)


def test_small_knudsen_numbers_give_the_euler_solution_that_bgk_gives():
    cells, left, right = 24, (1.0, 0.0, 1.0), (0.5, 0.0, 0.9)
    x = (np.arange(cells) + 0.5) / cells * 2 - 1
    fields = [np.where(x < 0, a, b) for a, b in zip(left, right, strict=True)]
    molecules = boltzmann_fields(*fields, 1e-5, 0.2, 2.0, "open", how=SpectralDiscretisation(12, 6.0, 14))
    model = evolve_fields(*(f[None] for f in fields), 1e-5, 0.2, 2.0, "open")
    exact = euler_riemann(left, right, x / 0.2)[:, 0]
    assert np.abs(molecules.density - model.density[0]).mean() < 3e-3
    assert np.abs(molecules.density - exact).mean() < 1.2 * np.abs(model.density[0] - exact).mean()


def test_profile_takes_initial_fields_and_points():
    def initial(x):
        return 1 + 0.1 * np.sin(2 * np.pi * x), 0.0, 1.0

    how = SpectralDiscretisation(12, 6.0, 14)
    profile = boltzmann_profile(initial, 0.1, 0.02, np.array([-0.25, 0.25]), cells=8, how=how)
    assert profile.density[0] < 1 < profile.density[1]
    assert profile.heat_flux.shape == (2,)


def problems(cells=8, knudsen=0.1, duration=0.02, length=1.0, boundary=Boundary.PERIODIC, temperature=1.0):
    rho, u, t = wave(cells)
    fields = Ragged.of([equilibrium_moments(rho, u, t * temperature)])
    one = np.ones(1)
    return Problems(
        fields,
        Ragged(np.full(cells, knudsen), fields.counts),
        length * one,
        duration * one,
        np.array([int(boundary)]),
    )


def labeler(**settings):
    return Boltzmann(MAXWELL, **{"instants": 2, "velocities": 16, "reach": 6.0, "directions": 14} | settings)


def test_label_begins_with_the_given_cells_and_goes_through_all_instants():
    x = problems()
    labels = labeler().label(x, Gas.wanted, np.random.default_rng(0))
    assert labels.failures == {}
    moments, closing = labels.values.values["moments"], labels.values.values["closing"]
    assert list(moments.counts) == list(closing.counts) == [24]
    np.testing.assert_array_equal(moments.values[:8], x.fields.values)
    np.testing.assert_allclose(closing.values[:8], np.tile([3.0, 1.0], (8, 1)), atol=1e-5)
    assert Gas().refusals(x, labels.values) == {}
    still = labeler().label(replace(x, duration=np.zeros(1)), Gas.wanted, np.random.default_rng(0))
    np.testing.assert_allclose(still.values.values["moments"].values[16:], x.fields.values, atol=1e-6)


@pytest.mark.parametrize(
    ("x", "settings", "message"),
    [
        (problems(10_000), {}, "most_hours"),
        (problems(30_000, duration=1e-7), {}, "GB"),
        (problems(duration=1e5), {}, "hours"),
        (problems(), {"velocities": 8}, "need 1[0-9] velocities"),
    ],
)
def test_what_is_absurd_is_refused_before_it_begins(x, settings, message):
    with pytest.raises(ValueError, match=message):
        labeler(**settings).check(x)
    assert list(labeler(**settings).label(x, Gas.wanted, np.random.default_rng(0)).failures) == [0]


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Boltzmann(MonatomicGas()),
        lambda: labeler(instants=0),
        lambda: labeler(velocities=17),
        lambda: labeler(reach=3.0),
        lambda: labeler(directions=20),
        lambda: labeler(courant=0.9),
        lambda: MonatomicGas("boltzmann"),
        lambda: MonatomicGas("boltzmann", "viscosity", 1.5),
    ],
)
def test_settings_without_meaning_are_refused(wrong):
    with pytest.raises(ValueError, match="give"):
        wrong()
