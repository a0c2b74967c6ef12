"""What a campaign reports of flows: errors with known answers, and limits in which descriptions must agree."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from eltanin.batch import Properties, Ragged
from eltanin.execution import Inline
from eltanin.labelling.ask import Labelling
from eltanin.protocols import Failure, Labels
from eltanin.randomness import stream
from eltanin_classical.closures import CLOSURES
from eltanin_classical.evaluation import FlowErrors, averaged, coarsened, errors, marched, nsf
from eltanin_classical.model import ClassicalClosure, Written
from eltanin_classical.three_moments import Euler, NavierStokesFourier
from eltanin_gas.collisions import MonatomicGas
from eltanin_gas.domain import Gas
from eltanin_gas.flows.six_moments import SixMoments
from eltanin_gas.monatomic import conserved_of, equilibrium_moments
from eltanin_gas.problems import Boundary, Problems

GAS = MonatomicGas()


def problems(count=2, cells=48, kn=1.0, duration=0.1, boundary=Boundary.PERIODIC):
    x = 2 * np.pi * (np.arange(cells) + 0.5) / cells
    rows = [
        equilibrium_moments(1 + 0.3 * np.sin(x + k), 0.2 * np.cos(x - k), 1 + 0.2 * np.sin(2 * x)) for k in range(count)
    ]
    fields = Ragged.of(rows)
    one = np.ones(count)
    kinds = np.full(count, int(boundary))
    return Problems(fields, Ragged(np.full(count * cells, kn), fields.counts), one, duration * one, kinds)


@dataclass(frozen=True)
class Waves:
    """An explorer that draws no numbers."""

    families: dict
    problems: int = 1
    cells: int = 8

    def init(self, rng):
        return {}

    def explore(self, committee, state, feedback, rng):
        return problems(self.problems, self.cells), state


@dataclass(frozen=True)
class Still:
    """A labeler in whose world nothing moves; of some problems it knows nothing."""

    system: MonatomicGas
    fails: int = 0

    def label(self, x, wanted, rng):
        failures = {i: Failure("unconverged", "told to") for i in range(self.fails)}
        closing = Ragged(np.ones((len(x.fields.values), 2)), x.cells)
        return Labels(Properties.of(moments=x.fields, closing=closing), failures)


def measured(labeler, **settings):
    told = FlowErrors(
        **{"families": ["wave"], "problems": 2, "knudsen": [1.0], "cells": 12, "transitions": 0, **settings}
    )
    labelling = Labelling(Gas(), labeler, Inline(), 0, None)
    return told.measure(Waves({}), {}, labelling, [Written("grad")], stream(0))


def test_errors_are_integrals_over_integrals():
    rho, u, t = np.ones((2, 10)), np.zeros((2, 10)), np.full((2, 10), 0.6)
    known = conserved_of(equilibrium_moments(rho, u, t))
    found = conserved_of(equilibrium_moments(1.1 * rho, u + 0.25, 1.2 * t))
    told = errors(found, known, "some_", "here")  # the sound speed is 1
    expected = {"some_error_rho_here": 0.1, "some_error_u_here": 0.25, "some_error_T_here": 0.2}
    assert told == pytest.approx(expected)


def test_means_over_cells_keep_totals():
    x = problems(cells=48)
    coarse = coarsened(x, 4)
    assert list(coarse.cells) == [12, 12]
    for one, other in zip(x.fields.rows(), coarse.fields.rows(), strict=True):
        np.testing.assert_allclose(one.mean(axis=0), other.mean(axis=0), rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(averaged(np.arange(8.0)[None], 4), [[1.5, 5.5]])


def test_on_fewer_cells_a_viscous_gas_says_the_same():
    x = problems(count=1, kn=0.5)
    whole, _ = marched(NavierStokesFourier(), GAS, x)
    fewer = nsf(GAS, x)  # (2 Kn t)^(1/2) is 0.32: half of the cells
    assert fewer.shape == whole.shape
    np.testing.assert_array_equal(fewer[:, ::2], fewer[:, 1::2])
    assert np.abs(averaged(fewer, 2) - averaged(whole, 2)).max() < 5e-3


def test_in_a_world_where_nothing_moves_short_flows_have_small_errors_of_the_distance_they_went():
    found = measured(Still(GAS))
    for prefix in ("", "euler_", "nsf_"):
        for name in ("rho", "u", "T"):
            assert 1e-3 < found[f"{prefix}error_{name}_kn_1"] < 1
    assert found["free_error_rho_kn_1"] == 0
    assert found["failed_kn_1"] == 0


def test_where_collisions_are_frequent_closure_and_euler_have_one_limit():
    apart = []
    for cells in (16, 32):
        x = problems(count=1, cells=cells, kn=1e-7)
        closure, euler = (marched(system, GAS, x)[0] for system in (SixMoments(CLOSURES["grad"]), Euler()))
        apart.append(float(np.abs(closure - euler).mean()))
    assert apart[1] < 0.4 * apart[0]


def test_on_twice_as_many_cells_only_the_closure_is_measured_again():
    found = measured(Still(GAS), refined=[1.0])
    fine = {name for name in found if name.endswith("_fine")}
    assert fine == {f"error_{name}_kn_1_fine" for name in ("rho", "u", "T")}
    assert all(found[name] == pytest.approx(found[name.removesuffix("_fine")], rel=0.3) for name in fine)


def test_problems_without_a_reference_are_left_out():
    some = measured(Still(GAS, fails=1))
    assert np.isfinite(some["error_rho_kn_1"])
    assert measured(Still(GAS, fails=2)) == {"without_reference_kn_1": 2}


@pytest.mark.parametrize("wrong", [{"families": []}, {"knudsen": [0.0]}, {"cells": 10}, {"transitions": -1}])
def test_measurements_of_nothing_are_refused(wrong):
    with pytest.raises(ValueError, match=f"validation.{next(iter(wrong))}"):
        FlowErrors(**wrong)


def test_an_explorer_without_families_is_refused():
    told = FlowErrors(problems=1)
    with pytest.raises(ValueError, match="kinetic_flows"):
        told.measure(object(), {}, Labelling(Gas(), Still(GAS), Inline(), 0, None), [Written("grad")], stream(0))


def test_models_that_close_no_moment_system_are_refused():
    FlowErrors().check_model(ClassicalClosure())
    with pytest.raises(ValueError, match="moment_system"):
        FlowErrors().check_model(replace)
