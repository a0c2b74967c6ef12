"""Features learned from BGK flows: what they leave of flows not seen, and a shock by them."""

import numpy as np
import pytest
import torch

from eltanin.batch import Ragged
from eltanin.protocols import Dataset
from eltanin_gas.collisions import MonatomicGas
from eltanin_gas.domain import Gas
from eltanin_gas.flows.standing import Profile, centres, profile, relative_l1
from eltanin_gas.monatomic import equilibrium_moments, rankine_hugoniot, state_of
from eltanin_gas.problems import Boundary, Problems
from eltanin_kinetic import Bgk, shock_profile
from eltanin_learned_moments.features import bounded, hermite
from eltanin_learned_moments.model import LearnedMoments
from eltanin_learned_moments.training import cells_of, relative_divergence

pytestmark = pytest.mark.slow
# Relative L1 errors of Navier, Stokes and Fourier in the shock of Mach 2, by an independent code.
NSF = {"density": 0.189, "velocity": 0.139, "temperature": 0.189, "stress": 0.211, "heat_flux": 0.270}


def labelled(machs, cells=40):
    """Return shocks that form from a jump, 12 mean free times, and their labels."""
    sides = [np.array(rankine_hugoniot(mach))[(np.arange(cells) >= cells // 2).astype(int)] for mach in machs]
    fields, n = Ragged.of([equilibrium_moments(*side.T) for side in sides]), len(machs)
    one = np.ones(n)
    x = Problems(fields, Ragged(np.ones(n * cells), fields.counts), 30 * one, 12 * one, np.full(n, int(Boundary.FIXED)))
    labeler = Bgk(MonatomicGas(), instants=3, velocities=64)
    labels = labeler.label(x, Gas(distributions=True).wanted, np.random.default_rng(0))
    assert labels.failures == {}
    return Dataset(x, labels.values, np.zeros(n, dtype=int), np.zeros(n, dtype=int), one, labels.values)


@pytest.fixture(scope="module")
def trained():
    learner = LearnedMoments(Gas(distributions=True), even=2, odd=4, steps=300, cells=128)
    data = labelled((1.5, 2.0, 3.0))
    state, metrics = learner.train(learner.init(data, np.random.default_rng(1)), data, np.random.default_rng(2))
    assert metrics["unconverged_fraction"] == 0
    return learner.predictor(state)


def test_less_divergence_is_left_of_a_shock_not_seen(trained):
    cells = cells_of(labelled((2.5,)).labels.values["distribution"].values[40:])
    found = relative_divergence(cells, trained.features)
    assert not found.isnan().any()
    assert float(found.mean()) < 0.7 * float(relative_divergence(cells, bounded(2, 4)).mean())
    assert float(found.mean()) < 0.5 * float(relative_divergence(cells, hermite(1, 2)).nanmean())


def test_a_standing_shock_is_nearer_to_bgk_than_navier_stokes_fourier(trained):
    mach, cells, extent = 2.0, 60, (-20.0, 20.0)
    xi = centres(extent, cells).numpy()
    before, behind = (equilibrium_moments(*np.array(side)) for side in rankine_hugoniot(mach))
    begun = before + (behind - before) * ((1 + np.tanh(xi / 3)) / 2)[:, None]
    fixed = np.array([int(Boundary.FIXED)])
    raw, record = trained.solve(
        begun[None], lambda rho, _: torch.ones_like(rho), np.array([40.0]), np.array([20.0]), fixed
    )
    assert record.failed == {}
    assert float(record.rise.max()) < 0
    points = np.linspace(-15, 15, 241)
    found = profile(xi, state_of(raw[0][:, [0, 1, 2, 3, 5, 6]]), mach)
    errors = relative_l1(found, Profile(points, *shock_profile(mach, points)[:5]), mach)
    for name, error in NSF.items():
        assert errors[name] < error
