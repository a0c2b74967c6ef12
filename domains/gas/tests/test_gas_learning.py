"""The learned closure: exact limits, convergence to the analytic one, and exploration led by it."""

from itertools import pairwise

import numpy as np
import pytest

from eltanin.protocols import Dataset, Feedback, Verdict
from eltanin_gas.domain import Gas
from eltanin_gas.lorentz.entropy import eddington_factor
from eltanin_gas.lorentz.random_states import RandomStates, shares
from eltanin_gas.lorentz.regression import closure, fit
from eltanin_gas.lorentz.relaxation import Relaxation
from eltanin_gas.lorentz.ridge_closure import Closure, RidgeClosure
from eltanin_gas.lorentz.system import LorentzGas


def rng(seed=0):
    return np.random.default_rng(seed)


def dataset(explorer, seed=0):
    x, _ = explorer.explore([], explorer.init(rng()), None, rng(seed))
    y = Relaxation(LorentzGas()).label(x, Gas().wanted, rng()).values
    n = np.zeros(len(x))
    return Dataset(x, y, n.astype(int), n.astype(int), n, y)


def test_limits_symmetry_and_realizability_hold_before_anything_is_learned():
    for seed in range(20):
        learned = rng(seed).normal(scale=5, size=7)
        s = np.linspace(-1, 1, 401)
        chi = closure(s, learned)
        assert chi[200] == pytest.approx(1 / 3, abs=1e-15)
        assert chi[0] == chi[-1] == 1
        np.testing.assert_array_equal(closure(-s, learned), chi)
        assert np.all((chi >= s**2) & (chi <= 1))


def test_learned_closure_converges_to_the_analytic_one():
    s = np.linspace(-0.95, 0.95, 2001)
    chi = eddington_factor(s)
    errors = [
        np.abs(closure(s, fit(s, chi, np.ones_like(s), np.zeros(terms), 1e-14)) - chi).max() for terms in (2, 4, 6, 12)
    ]
    assert all(later < earlier / 5 for earlier, later in pairwise(errors))
    assert errors[-1] < 1e-6


def test_without_data_a_member_keeps_its_prior_and_with_data_it_forgets():
    none = fit(np.zeros(0), np.zeros(0), np.zeros(0), prior := rng().normal(size=4), 1e-6)
    np.testing.assert_allclose(none, prior, rtol=1e-12)
    s = np.linspace(0, 0.95, 300)
    members = [fit(s, eddington_factor(s), np.ones(300), rng(i).normal(size=4), 1e-10) for i in range(2)]
    assert np.abs(closure(s, members[0]) - closure(s, members[1])).max() < 1e-6


def test_committee_disagrees_where_it_has_seen_nothing():
    model = RidgeClosure()
    data = dataset(RandomStates(LorentzGas(), first_current=0.3))
    members = [model.train(model.init(data, rng(i)), data, rng(10 + i))[0] for i in range(4)]
    s = np.array([0.2, 0.8])
    spread = np.std([closure(s, m["coefficients"]) for m in members], axis=0)
    assert spread[0] < 1e-4
    assert spread[1] > 30 * spread[0]


def test_training_is_repeatable_and_its_members_differ():
    model, data = RidgeClosure(), dataset(RandomStates(LorentzGas(), problems=10))
    one, other, again = (model.train(model.init(data, rng(i)), data, rng(i))[0] for i in (0, 1, 0))
    np.testing.assert_array_equal(one["coefficients"], again["coefficients"])
    assert np.abs(one["coefficients"] - other["coefficients"]).max() > 0


def test_exploration_begins_near_equilibrium_and_then_follows_the_closure():
    explorer = RandomStates(LorentzGas(), problems=5, cells=16, windows=3)
    start, state = explorer.explore([], explorer.init(rng()), None, rng(1))
    currents = start.fields.values[:, 1] / start.fields.values[:, 0]
    assert len(start) == 5
    assert np.abs(currents).max() <= explorer.first_current
    one, _ = explorer.explore([Closure(np.zeros(2))], state, None, rng(2))
    other, _ = explorer.explore([Closure(np.array([1.0, 0.3]))], state, None, rng(2))
    assert len(one) == 15
    assert list(one.evidence["trajectory"][:5]) == [5, 6, 7, 8, 9]
    np.testing.assert_array_equal(one.fields.values[: 5 * 16], other.fields.values[: 5 * 16])
    assert np.abs(one.fields.values[5 * 16 :] - other.fields.values[5 * 16 :]).max() > 1e-3


def test_the_exact_closure_explores_where_the_labeler_goes():
    class Truth:
        def predict(self, x):
            return Relaxation(LorentzGas()).label(x, Gas().wanted, rng()).values

    explorer = RandomStates(LorentzGas(), problems=4, cells=12, windows=2)
    pool, _ = explorer.explore([Truth()], explorer.init(rng()), None, rng(1))
    labels = Relaxation(LorentzGas(), instants=1).label(pool[:4], Gas().wanted, rng()).values
    for row, later in zip(labels.values["moments"].rows(), pool[4:].fields.rows(), strict=True):
        np.testing.assert_array_equal(row[12:], later)


def test_what_is_not_accurate_is_explored_more():
    verdict = np.array([Verdict.ACCURATE, Verdict.ACCURATE, Verdict.CANDIDATE, Verdict.REJECTED])
    evidence = {"region": np.array(["wave", "wave", "step", "step"])}
    said = Feedback(evidence, verdict, np.zeros(4), np.zeros(4, dtype=bool))
    np.testing.assert_allclose(shares(None), 0.5)
    wave, step = shares(said)
    assert step == pytest.approx(6 * wave)


@pytest.mark.parametrize(
    "wrong",
    [
        {"problems": 0},
        {"cells": 1},
        {"duration": 0.0},
        {"lowest_knudsen": 2.0, "highest_knudsen": 1.0},
        {"largest_current": 1.0},
    ],
)
def test_exploration_without_meaning_is_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        RandomStates(LorentzGas(), **wrong)


@pytest.mark.parametrize("wrong", [{"terms": 0}, {"ridge": 0.0}, {"prior": -1.0}])
def test_regression_without_answer_is_refused(wrong):
    with pytest.raises(ValueError, match="give"):
        RidgeClosure(**wrong)
