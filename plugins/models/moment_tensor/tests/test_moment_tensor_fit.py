"""The fit: what lies in its span is recovered, and grades tell what was learned from what was not."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from eltanin.batch import Properties
from eltanin.protocols import Dataset
from eltanin.store.checkpoint import load_tree, save_tree
from eltanin_atoms.conformance.labelers import moved
from eltanin_atoms.structures import Structures
from eltanin_moment_tensor import MomentTensor
from eltanin_moment_tensor.model import Graded

MODEL = MomentTensor(level=8, radial=5, cutoff=4.5, closest=1.8, ridge=0.0)
RNG = np.random.default_rng(0)  # of no account: a linear model has one solution


def brass(count: int, first: int = 0) -> Structures:
    frames: list[Atoms] = []
    for k in range(first, first + count):
        atoms = bulk("CuZn", "cesiumchloride", a=2.8 + 0.03 * (k % 8)).repeat((2, 2, 1 + k % 2))
        atoms.rattle(0.25, seed=k)
        atoms.numbers = np.random.default_rng(k).permutation(atoms.numbers)
        frames.append(atoms[: len(atoms) - k % 3])
    return Structures.from_ase(frames)


def dataset(x: Structures, y: Properties) -> Dataset:
    n = len(x)
    return Dataset(x, y, np.zeros(n, int), np.zeros(n, int), np.zeros(n), Properties.none(n))


def nothing(x: Structures) -> Dataset:
    return dataset(x, Properties.of(energy=np.zeros(len(x))))


@pytest.fixture(scope="module")
def truth():
    """A potential in the span: random coefficients of every function of every species."""
    state = MODEL.init(nothing(brass(4)), RNG)
    return MODEL.predictor(state | {"coefficients": np.random.default_rng(1).normal(size=state["coefficients"].shape)})


@pytest.mark.parametrize("without", [(), ("virial",), ("energy", "virial")])
def test_a_potential_in_the_span_is_recovered(truth, without):
    x, new = brass(24), brass(6, 100)
    labels = truth.predict(x)
    labels = Properties(
        {k: v for k, v in labels.values.items() if k not in without},
        {k: v for k, v in labels.present.items() if k not in without},
    )
    state, metrics = MODEL.train(MODEL.init(nothing(x), RNG), dataset(x, labels), RNG)
    found, expected = MODEL.predictor(state).predict(new), truth.predict(new)
    force, scale = expected.values["forces"].values, np.abs(expected.values["forces"].values).max()
    assert np.abs(found.values["forces"].values - force).max() < 1e-8 * scale
    assert metrics["training_force_rmse_mev_per_angstrom"] < 1e-5 * scale
    if "energy" not in without:
        np.testing.assert_allclose(found.values["energy"], expected.values["energy"], rtol=1e-8)
        np.testing.assert_allclose(found.values["virial"], expected.values["virial"], rtol=1e-7, atol=1e-7 * scale)


def test_labels_that_some_structures_lack_are_left_out(truth):
    x = brass(24)
    labels = truth.predict(x)
    some = np.arange(24) % 2 == 0
    spoilt = np.where(some, labels.values["energy"], np.nan)
    partial = Properties(labels.values | {"energy": spoilt}, labels.present | {"energy": some})
    state, _ = MODEL.train(MODEL.init(nothing(x), RNG), dataset(x, partial), RNG)
    found = MODEL.predictor(state).predict(x).values["energy"]
    np.testing.assert_allclose(found, labels.values["energy"], rtol=1e-8)


@pytest.mark.parametrize("graded", Graded)
def test_grades_are_at_most_one_on_what_was_learned_and_larger_outside(truth, graded):
    model = MomentTensor(level=8, radial=5, cutoff=4.5, closest=1.8, graded=graded)
    x = brass(30)
    state, _ = model.train(model.init(nothing(x), RNG), dataset(x, truth.predict(x)), RNG)
    predictor = model.predictor(state)
    assert predictor.grade(x).max() <= 1 + 1e-6
    assert predictor.grade(moved(x, 0.7 * x.positions.values, 0.7 * x.cell)).min() > 10


def test_what_is_no_structure_any_more_has_no_grade(truth):
    x = brass(3)
    positions = x.positions.values.copy()
    positions[0] = np.nan
    assert np.isfinite(truth.grade(moved(x, positions))).tolist() == [False, True, True]


def test_a_state_survives_a_checkpoint_to_the_last_bit(truth, tmp_path):
    x = brass(8)
    state, _ = MODEL.train(MODEL.init(nothing(x), RNG), dataset(x, truth.predict(x)), RNG)
    save_tree(tmp_path / "state", state)
    again = MODEL.predictor(load_tree(tmp_path / "state"))
    live = MODEL.predictor(state)
    assert np.array_equal(again.predict(x).values["energy"], live.predict(x).values["energy"])
    assert np.array_equal(again.grade(x), live.grade(x))


@pytest.mark.parametrize(
    "wrong", [{"level": 1}, {"closest": 7.0}, {"force_error": 0.0}, {"ridge": -1.0}, {"elements": ["Cu", "Cu"]}]
)
def test_settings_without_meaning_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        MomentTensor(**wrong)
