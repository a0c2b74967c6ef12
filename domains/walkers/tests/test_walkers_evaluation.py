"""What is told of a frozen wave function: kinetic energies that agree, and the energy at zero variance."""

import numpy as np
import pytest

from eltanin_walkers import statistics
from eltanin_walkers.evaluation import Energy, extrapolated, kinetic, told
from eltanin_walkers.harmonic.gaussian_wavefunction import GaussianWavefunction
from eltanin_walkers.harmonic.system import Particles


def rng(seed=0):
    return np.random.default_rng(seed)


def gaussian_kinetic(alpha, sampled, seed=0):
    """Return the three kinetic energies of exp(-alpha r²/2) at samples of exp(-sampled r²), T = 3 alpha / 4."""
    r2 = (rng(seed).normal(scale=np.sqrt(0.5 / sampled), size=(200, 64, 3)) ** 2).sum(-1)
    laplacian, gradient = np.full(r2.shape, -3 * alpha), alpha**2 * r2
    return {
        "kinetic": -(laplacian + gradient) / 2,
        "kinetic_laplacian": -laplacian / 4,
        "kinetic_gradient": gradient / 2,
    }


def test_three_kinetic_energies_agree_in_equilibrium():
    found = kinetic(gaussian_kinetic(0.7, 0.7))
    for name in ("kinetic", "kinetic_laplacian", "kinetic_gradient"):
        assert abs(found[name] - 0.525) <= 4 * found[f"{name}_error"] + 1e-12
    assert found["kinetic_discrepancy"] < 3
    within = sum(kinetic(gaussian_kinetic(0.7, 0.7, seed))["kinetic_discrepancy"] < 2 for seed in range(20))
    assert within >= 17


def test_walkers_out_of_equilibrium_are_found_out():
    assert kinetic(gaussian_kinetic(0.7, 0.8))["kinetic_discrepancy"] > 10


def test_a_lattice_has_no_kinetic_energy():
    assert kinetic({}) == {}


def test_a_walker_that_is_lost_is_left_out_of_all_three():
    series = gaussian_kinetic(0.7, 0.7)
    series["kinetic_gradient"][3, 5] = np.nan
    assert np.isfinite(list(kinetic(series).values())).all()


def training(seed=0, rounds=400, walkers=256, last=0.05):
    """Return energies and variances of a Gaussian on its way to the ground state of a well, E_0 = 1.5, and the end.

    E = (3/4) (a + 1/a) and Var = (3/8) (a - 1/a)², so that E - E_0 = 2 a / (a + 1)² Var: half of it near a = 1.
    """
    a = 1 + last + 0.25 * np.exp(-np.arange(rounds) / 80)
    exact, variance = 0.75 * (a + 1 / a), 3 / 8 * (a - 1 / a) ** 2
    noise = rng(seed).normal(size=(2, rounds))
    energy = exact + noise[0] * np.sqrt(variance / walkers)
    end = 0.75 * (1 + last + 1 / (1 + last))
    spread = 3 / 8 * (1 + last - 1 / (1 + last)) ** 2
    error = np.sqrt(spread / 400_000)
    measured = statistics.estimate(np.full((32, 4), end))._replace(
        mean=end + rng(seed + 1000).normal() * error, error=error, variance=spread
    )
    return energy, variance * (1 + noise[1] * np.sqrt(2 / walkers)), measured


def test_energy_at_zero_variance_is_that_of_the_ground_state():
    found = [statistics.zero_variance(*training(seed)) for seed in range(20)]
    assert sum(abs(one.energy - 1.5) < 2 * one.error for one in found) >= 17
    assert abs(np.mean([one.energy for one in found]) - 1.5) < 1e-4  # the trainings end 1.8e-3 above it
    assert np.mean([one.slope for one in found]) == pytest.approx(0.5, abs=0.03)


def test_extrapolated_error_bar_is_honest_where_the_line_is_straight():
    within = 0
    for seed in range(40):
        noise = rng(seed)
        variance = 0.01 + 0.09 * np.exp(-np.arange(400) / 80)
        energy = -2.0 + 0.4 * variance + noise.normal(size=400) * np.sqrt(variance / 256)
        measured = statistics.estimate(noise.normal(-2.0 + 0.4 * 0.01, 0.1, size=(100, 64)))
        found = statistics.zero_variance(energy, variance, measured)
        within += abs(found.energy + 2.0) < 2 * found.error
    assert within >= 34


def test_no_line_no_extrapolation():
    energy, variance, measured = training()
    assert statistics.zero_variance(energy[:20], variance[:20], measured) is None  # few points
    assert statistics.zero_variance(energy[:0], variance[:0], measured) is None
    assert statistics.zero_variance(-energy, variance, measured._replace(mean=-measured.mean)) is None  # uphill
    flat = np.full(400, measured.variance)
    assert statistics.zero_variance(energy, flat, measured) is None
    assert statistics.zero_variance(energy, 100 * variance, measured) is None  # all too far away


def test_extrapolation_is_reported_in_the_unit_of_the_report():
    energy, variance, measured = training()
    report = told(rng().normal(measured.mean / 8, measured.error, size=(100, 16)), 8, None)
    report |= {"energy": measured.mean / 8, "energy_error": measured.error / 8, "variance": measured.variance / 64}
    found = extrapolated({"energy": energy, "variance": variance}, 8, report)
    whole = statistics.zero_variance(energy, variance, measured)
    assert found["energy_extrapolated"] == pytest.approx(whole.energy / 8, rel=1e-12)
    assert found["energy_extrapolated_error"] == pytest.approx(whole.error / 8, rel=1e-9)
    assert extrapolated({"energy": np.zeros(0), "variance": np.zeros(0)}, 8, report) == {}


def test_a_model_without_local_energy_is_refused():
    with pytest.raises(ValueError, match=r"GaussianWavefunction.*model=wavefunction"):
        Energy().check_model(GaussianWavefunction(Particles()))
