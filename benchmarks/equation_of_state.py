"""The equation of state of a learned potential beside that of the labeler it learned from.

    python benchmarks/equation_of_state.py RUN [--volumes 7] [--range 0.06] [--within 2]

RUN is a finished run on a crystal. Its starting structure is scaled to volumes around the one of the lowest energy
that the labeler finds (Birch-Murnaghan through all of them); energies are compared as they are, in meV/atom. With
`--within` the exit status says whether all of them agree to so many meV/atom.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from ase import Atoms
from ase.eos import EquationOfState
from ase.units import GPa

import eltanin
from eltanin.batch import Properties
from eltanin.compose import restore
from eltanin.protocols import Labeler
from eltanin_atoms.structures import Structures


def scaled(atoms: Atoms, volumes: np.ndarray) -> list[Atoms]:
    """Return copies of a crystal at these volumes, Å^3, its shape and fractional positions kept."""
    copies = [atoms.copy() for _ in volumes]
    for one, volume in zip(copies, volumes, strict=True):
        one.set_cell(one.cell * (volume / one.get_volume()) ** (1 / 3), scale_atoms=True)
    return copies


def labelled(labeler: Labeler[Structures, Properties], frames: list[Atoms]) -> np.ndarray:
    """Return the labeler's energies, eV."""
    labels = labeler.label(Structures.from_ase(frames), frozenset({"energy"}), np.random.default_rng(0))
    if labels.failures:
        raise SystemExit(f"no label: {next(iter(labels.failures.values())).message}")
    return np.asarray(labels.values.values["energy"])


def fit(volumes: np.ndarray, energies: np.ndarray) -> tuple[float, float, float]:
    """Return volume and energy of the minimum and the bulk modulus, Å^3, eV, GPa."""
    volume, energy, modulus = EquationOfState(volumes, energies, "birchmurnaghan").fit()
    return volume, energy, modulus / GPa


def main() -> None:
    """Print both energies at every volume, both minima, and the largest difference."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--volumes", type=int, default=7)
    parser.add_argument("--range", type=float, default=0.06, help="part of the volume of the minimum, to both sides")
    parser.add_argument("--within", type=float)
    told = parser.parse_args()
    campaign: Any = restore(yaml.safe_load((told.run / "config.yaml").read_text()))[0]
    atoms = campaign.explorer.system.structures().to_ase()[0]
    member = eltanin.committee(told.run)[0]
    around = atoms.get_volume() * np.array([0.96, 0.98, 1.0, 1.02, 1.04])
    middle = fit(around, labelled(campaign.labeler, scaled(atoms, around)))[0]
    volumes = middle * np.linspace(1 - told.range, 1 + told.range, told.volumes)
    frames = scaled(atoms, volumes)
    reference = labelled(campaign.labeler, frames)
    predicted = np.asarray(member.predict(Structures.from_ase(frames)).values["energy"])
    n, lowest = len(atoms), reference.min()
    print("V, Å³/atom   labeler   potential   difference, meV/atom")
    for volume, one, other in zip(volumes, reference, predicted, strict=True):
        there, here = 1e3 * (one - lowest) / n, 1e3 * (other - lowest) / n
        print(f"{volume / n:10.3f} {there:9.2f} {here:11.2f} {here - there:12.2f}")
    for name, energies in (("labeler", reference), ("potential", predicted)):
        volume, _, modulus = fit(volumes, energies)
        print(f"{name:9}: V0 {volume / n:.3f} Å³/atom, B {modulus:.1f} GPa")
    worst = 1e3 * float(np.abs(predicted - reference).max()) / n
    print(f"largest difference {worst:.2f} meV/atom over ±{told.range:.0%} of the volume")
    if told.within is not None and not worst <= told.within:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
