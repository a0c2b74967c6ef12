"""Random flows: they are what their families say, run by any closure, and the same again for the same seed."""

import numpy as np
import pytest
import torch

from eltanin.batch import fingerprints
from eltanin.protocols import Feedback, Verdict
from eltanin.randomness import stream
from eltanin.store.checkpoint import load_tree, save_tree
from eltanin_gas.collisions import MonatomicGas
from eltanin_gas.domain import Gas
from eltanin_gas.flows.problems import six_moments
from eltanin_gas.monatomic import conserved_of, equilibrium_moments, invariants, state_of
from eltanin_gas.problems import Boundary
from eltanin_kinetic_flows import KineticFlows, families
from eltanin_kinetic_flows.explorer import shares
from eltanin_kinetic_flows.problems import FAMILIES


class Closed:
    """A closure A = 3 + α s, B = 1 + β s; α = 6 and β = 1/2 are Grad's."""

    def __init__(self, alpha=6.0, beta=0.5):
        self.slopes = alpha, beta

    def __call__(self, s, a, b):
        return 3 + self.slopes[0] * s + 0 * a, 1 + self.slopes[1] * s + 0 * b

    def jointly(self, members):
        return six_moments(members)


def explorer(**settings):
    told = {"problems": 10, "cells": 12, "duration": 0.02, "instants": 2, "shock_cells": 16, "shock_duration": 0.4}
    return KineticFlows(MonatomicGas(), **{**told, **settings})


def first(seed=0, **settings):
    one = explorer(**settings)
    return one.explore([], one.init(stream(seed)), None, stream(seed, "explore"))[0]


@pytest.mark.parametrize("family", FAMILIES)
def test_gases_begin_as_maxwellians_of_positive_density_and_temperature(family):
    x = first(families={family: 1}, problems=60)
    assert set(x.evidence["region"]) == {family}
    assert not Gas().flaws(x)
    state = state_of(x.fields.values)
    assert state.density.min() > 0
    assert state.temperature.min() > 0
    np.testing.assert_allclose(invariants(x.fields.values), 0, atol=1e-10)
    ends = {"riemann": Boundary.OPEN, "shock": Boundary.FIXED}.get(family, Boundary.PERIODIC)
    assert set(x.boundary) == {int(ends)}


@pytest.mark.parametrize("family", ["wave", "mixture"])
def test_what_is_periodic_goes_on_where_it_ends(family):
    x = np.linspace(0, 1, 7)
    for seed in range(5):
        one, other = (getattr(families, family)(x + shift, stream(seed)) for shift in (0.0, 1.0))
        begin, end = (np.array(part)[:, i] for part, i in ((one, 0), (one, -1)))
        np.testing.assert_allclose(begin, end, atol=1e-12)
        if family == "wave":
            np.testing.assert_allclose(one, other, atol=1e-12)


def test_a_flow_is_the_same_on_every_grid():
    for family in ("wave", "riemann", "mixture", "transition"):
        coarse, fine = (first(families={family: 1}, cells=cells) for cells in (5, 15))
        for one, other in zip(coarse.fields.rows(), fine.fields.rows(), strict=True):
            np.testing.assert_allclose(one, other[1::3], rtol=1e-12)
        np.testing.assert_allclose(coarse.knudsen.rows()[0], fine.knudsen.rows()[0][1::3], rtol=1e-12)


def test_waves_swing_about_one_gas_at_rest():
    x = first(families={"wave": 1}, problems=40)
    mean = np.mean(np.stack(state_of(np.stack(x.fields.rows()))[:3]), axis=-1)
    np.testing.assert_allclose(mean, np.array([1, 0, 1])[:, None] + np.zeros((3, 40)), atol=1e-12)


def test_pieces_are_two_gases_side_by_side():
    for row in first(families={"riemann": 1}).fields.rows():
        assert len(np.unique(row.round(12), axis=0)) == 2
        assert (np.abs(np.diff(row[:, 0])) > 1e-9).sum() == 1


def test_knudsen_numbers_lie_in_their_range_and_transitions_span_it():
    x = first(problems=200, families={"wave": 1}, lowest_knudsen=0.01, highest_knudsen=1.0)
    logs = np.log10(x.evidence["knudsen"])
    assert logs.min() >= -2
    assert logs.max() <= 0
    assert np.mean(logs) == pytest.approx(-1, abs=0.15)  # the mean of 200 numbers, uniform in the logarithm
    for row in first(families={"transition": 1}, cells=64).knudsen.rows():
        assert row.min() == pytest.approx(1e-3, rel=0.05)
        assert row.max() == pytest.approx(10, rel=0.05)


def test_through_both_sides_of_a_shock_flows_the_same():
    x = first(families={"shock": 1}, problems=20, shock_cells=80, lowest_mach=1.5, highest_mach=4.0)
    assert x.evidence["mach"].min() >= 1.5
    assert x.evidence["mach"].max() <= 4.0
    for row, mach in zip(x.fields.rows(), x.evidence["mach"], strict=True):
        m0, m1, m2, m3, _, k1 = row[[0, -1]].T
        np.testing.assert_allclose([*np.diff(m1), *np.diff(m2), *np.diff(m3 / 2 + k1)], 0, atol=1e-5)
        assert m1[0] / m0[0] / np.sqrt(5 / 3) == pytest.approx(mach, rel=1e-6)


def test_the_same_seed_draws_the_same_problems_and_another_draws_others():
    one, again, other = (first(seed) for seed in (0, 0, 1))
    assert fingerprints(one) == fingerprints(again)
    assert not set(fingerprints(one)) & set(fingerprints(other))


def play(rounds, resumed, folder):
    """Return the pools of so many rounds; a resumed explorer forgets all but what was stored."""
    one = explorer(problems=5)
    state, pools = one.init(stream(0)), []
    for k in range(rounds):
        x, state = one.explore([Closed()] if k else [], state, None, stream(0, k))
        pools.append(x)
        if resumed:
            save_tree(folder / f"state-{k}", state)
            one, state = explorer(problems=5), load_tree(folder / f"state-{k}")
    return pools


def test_resumed_and_uninterrupted_explorations_are_the_same(tmp_path):
    for one, other in zip(*(play(3, resumed, tmp_path) for resumed in (False, True)), strict=True):
        assert fingerprints(one) == fingerprints(other)
        np.testing.assert_array_equal(one.met.values, other.met.values)
        np.testing.assert_array_equal(one.evidence["trajectory"], other.evidence["trajectory"])


def test_a_run_meets_the_given_cells_first_and_conserves_what_is_closed():
    one = explorer(problems=12)
    x, state = one.explore([Closed()], one.init(stream(0)), None, stream(3))
    assert state == {"runs": 12}
    for row, met, boundary in zip(x.fields.rows(), x.met.rows(), x.boundary, strict=True):
        assert len(met) == 3 * len(row)
        np.testing.assert_allclose(met[: len(row)], row, rtol=1e-13, atol=1e-13)
        totals = conserved_of(met.reshape(3, len(row), 6)).sum(axis=1)
        if boundary == Boundary.PERIODIC:
            np.testing.assert_allclose(totals, totals[[0, 0, 0]], atol=1e-11)
    assert np.isnan(x.evidence["stopped"]).all()
    assert (x.evidence["gap"][x.evidence["region"] == "wave"] > 0.1).all()


def test_margins_of_a_gas_at_rest_are_those_of_the_closure():
    """Of Grad's A = 3 + 6 s, B = 1 + s/2 at equilibrium: A - 1 = 2, B - 0 = 1, and no cell is far from it."""
    one = explorer(problems=3, families={"wave": 1}, duration=1e-6, lowest_knudsen=1e-3, highest_knudsen=1e-3)
    x, _ = one.explore([Closed()], one.init(stream(0)), None, stream(0))
    np.testing.assert_allclose(x.evidence["realizability"], 1.0, atol=1e-5)
    np.testing.assert_allclose(x.evidence["imaginary"], 0.0, atol=1e-4)


def test_runs_follow_the_mean_of_the_committee():
    one = explorer(problems=4)
    mean, alone = (
        one.explore(c, one.init(stream(0)), None, stream(0))[0] for c in ([Closed(4), Closed(8)], [Closed()])
    )
    np.testing.assert_allclose(mean.met.values, alone.met.values, rtol=1e-9, atol=1e-9)
    assert fingerprints(mean) == fingerprints(alone)


def test_a_run_with_complex_speeds_stops_and_says_when():
    one = explorer(problems=4, imaginary=0.5)
    x, _ = one.explore([Closed(-20.0)], one.init(stream(0)), None, stream(0))
    assert (x.evidence["imaginary"] > 0.5).all()
    np.testing.assert_allclose(x.evidence["stopped"], x.duration / 2)
    for row, met in zip(x.fields.rows(), x.met.rows(), strict=True):
        given, first, second = met.reshape(3, *row.shape)
        np.testing.assert_allclose(given, row, rtol=1e-13, atol=1e-13)
        np.testing.assert_array_equal(first, second)
        assert np.abs(invariants(first)).max() > 1e-3


def test_a_run_that_is_no_gas_any_more_stops_and_says_when():
    class Broken(Closed):
        def __call__(self, s, a, b):
            broken = torch.where(s.abs() > 1e-12, torch.nan, 0.0)
            return 3 + 6 * s + broken, 1 + s / 2 + 0 * a

    one = explorer(problems=3, families={"wave": 1})
    x, _ = one.explore([Broken()], one.init(stream(0)), None, stream(0))
    np.testing.assert_allclose(x.evidence["stopped"], x.duration / 2)
    assert np.isfinite(x.met.values).all()


def test_the_first_round_has_met_what_it_begins_with():
    x = first()
    assert x.met is x.fields
    assert np.isnan(x.evidence["stopped"]).all()


def test_families_that_were_not_accurate_are_run_more_and_weights_are_kept():
    verdict = np.array([Verdict.ACCURATE, Verdict.ACCURATE, Verdict.CANDIDATE, Verdict.REJECTED])
    region = np.array(["wave", "wave", "riemann", "riemann"])
    said = Feedback({"region": region}, verdict, np.zeros(4), np.zeros(4, dtype=bool))
    weights = {"wave": 2.0, "riemann": 1.0, "shock": 0.0}
    np.testing.assert_allclose(shares(weights, None), [2 / 3, 1 / 3, 0, 0, 0])
    np.testing.assert_allclose(shares(weights, said), np.array([0.4, 1.2, 0, 0, 0]) / 1.6)


@pytest.mark.parametrize(
    "wrong",
    [
        {"problems": 0},
        {"cells": 1},
        {"duration": 0.0},
        {"imaginary": -1.0},
        {"lowest_knudsen": 2.0, "highest_knudsen": 1.0},
        {"lowest_mach": 0.9},
        {"families": {"vortex": 1.0}},
        {"families": {"wave": 0.0}},
    ],
)
def test_exploration_without_meaning_is_refused(wrong):
    with pytest.raises(ValueError, match=f"explorer.{next(iter(wrong))}"):
        explorer(**wrong)


def test_collisions_that_six_moments_do_not_have_are_refused():
    with pytest.raises(ValueError, match=r"system\.model=bgk"):
        KineticFlows(MonatomicGas("shakhov"))


def test_a_gas_of_one_state_stays_as_it_is():
    one = explorer(problems=1, families={"wave": 1})
    x, _ = one.explore([], one.init(stream(0)), None, stream(0))
    rest = np.broadcast_to(equilibrium_moments(*np.array([1.3, 0.4, 0.9])), (12, 6)).copy()
    still = type(x)(type(x.fields)(rest, x.cells), x.knudsen, x.length, x.duration, x.boundary)
    met = one._ran([Closed()], still)["met"].values
    np.testing.assert_allclose(met, np.concatenate([rest] * 3), rtol=1e-12)
