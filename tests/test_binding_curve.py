"""The preset of the binding curve learns what its labels allow, and the figure tells it: labels of exact energies."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest
from ase import units

from eltanin.batch import Properties
from eltanin.compose import run
from eltanin_atoms import files

ROOT = Path(__file__).parents[1]
DISTANCES = ROOT / "presets/src/eltanin_presets/hydrogen_molecules/distances.extxyz"
NOISE = 2e-4 * units.Hartree  # what labels by variational Monte Carlo have


@pytest.fixture
def figure(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "docs" / "figures")
    return importlib.import_module("binding_curve")


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_minimum_and_depth_are_within_their_error_bars(figure, seed, monkeypatch, tmp_path):
    x, _ = files.read(DISTANCES)
    distance = np.array([np.linalg.norm(r[1] - r[0]) for r in x.positions.rows()]) / units.Bohr
    n, noise = len(x), NOISE * np.random.default_rng(seed).normal(size=len(x))
    energy = figure.exact(distance) * units.Hartree + noise
    labels = Properties({"energy": energy}, {"energy": np.ones(n, dtype=bool)}, {"energy": np.full(n, NOISE)})
    files.write(tmp_path / "labels.extxyz", x, labels)
    monkeypatch.setattr(sys, "argv", ["elt"])
    monkeypatch.chdir(tmp_path)
    given = ["labeler=dataset", f"data={tmp_path}/labels.extxyz", "store=labels", "executor=inline", f"seed={seed}"]
    with pytest.raises(SystemExit) as end:  # as Hydra ends a run
        run(["experiment=hydrogen_binding", *given, "hydra.run.dir=run"])
    assert end.value.code == 0
    found, curve = figure.minimum(tmp_path / "run"), figure.learned(tmp_path / "run", figure.DISTANCES)
    assert found.distance_error < 0.01
    assert found.depth_error < 5e-4
    assert abs(found.distance - figure.EXACT_MINIMUM) < 3 * found.distance_error
    assert abs(found.depth + 1 + figure.EXACT_ENERGY) < 3 * found.depth_error
    off = (curve.energy - figure.exact(figure.DISTANCES)) / curve.error
    assert 0.3 < np.sqrt(np.mean(off**2)) < 2
