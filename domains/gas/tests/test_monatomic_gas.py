"""Moments of a monatomic gas, beside quadrature and the laws they must obey."""

import numpy as np
import pytest

from eltanin_gas.collisions import MonatomicGas
from eltanin_gas.monatomic import (
    State,
    closing_of,
    conserved_of,
    equilibrium_moments,
    highest_moments,
    invariants,
    moments_of,
    rankine_hugoniot,
    relaxation_time,
    sound_speed,
    state_of,
)

NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(12)


def skewed():
    """Return nodes v, weights of g and h of a gas far from equilibrium: exact sums, no integrals."""
    rng = np.random.default_rng(0)
    g = rng.uniform(0.1, 1, 12)
    return NODES * 1.3 + 0.4, g, g * rng.uniform(0.5, 2, 12)


def test_state_is_what_sums_over_molecules_say():
    v, g, h = skewed()
    raw = [np.sum(v**n * w) for w, most in ((g, 5), (h, 3)) for n in range(most)]
    moments = np.array([*raw[:4], *raw[5:7]])
    state = state_of(moments)
    c = v - state.velocity
    assert state.density == pytest.approx(g.sum())
    assert state.temperature == pytest.approx(np.sum(c**2 * g + 2 * h) / (3 * g.sum()))
    assert state.stress == pytest.approx(np.sum(c**2 * g) - state.density * state.temperature)
    assert state.heat_flux == pytest.approx(np.sum(c**3 / 2 * g + c * h))
    scale = state.density * state.temperature**2
    wanted = np.array([np.sum(c**4 * g), np.sum(c**2 * h)]) / scale
    closing = closing_of(moments, raw[4], raw[7])
    np.testing.assert_allclose(closing, wanted, rtol=1e-12)
    np.testing.assert_allclose(highest_moments(moments, closing), [raw[4], raw[7]], rtol=1e-12)
    np.testing.assert_allclose(moments_of(state), moments, rtol=1e-12)
    np.testing.assert_allclose(conserved_of(moments), [g.sum(), np.sum(v * g), np.sum(v**2 / 2 * g + h)], rtol=1e-13)


def test_maxwellian_has_the_closing_moments_3_and_1():
    v = NODES * 1.5**0.5 - 0.7
    g = 2 * WEIGHTS / WEIGHTS.sum()
    moments = equilibrium_moments(np.array(2.0), np.array(-0.7), np.array(1.5))
    np.testing.assert_allclose(moments[:4], [np.sum(v**n * g) for n in range(4)], rtol=1e-12)
    closing = closing_of(moments, np.sum(v**4 * g), 1.5 * np.sum(v**2 * g))
    np.testing.assert_allclose(closing, [3, 1], rtol=1e-12)
    np.testing.assert_allclose(invariants(moments), 0, atol=1e-13)


def test_invariants_do_not_see_frame_or_scale():
    rho, u, temperature, stress, q3, k1 = (np.array(v) for v in (1.2, 0.3, 0.8, 0.2, 0.3, -0.1))
    one = invariants(moments_of(State(rho, u, temperature, stress, q3, k1)))
    other = moments_of(State(5 * rho, u + 9, 4 * temperature, 20 * stress, 40 * q3, 40 * k1))
    np.testing.assert_allclose(invariants(other), one, rtol=1e-11)


@pytest.mark.parametrize("mach", [1.0, 1.5, 5.5, 20.0])
def test_fluxes_are_the_same_on_both_sides_of_a_shock(mach):
    sides = rankine_hugoniot(mach)
    fluxes = [(r * u, r * (u * u + t), r * u * (u * u / 2 + 2.5 * t)) for r, u, t in sides]
    np.testing.assert_allclose(fluxes[0], fluxes[1], rtol=1e-12)
    assert sides.upstream[1] / sound_speed(1.0) == pytest.approx(mach)


def test_relaxation_time_is_viscosity_over_pressure():
    gas = MonatomicGas(law="viscosity", exponent=0.81)
    assert gas.relaxation_time(0.1, 2.0, 3.0) == pytest.approx(0.1 * 3**0.81 / (2 * 3))
    assert MonatomicGas().relaxation_time(0.1, 2.0, 3.0) == relaxation_time(0.1, 2.0, 3.0) == 0.1
    assert gas.prandtl_number == 1
    assert MonatomicGas("es_bgk").prandtl_number == pytest.approx(2 / 3)
