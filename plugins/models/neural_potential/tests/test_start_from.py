"""A campaign that begins with what was learned before: by Eltanin, or by who wrote a file that was imported."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.emt import EMT

from eltanin.batch import Properties, Ragged
from eltanin.errors import ConfigurationError
from eltanin.protocols import Dataset
from eltanin.run import using
from eltanin.run.importing import ModelFolder, completed, save
from eltanin.run.publish import save_members
from eltanin.store import checked
from eltanin_atoms.structures import Structures
from eltanin_behler_parrinello import BehlerParrinello
from eltanin_deepmd import Deepmd
from eltanin_neural_potential import NeuralPotential
from eltanin_smooth import Smooth
from eltanin_zbl import ZBL

MODEL = NeuralPotential(
    descriptor=Smooth(cutoff=4.5, smooth_from=2.0, neurons=[6, 12], axis=4, intervals=0),
    neurons=[16, 16], device="cpu", steps=40, learning_rate=3e-3, learning_rate_end=1e-4, learning_rate_again=1e-3,
)  # fmt: skip


def crystals(symbols: str, seed: int) -> Dataset:
    frames = []
    for k in range(4):
        atoms = bulk("Cu", a=3.7, cubic=True).repeat((2, 1, 1))
        atoms.symbols[: len(symbols) // 2] = symbols[:2]
        atoms.rattle(0.1, seed=seed + k)
        atoms.calc = EMT()
        frames.append(atoms)
    y = Properties.of(
        energy=np.array([a.get_potential_energy() for a in frames]),
        forces=Ragged.of([a.get_forces() for a in frames]),
    )
    none = np.zeros(4, int)
    return Dataset(Structures.from_ase(frames), y, none, none, np.full(4, np.nan), Properties.none(4))


@pytest.fixture(scope="module")
def data() -> Dataset:
    return crystals("AuAu", 0)


@pytest.fixture(scope="module")
def trained(data):
    """A member that has learned."""
    return MODEL.train(MODEL.init(data, np.random.default_rng(1)), data, np.random.default_rng(2))[0]


@pytest.fixture(scope="module")
def folder(trained, tmp_path_factory) -> Path:
    """What `elt import` makes of its export."""
    where = tmp_path_factory.mktemp("start")
    Deepmd().export(MODEL, trained, where / "m.dp")
    settings, state = Deepmd().read(where / "m.dp")
    save(where / "m", completed("model", settings), state)
    return where / "m"


def predicted(model: NeuralPotential, state, x: Structures) -> tuple[np.ndarray, np.ndarray]:
    found = model.predictor(state).predict(x).values
    return found["energy"] / x.counts, found["forces"].values


def test_the_first_state_is_what_was_imported(folder, trained, data):
    started = replace(MODEL, start_from=str(folder))
    started.check(data.configurations)
    state = started.init(data, np.random.default_rng(5))
    (energy, forces), (before, theirs) = (predicted(MODEL, s, data.configurations) for s in (state, trained))
    np.testing.assert_allclose(forces, theirs, rtol=0, atol=1e-11)
    # One composition: the mean energy per atom is right from the start, and nothing else has moved.
    np.testing.assert_allclose(energy - energy.mean(), before - before.mean(), rtol=0, atol=1e-11)
    labels = data.labels.values["energy"] / data.configurations.counts
    assert energy.mean() == pytest.approx(labels.mean(), abs=1e-10)
    assert abs(before.mean() - labels.mean()) > 1e-6


def test_energies_may_be_counted_from_another_zero(folder, data):
    moved = replace(data, labels=Properties.of(energy=data.labels.values["energy"] + 8 * 125.0))
    state = replace(MODEL, start_from=str(folder)).init(moved, np.random.default_rng(5))
    energy, _ = predicted(MODEL, state, data.configurations)
    assert energy.mean() == pytest.approx((moved.labels.values["energy"] / 8).mean(), abs=1e-9)


def test_its_first_training_is_a_later_one(folder, data):
    """It begins at learning_rate_again, here so small that nothing moves."""
    started = replace(MODEL, start_from=str(folder), learning_rate_again=1e-12, learning_rate_end=1e-12, steps=3)
    state = started.init(data, np.random.default_rng(5))
    assert state["trainings"] == 1
    after, _ = started.train(state, data, np.random.default_rng(6))
    assert after["trainings"] == 2
    for net, moved in zip(state["fitting"], after["fitting"], strict=True):
        for name in net:
            np.testing.assert_allclose(moved[name], net[name], rtol=0, atol=1e-11)


def test_a_committee_differs_by_the_order_of_the_data_alone(folder, data):
    started = replace(MODEL, start_from=str(folder), steps=5)
    states = [started.init(data, np.random.default_rng(seed)) for seed in (1, 2)]
    for one, other in zip(*(s["fitting"] for s in states), strict=True):
        for name in one:
            np.testing.assert_array_equal(one[name], other[name])
    ends = [started.train(s, data, np.random.default_rng(k))[0] for k, s in enumerate(states)]
    forces = [predicted(MODEL, s, data.configurations)[1] for s in ends]
    assert 0 < np.abs(forces[0] - forces[1]).max() < 1


def test_members_of_a_committee_are_drawn(trained, data, tmp_path):
    other = MODEL.init(data, np.random.default_rng(9))
    settings = {"_name_": "neural_potential", **{k: v for k, v in asdict(MODEL).items() if k != "descriptor"}}
    settings["descriptor"] = {"_name_": "smooth", **asdict(MODEL.descriptor)}
    save(tmp_path / "m", completed("model", settings), trained)
    files = ModelFolder(tmp_path / "m")
    manifest = files.path / "model/manifest.json"
    told = checked.read(manifest)
    files.save_json("model/manifest.json", {**told, "sha256": save_members(files, [trained, other])})
    model, states = using.members(tmp_path / "m")
    assert model == MODEL
    assert len(states) == 2
    started = replace(MODEL, start_from=str(tmp_path / "m"))
    weights = [started.init(data, np.random.default_rng(k))["fitting"][0]["weight_0"] for k in range(8)]
    drawn = {next(n for n, s in enumerate(states) if np.array_equal(s["fitting"][0]["weight_0"], w)) for w in weights}
    assert drawn == {0, 1}


OTHERS = {
    "cutoff": ({"descriptor": replace(MODEL.descriptor, cutoff=5.0)}, r"model\.descriptor\.cutoff=5\.0, .*4\.5"),
    "table": ({"descriptor": replace(MODEL.descriptor, intervals=64)}, r"model\.descriptor\.intervals=64, .* 0"),
    "descriptor": ({"descriptor": BehlerParrinello()}, r"model\.descriptor=behler_parrinello, .*smooth"),
    "widths": ({"neurons": [16]}, r"model\.neurons=\[16\], .*\[16, 16\]"),
    "repulsion": ({"repulsion": ZBL()}, r"model\.repulsion=zbl, .*None"),
    "elements": ({"elements": ["Au", "Cu"]}, r"model\.elements=\['Au', 'Cu'\], .*\['Cu', 'Au'\]"),
}


@pytest.mark.parametrize("case", OTHERS)
def test_what_does_not_fit_is_refused_before_work(folder, data, case):
    settings, why = OTHERS[case]
    with pytest.raises(ValueError, match=why):
        replace(MODEL, start_from=str(folder), **settings).check(data.configurations)


def test_so_are_elements_that_it_does_not_know(folder):
    with pytest.raises(ValueError, match="Ag: the model was set up for"):
        replace(MODEL, start_from=str(folder)).check(crystals("AgAg", 0).configurations)


def test_and_a_folder_without_a_model(tmp_path, data):
    with pytest.raises(ConfigurationError, match=r"holds no trained model .*elt import FILE"):
        replace(MODEL, start_from=str(tmp_path)).check(data.configurations)
