"""What is learned from shocks up to Mach 4 and from waves holds at Mach 5.5."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from eltanin_gas.flows.standing import profile, relative_l1, thickness
from eltanin_gas.flows.steady import nodes, standing_shock
from eltanin_hermite.model import HermiteClosure

kinetic = pytest.importorskip("eltanin_kinetic.shock")
BENCHMARK = Path(__file__).parents[4] / "benchmarks" / "closure_shock.py"


def benchmark():
    found = importlib.util.spec_from_file_location("closure_shock", BENCHMARK)
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_a_shock_of_mach_five_and_a_half_that_was_never_seen():
    """Navier-Stokes-Fourier: 0.374, 0.355, 0.453, 0.394, 0.558, and T(-10) is 0.40 of what it is."""
    script, model = benchmark(), HermiteClosure()
    data = script.learned_data(np.random.default_rng(0))
    state, _ = model.train(model.init(data, np.random.default_rng(1)), data, np.random.default_rng(2))
    shock = kinetic.steady_shock(5.5)
    xi = nodes(76.0, 82.0, 400)
    stands = standing_shock(model.predictor(state), 5.5, xi, shock.at(xi)[0])
    found, known = profile(xi, stands.state, 5.5), script.reference_of(shock)
    errors = relative_l1(found, known, 5.5)
    most = {"density": 0.05, "velocity": 0.05, "temperature": 0.05, "stress": 0.10, "heat_flux": 0.12}
    assert {name: error for name, error in errors.items() if error > most[name]} == {}
    assert thickness(found, 5.5) == pytest.approx(thickness(known, 5.5), rel=0.03)
    ahead = np.interp(-10, found.xi, found.temperature)
    assert ahead == pytest.approx(np.interp(-10, known.xi, known.temperature), rel=0.03)
