"""What a model of potentials must do with labels: learn them, and go on from what was saved as if it had not stopped.

class TestMine(PotentialLearning):
    model = NeuralPotential(descriptor=Mine(), steps=800)
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT

from eltanin.batch import Properties, Ragged
from eltanin.protocols import Dataset
from eltanin.store.checkpoint import load_tree, save_tree
from eltanin_atoms.structures import Structures


def alloy() -> Dataset[Structures, Properties, Properties]:
    """Return copper and gold by effective medium theory, in cells of different size and order."""
    cells = [bulk("CuAu", "cesiumchloride", a=3.0 + 0.02 * k).repeat((2, 2, 1 + k % 2)) for k in range(8)]
    frames: list[Atoms] = [*cells, *(bulk("Cu", a=3.5 + 0.05 * k).repeat(2) for k in range(4))]
    for k, atoms in enumerate(frames):
        atoms.rattle(0.1, seed=k)
        atoms.calc = EMT()
    n = len(frames)
    energy, forces = np.array([a.get_potential_energy() for a in frames]), [a.get_forces() for a in frames]
    y, none = Properties.of(energy=energy, forces=Ragged.of(forces)), np.zeros(n, int)
    return Dataset(Structures.from_ase(frames), y, none, none, np.zeros(n), Properties.none(n))


def force_rmse(model: Any, state: Any, data: Dataset[Structures, Properties, Properties]) -> float:
    """Return the error of forces, eV/Å, where every structure counts as much as any other."""
    found = model.predictor(state).predict(data.configurations).values["forces"].rows()
    labels: Any = data.labels.values["forces"]
    pairs = zip(found, labels.rows(), strict=True)
    return float(np.sqrt(np.mean([np.mean((a - b) ** 2) for a, b in pairs])))


class PotentialLearning:
    """The suite. The model has settings `precision` and `steps`."""

    model: Any

    @pytest.mark.parametrize("precision", ["float64", "float32"])
    def test_a_potential_is_learned_and_taken_up_again(self, precision: str, tmp_path: Path) -> None:
        """Four fifths of the error go, metrics tell what is left, and a saved member trains on to the same bits."""
        model, data = replace(self.model, precision=precision), alloy()
        state = model.init(data, np.random.default_rng(1))
        before = force_rmse(model, state, data)
        state, metrics = model.train(state, data, np.random.default_rng(2))
        after = force_rmse(model, state, data)
        assert after < 0.2 * before
        assert abs(metrics["training_force_rmse_mev_per_angstrom"] - 1000 * after) <= after
        save_tree(tmp_path / "state", state)
        short = replace(model, steps=10)
        again = [short.train(s, data, np.random.default_rng(3))[0] for s in (state, load_tree(tmp_path / "state"))]
        energies = [model.predictor(s).predict(data.configurations).values["energy"] for s in again]
        np.testing.assert_array_equal(*energies)
