"""The gas domain: deviations, errors, files."""

from dataclasses import replace

import numpy as np
import pytest

from eltanin.batch import Properties, Ragged, fingerprints
from eltanin_gas.domain import Gas
from eltanin_gas.lorentz.random_states import RandomStates
from eltanin_gas.lorentz.relaxation import Relaxation
from eltanin_gas.lorentz.ridge_closure import Closure
from eltanin_gas.lorentz.system import LorentzGas
from eltanin_gas.problems import Problems


def rng(seed=0):
    return np.random.default_rng(seed)


def closing(*rows):
    return Properties.of(closing=Ragged.of([np.array(row, dtype=float).reshape(-1, 1) for row in rows]))


def problems(*fields, **changed):
    """Return problems of one cell each, with so much density and current."""
    n = len(fields)
    rows = Ragged.of([np.array([row], dtype=float) for row in fields])
    told = {"knudsen": Ragged(np.ones(n), rows.counts), "length": np.ones(n), "duration": np.ones(n)}
    return Problems(**{"fields": rows, **told, "boundary": np.zeros(n, dtype=int), **changed})


@pytest.fixture(scope="module")
def labelled():
    explorer = RandomStates(LorentzGas(), problems=6, cells=8)
    x, _ = explorer.explore([], explorer.init(rng()), None, rng(1))
    return x, Relaxation(LorentzGas()).label(x, Gas().wanted, rng()).values


def test_deviation_is_the_largest_spread_over_the_cells_of_a_problem():
    a, b = closing([1, 2, 3], [5]), closing([1, 4, 3], [5.5])
    np.testing.assert_allclose(Gas().deviation([a, b]), [1.0, 0.25])
    np.testing.assert_allclose(Gas().mean([a, b]).values["closing"].values[:, 0], [1, 3, 3, 5.25])


def test_deviation_that_is_not_finite_stays_so():
    a, b = closing([1, np.nan], [1]), closing([1, 2], [1])
    assert np.isnan(Gas().deviation([a, b])[0])


def test_error_is_taken_in_the_given_cells_alone():
    predicted = closing([1, 2], [3])
    visited = closing([1.5, 2, 99, 99], [3, 99])
    np.testing.assert_allclose(Gas().error(predicted, visited), [0.5, 0])


def test_error_is_undefined_where_label_or_prediction_is_missing():
    joined = Properties.concatenate([Properties.none(1), closing([3.0, 4.0])])
    whole = closing([1, 2], [3, 4])
    np.testing.assert_array_equal(Gas().error(whole, joined), [np.nan, 0])
    np.testing.assert_array_equal(Gas().error(joined, whole), [np.nan, 0])


def test_validation_by_region(labelled):
    x, labels = labelled
    predicted = Closure(np.zeros(1)).predict(x)
    found = Gas().validation(x, predicted, labels)
    squares = [
        (found[f"closing_flux_rmse_{region}"] ** 2) * np.mean(x.evidence["region"] == region)
        for region in np.unique(x.evidence["region"])
    ]
    assert found["closing_flux_rmse"] ** 2 == pytest.approx(sum(squares))
    assert found["closing_flux_max_error"] == pytest.approx(Gas().error(predicted, labels).max())


def test_labels_that_no_gas_has_are_refused():
    moments = Ragged.of([np.array([[1.0, 0.0]]), np.array([[-1.0, 0.0]]), np.array([[np.nan, 0.0]])])
    labels = Properties.of(moments=moments, closing=closing([1], [1], [1]).values["closing"])
    kinds = {i: failure.kind for i, failure in Gas().refusals(problems([1, 0], [1, 0], [1, 0]), labels).items()}
    assert kinds == {1: "unphysical", 2: "nonfinite"}


def test_labels_of_other_cells_are_refused():
    x = problems([1, 0], [1, 0])
    cells = Ragged(np.ones((2, 1)), np.array([2, 0]))
    moments = Ragged(np.ones((2, 2)), np.array([1, 1]))
    for values in ({"moments": moments, "closing": cells}, {"moments": moments}, {"closing": cells}):
        assert {f.kind for f in Gas().refusals(x, Properties.of(**values)).values()} == {"shape"}
    fewer = Properties.of(moments=moments[:1], closing=moments[:1])
    assert {i: f.kind for i, f in Gas().refusals(x, fewer).items()} == {1: "shape"}


FLAWS = {
    "nonfinite": [
        {"fields": [np.nan, 0.0]},
        {"fields": [1.0, np.inf]},
        {"knudsen": Ragged(np.array([np.nan]), np.array([1]))},
        {"length": np.array([np.inf])},
        {"duration": np.array([np.nan])},
    ],
    "unphysical": [
        {"fields": [-1.0, 0.0]},
        {"fields": [0.0, 0.0]},
        {"knudsen": Ragged(np.array([0.0]), np.array([1]))},
        {"length": np.array([0.0])},
        {"duration": np.array([-1.0])},
        {"boundary": np.array([7])},
    ],
    "shape": [
        {"fields": Ragged(np.ones((0, 2)), np.array([0]))},
        {"fields": Ragged(np.ones(1), np.array([1]))},
        {"knudsen": Ragged(np.ones(2), np.array([2]))},
    ],
}


@pytest.mark.parametrize(("kind", "changed"), [(kind, one) for kind, some in FLAWS.items() for one in some])
def test_problems_that_no_labeler_should_be_asked_are_named(kind, changed):
    spoiled = problems(changed["fields"]) if isinstance(changed.get("fields"), list) else problems([1, 0], **changed)
    assert Gas().flaws(problems([1, 0])) == {}
    assert {i: f.kind for i, f in Gas().flaws(spoiled).items()} == {0: kind}


def test_an_impossible_problem_fails_alone(labelled):
    x, labels = labelled
    spoiled = x.fields.values.copy()
    spoiled[3, 1] = 2.0  # a current above the density, in the first problem
    told = Relaxation(LorentzGas()).label(replace(x, fields=Ragged(spoiled, x.cells)), Gas().wanted, rng())
    assert {i: f.kind for i, f in told.failures.items()} == {0: "unphysical"}
    rest = np.arange(1, len(x))
    for name in ("moments", "closing"):
        np.testing.assert_array_equal(told.values.values[name][rest].values, labels.values[name][rest].values)


class TestTrial:
    def trial(self, change=lambda moments: moments):
        explorer = RandomStates(LorentzGas(), problems=12, cells=8)
        x, _ = explorer.explore([], explorer.init(rng()), None, rng(1))
        asked = []

        def ask(some):
            asked.append(len(some))
            labels = Relaxation(LorentzGas()).label(some, Gas().wanted, rng())
            moments = labels.values.values["moments"]
            changed = {**labels.values.values, "moments": Ragged(change(moments.values), moments.counts)}
            return replace(labels, values=replace(labels.values, values=changed))

        return Gas().trial(x, ask, rng()), asked

    def test_a_solver_that_conserves_mass_is_believed(self):
        assert self.trial() == ("", [2])

    def test_a_solver_that_loses_mass_is_not(self):
        leak = np.ones((2 * 24, 1))
        leak[16:24] = leak[40:] = 0.9
        doubt, _ = self.trial(lambda moments: moments * [[1, 1]] * leak)
        assert "mass by 10.0%" in doubt

    def test_a_solver_that_begins_elsewhere_is_not(self):
        doubt, _ = self.trial(lambda moments: moments * [[1.0, -1.0]])
        assert "begins with other moments" in doubt


def test_file_brings_back_every_bit(labelled, tmp_path):
    x, labels = labelled
    Gas().write(tmp_path / "gas.npz", x, labels)
    y, same = Gas().read(tmp_path / "gas.npz")
    assert fingerprints(y) == fingerprints(x)
    assert list(y.evidence["region"]) == list(x.evidence["region"])
    for name in ("moments", "closing"):
        np.testing.assert_array_equal(same.values[name].values, labels.values[name].values)
        np.testing.assert_array_equal(same.has(name), labels.has(name))
    np.testing.assert_array_equal(y[::-1].fields.rows()[0], x.fields.rows()[-1])


def test_file_of_something_else_is_refused(tmp_path):
    np.savez(tmp_path / "other.npz", positions=np.zeros(3))
    with pytest.raises(ValueError, match="no labels and no problems"):
        Gas().read(tmp_path / "other.npz")


def test_predictions_can_be_written_too(labelled, tmp_path):
    x, _ = labelled
    Gas().write(tmp_path / "predicted.npz", x, Closure(np.zeros(2)).predict(x))
    assert isinstance(Gas().read(tmp_path / "predicted.npz")[0], Problems)
