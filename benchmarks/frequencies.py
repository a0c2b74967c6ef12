"""Harmonic frequencies of a molecule by a learned potential and by the labels it learned from, each at its own minimum.

    python benchmarks/frequencies.py RUN [--within 15]

RUN is the folder of a finished campaign of a molecule, such as `elt run experiment=water_molecule_dft`. With
`--within` the exit status says whether all frequencies above 100 1/cm agree to so many 1/cm.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import yaml
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from ase.optimize import BFGS
from ase.vibrations import Vibrations

import eltanin
from eltanin.compose import restore
from eltanin_atoms.structures import Structures

WANTED = frozenset({"energy", "forces"})
SLOW = 100.0  # 1/cm; below are the translations and rotations


class Labelled(Calculator):
    """A labeler as a calculator of ASE."""

    implemented_properties = ["energy", "forces"]  # noqa: RUF012 (ASE declares it so)

    def __init__(self, labeler):
        super().__init__()
        self.labeler = labeler

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        """Ask the labeler; a failure of it ends the script."""
        super().calculate(atoms, properties, system_changes)
        labels = self.labeler.label(Structures.from_ase([atoms]), WANTED, np.random.default_rng(0))
        assert not labels.failures, labels.failures[0].message
        values = labels.values.values
        self.results = {"energy": float(values["energy"][0]), "forces": np.asarray(values["forces"].values)}


def frequencies(atoms: Atoms, calculator: Calculator) -> tuple[Atoms, np.ndarray]:
    """Return the molecule at the minimum, and its frequencies there, 1/cm, without translations and rotations."""
    atoms = atoms.copy()
    atoms.calc = calculator
    BFGS(atoms, logfile=None).run(fmax=1e-3, steps=200)
    with tempfile.TemporaryDirectory() as folder:
        vibrations = Vibrations(atoms, name=str(Path(folder) / "vibrations"), delta=0.01)
        vibrations.run()
        found = np.sort(vibrations.get_frequencies().real)
    return atoms, found[found > SLOW]


def main() -> None:
    """Print both."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--within", type=float)
    told = parser.parse_args()
    campaign, _ = restore(yaml.safe_load((told.run / "config.yaml").read_text()))
    begin = campaign.system.structures().to_ase()[0]
    learned_at, learned = frequencies(begin, eltanin.calculator(told.run))
    labelled_at, labelled = frequencies(begin, Labelled(campaign.labeler))
    moved = np.abs(learned_at.get_all_distances() - labelled_at.get_all_distances()).max()
    print("first principles, 1/cm:", np.round(labelled, 1).tolist())
    print("learned,          1/cm:", np.round(learned, 1).tolist())
    print(f"distances of the two minima differ by at most {moved:.2g} Å")
    error = np.abs(learned - labelled).max() if len(learned) == len(labelled) else np.inf
    print(f"largest difference: {error:.1f} 1/cm")
    if told.within is not None and error > told.within:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
