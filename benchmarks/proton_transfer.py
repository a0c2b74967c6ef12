"""The way of a proton from one oxygen to the other, by a learned potential and by the labels it learned from.

    python benchmarks/proton_transfer.py RUN [--points 8] [--within 0.02]

RUN is the folder of a finished campaign whose system is a minimum and the symmetric transition state, such as
`elt run experiment=malonaldehyde_dft`. Both are relaxed by the labeler, the transition state among the structures that
are their own mirror image; the path is the straight line between them. Behind the transition state it is the mirror
image of what was before, and the energies are the same by symmetry. Energies count from the minimum. With `--within`
the exit status says whether the barrier and all energies agree to so many eV.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from ase import Atoms
from ase.build import minimize_rotation_and_translation
from ase.calculators.calculator import Calculator
from ase.optimize import BFGS
from frequencies import Labelled

import eltanin
from eltanin.compose import restore
from eltanin_atoms.structures import Structures

OXYGEN, HYDROGEN = 8, 1


class Mirror:
    """A constraint of ASE: the plane between the two oxygens stays a mirror of the molecule."""

    def __init__(self, atoms: Atoms) -> None:
        one, other = atoms.positions[atoms.numbers == OXYGEN]
        self.normal = (other - one) / np.linalg.norm(other - one)
        self.middle = (one + other) / 2
        away = np.linalg.norm(atoms.positions[:, None] - self.image(atoms.positions), axis=2)
        self.partner = away.argmin(axis=1)

    def image(self, positions: np.ndarray) -> np.ndarray:
        """Return what the mirror makes of positions."""
        return self.middle + self.turned(positions - self.middle)

    def turned(self, vectors: np.ndarray) -> np.ndarray:
        """Return what the mirror makes of vectors."""
        return vectors - 2 * np.outer(vectors @ self.normal, self.normal)

    def adjust_positions(self, atoms: Atoms, new: np.ndarray) -> None:
        """Put every atom between where it goes and where the image of its partner goes."""
        del atoms
        new[:] = (new + self.image(new)[self.partner]) / 2

    def adjust_forces(self, atoms: Atoms, forces: np.ndarray) -> None:
        """Take the part of the forces that the mirror leaves as it is."""
        del atoms
        forces[:] = (forces + self.turned(forces)[self.partner]) / 2


def relaxed(atoms: Atoms, calculator: Calculator, symmetric: bool) -> Atoms:
    """Return the structure at its minimum, forces below 0.02 eV/Å, with the mirror kept or not."""
    atoms = atoms.copy()
    atoms.calc = calculator
    if symmetric:
        atoms.set_constraint(Mirror(atoms))
        atoms.set_positions(atoms.positions)
    if not BFGS(atoms, logfile=None).run(fmax=0.02, steps=100):
        raise SystemExit("a structure did not relax within 100 steps")
    atoms.set_constraint()
    atoms.calc = None
    return atoms


def straight(minimum: Atoms, transition: Atoms, points: int) -> list[Atoms]:
    """Return the structures on the straight line from the minimum to the transition state, both of them among these."""
    end = transition.copy()
    minimize_rotation_and_translation(minimum, end)
    frames = [minimum.copy() for _ in range(points)]
    for part, frame in zip(np.linspace(0, 1, points), frames, strict=True):
        frame.positions = (1 - part) * minimum.positions + part * end.positions
    return frames


def asymmetry(atoms: Atoms) -> float:
    """Return how much farther the proton is from the one oxygen than from the other, Å."""
    oxygens, hydrogens = (np.flatnonzero(atoms.numbers == z) for z in (OXYGEN, HYDROGEN))
    d = atoms.get_all_distances()[np.ix_(hydrogens, oxygens)]
    one, other = d[d.sum(axis=1).argmin()]
    return abs(one - other)


def labelled(labeler: Any, frames: list[Atoms]) -> np.ndarray:
    """Return the labeler's energies, eV."""
    labels = labeler.label(Structures.from_ase(frames), frozenset({"energy"}), np.random.default_rng(0))
    if labels.failures:
        raise SystemExit(f"no label: {next(iter(labels.failures.values())).message}")
    return np.asarray(labels.values.values["energy"])


def barrier(start: list[Atoms], calculator: Calculator) -> float:
    """Return how much higher the potential's own transition state is than its own minimum, eV."""
    energies = []
    for atoms, symmetric in zip(start, (False, True), strict=True):
        found = relaxed(atoms, calculator, symmetric)
        found.calc = calculator
        energies.append(found.get_potential_energy())
    return energies[1] - energies[0]


def main() -> None:
    """Print the energies along the path, both barriers, and the largest difference."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--points", type=int, default=8)
    parser.add_argument("--within", type=float, help="eV")
    told = parser.parse_args()
    campaign: Any = restore(yaml.safe_load((told.run / "config.yaml").read_text()))[0]
    first = campaign.explorer.system.structures().to_ase()
    ends = [relaxed(one, Labelled(campaign.labeler), k == 1) for k, one in enumerate(first)]
    frames = straight(*ends, told.points)
    x = Structures.from_ase(frames)
    predictions = [member.predict(x) for member in eltanin.committee(told.run)]
    members = np.stack([np.asarray(p.values["energy"]) for p in predictions])
    members, reference = members - members[:, :1], labelled(campaign.labeler, frames)
    reference = reference - reference[0]
    learned, spread = members.mean(axis=0), members.std(axis=0)
    deviation = campaign.domain.deviation(predictions)
    print("asymmetry, Å   labels, eV   learned, eV   difference   spread, eV   force deviation, eV/Å")
    for row in zip(map(asymmetry, frames), reference, learned, learned - reference, spread, deviation, strict=True):
        print("{:12.3f} {:12.4f} {:13.4f} {:12.4f} {:12.4f} {:23.3f}".format(*row))
    own = barrier(ends, eltanin.calculator(told.run, drivers=None))
    worst = float(np.abs(np.append(learned - reference, own - reference[-1])).max())
    print(f"barrier: labels {reference[-1]:.4f} eV, learned {learned[-1]:.4f} eV there, {own:.4f} eV at its own ends")
    print("barrier of each member:", np.round(members[:, -1], 4).tolist())
    print(f"largest difference: {worst:.4f} eV")
    if told.within is not None and worst > told.within:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
