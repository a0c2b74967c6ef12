"""What a campaign reports of standing shocks: known errors of Navier, Stokes and Fourier, and closures that fail."""

import numpy as np
import pytest
import torch

from eltanin_gas.flows.standing import Profile, relative_l1
from eltanin_kinetic.evaluation import StandingShocks, compared, exact, fluid
from eltanin_kinetic.shock import steady_shock


class Closed:
    """Grad's closure of six moments; broken where told."""

    def __init__(self, broken=False):
        self.broken = broken

    def __call__(self, s, a, b):
        return 3 + 6 * s + (torch.nan * s if self.broken else 0.0), 1 + s / 2 + 0 * a


@pytest.fixture(scope="module")
def shock():
    return steady_shock(2.0, h=0.4)


@pytest.fixture(scope="module")
def reference(shock):
    return exact(shock)


def test_errors_of_navier_stokes_and_fourier_are_those_known(reference):
    """At Mach 2, |ξ| <= 30: 0.189 in ρ, 0.189 in T, 0.211 in σ, 0.270 in q (an independent code)."""
    errors = relative_l1(fluid(2.0, reference.xi), reference, 2.0)
    known = {"density": 0.189, "temperature": 0.189, "stress": 0.211, "heat_flux": 0.270}
    for name, value in known.items():
        assert errors[name] == pytest.approx(value, abs=0.002)


def test_the_reference_is_the_known_shock(reference):
    """Thickness 7.63138, σ_max 0.63309 at -0.71, q_min -1.05313 at -1.68."""
    assert reference.stress.max() == pytest.approx(0.63309, rel=2e-3)
    assert reference.heat_flux.min() == pytest.approx(-1.05313, rel=2e-3)
    assert np.interp(0.0, reference.xi, reference.density) == pytest.approx((1 + 16 / 7) / 2, rel=1e-4)


def test_of_every_mach_number_errors_thickness_and_precursor_are_told():
    shocks = StandingShocks(mach=[1.4], refined=[1.4], cells=20, duration=1.0)
    found = shocks.measure(None, None, None, [Closed(), Closed()], None)
    for suffix in ("mach_1.4", "mach_1.4_fine"):
        for name in ("rho", "u", "T", "sigma", "q"):
            assert 0 < found[f"relative_l1_{name}_{suffix}"] < 2
        assert 0.3 < found[f"thickness_ratio_{suffix}"] < 2
        assert 0.9 < found[f"temperature_ratio_ahead_{suffix}"] < 1.1
        assert found[f"hyperbolicity_least_{suffix}"] == pytest.approx(0, abs=1e-3)
    np.testing.assert_array_equal(found["profile_bgk_mach_1.4"], exact(steady_shock(1.4, h=0.4)))
    assert found["profile_nsf_mach_1.4"].shape == found["profile_bgk_mach_1.4"].shape
    assert found["profile_closure_mach_1.4"].shape == (6, 20)
    assert found["profile_closure_mach_1.4_fine"].shape == (6, 40)
    assert 0 < found["nsf_relative_l1_rho_mach_1.4"] < 0.2


def test_a_flow_that_fails_has_no_errors_and_says_when(shock):
    found = compared(Closed(broken=True), shock, 20, 1.0, "mach_2")
    assert found["failed_at_mach_2"] == 0
    assert not any(name.startswith("relative_l1") for name in found)


def test_the_exact_profile_has_no_error(reference):
    shorter = Profile(*(column[40:-40] for column in reference))
    assert max(relative_l1(reference, shorter, 2.0).values()) < 1e-12


@pytest.mark.parametrize("wrong", [{"mach": [0.9]}, {"refined": [1.0]}, {"cells": 4}, {"duration": 0.0}])
def test_shocks_that_do_not_stand_are_refused(wrong):
    with pytest.raises(ValueError, match="give"):
        StandingShocks(**wrong)


def test_models_that_close_no_six_moments_are_refused_before_anything_is_spent():
    with pytest.raises(ValueError, match="six_moments"):
        StandingShocks().check_model(object())
