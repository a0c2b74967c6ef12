"""A potential is learned from it, and a campaign runs with it from the command."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT

from eltanin.batch import Properties, Ragged
from eltanin.protocols import Dataset
from eltanin.store.checkpoint import load_tree, save_tree
from eltanin_atoms.structures import Structures
from eltanin_behler_parrinello import BehlerParrinello
from eltanin_neural_potential import NeuralPotential

MODEL = NeuralPotential(
    descriptor=BehlerParrinello(cutoff=4.5, angular_cutoff=4.0, radial=6),
    neurons=[16, 16],
    device="cpu",
    steps=800,
    learning_rate=1e-2,
    learning_rate_end=1e-4,
)


@pytest.fixture(scope="module")
def alloy() -> Dataset:
    """Copper and gold by effective medium theory, in cells of different size and order."""
    cells = [bulk("CuAu", "cesiumchloride", a=3.0 + 0.02 * k).repeat((2, 2, 1 + k % 2)) for k in range(8)]
    frames = [*cells, *(bulk("Cu", a=3.5 + 0.05 * k).repeat(2) for k in range(4))]
    return of([labelled(atoms, k) for k, atoms in enumerate(frames)])


def labelled(atoms: Atoms, seed: int) -> Atoms:
    atoms.rattle(0.1, seed=seed)
    atoms.calc = EMT()
    return atoms


def of(frames: list[Atoms]) -> Dataset:
    n, x = len(frames), Structures.from_ase(frames)
    energy, forces = np.array([a.get_potential_energy() for a in frames]), [a.get_forces() for a in frames]
    y, none = Properties.of(energy=energy, forces=Ragged.of(forces)), np.zeros(n, int)
    return Dataset(x, y, none, none, np.zeros(n), Properties.none(n))


def force_rmse(model: NeuralPotential, state, data: Dataset) -> float:
    """Every structure counts as much as any other."""
    found = model.predictor(state).predict(data.configurations).values["forces"].rows()
    pairs = zip(found, data.labels.values["forces"].rows(), strict=True)
    return float(np.sqrt(np.mean([np.mean((a - b) ** 2) for a, b in pairs])))


@pytest.mark.parametrize("precision", ["float64", "float32"])
def test_a_potential_is_learned_and_taken_up_again(alloy, precision, tmp_path):
    model = replace(MODEL, precision=precision)
    state = model.init(alloy, np.random.default_rng(1))
    before = force_rmse(model, state, alloy)
    state, metrics = model.train(state, alloy, np.random.default_rng(2))
    assert force_rmse(model, state, alloy) < 0.2 * before
    assert metrics["training_force_rmse_mev_per_angstrom"] == pytest.approx(
        1000 * force_rmse(model, state, alloy), rel=1e-3
    )
    save_tree(tmp_path / "state", state)
    short = replace(model, steps=10)
    again = [short.train(s, alloy, np.random.default_rng(3))[0] for s in (state, load_tree(tmp_path / "state"))]
    energies = [model.predictor(s).predict(alloy.configurations).values["energy"] for s in again]
    np.testing.assert_array_equal(*energies)


@pytest.mark.slow
def test_a_campaign_runs_with_it(tmp_path):
    words = [
        "experiment=argon", "model/descriptor=behler_parrinello", "rounds=2", "committee=2", "labels=null",
        "audit.tolerance=null", "explorer.steps=40", "explorer.initial=4", "model.steps=60", "model.steps_first=60",
        "model.neurons=[8,8]", "selector=random", "selector.budget=5", "validation.samples=3", "executor=inline",
        "store=labels", "hydra.run.dir=run",
    ]  # fmt: skip
    elt = str(Path(sys.executable).with_name("elt"))
    done = subprocess.run([elt, "run", *words], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    rounds = [json.loads(line) for line in (tmp_path / "run" / "rounds.jsonl").read_text().splitlines()]
    assert len(rounds) == 2
    assert "behler_parrinello" in (tmp_path / "run" / "config.yaml").read_text()
