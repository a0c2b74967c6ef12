"""Seconds of a label of a silicon crystal against atoms and basis: energy alone, with forces, with the virial.

    OMP_NUM_THREADS=1 python benchmarks/crystal_cost.py [--atoms 2,4,8] [--basis gth-szv,gth-dzvp]

Processor time of one core, k-points within 0.62/Å beside the centre, mesh to 820 eV.
"""

from __future__ import annotations

import argparse
from time import process_time

import numpy as np
from ase import Atoms
from ase.build import bulk

from eltanin_atoms.structures import Structures
from eltanin_pyscf_dft.crystal import PyscfCrystal
from eltanin_pyscf_dft.crystal_estimate import gigabytes

WANTED = ({"energy"}, {"energy", "forces"}, {"energy", "forces", "virial"})


def silicon(atoms: int) -> Atoms:
    """Return a crystal of 2, 4 or 8 atoms, each a little displaced."""
    crystal = bulk("Si", "diamond", a=5.43, cubic=atoms == 8)
    crystal = crystal.repeat((atoms // len(crystal), 1, 1))
    crystal.rattle(0.05, seed=0)
    return crystal


def main() -> None:
    """Print a line for every size and basis."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--atoms", default="2,4,8")
    parser.add_argument("--basis", default="gth-szv,gth-dzvp")
    told = parser.parse_args()
    print("basis       atoms  k-points      energy  + forces  + virial, s  iterations  GB")
    for basis in told.basis.split(","):
        labeler = PyscfCrystal(basis=basis, cutoff=820.0, kpoint_spacing=0.62, centred=False)
        for atoms in map(int, told.atoms.split(",")):
            x, seconds, evidence = Structures.from_ase([silicon(atoms)]), [], {}
            for wanted in WANTED:
                start = process_time()
                labels = labeler.label(x, frozenset(wanted), np.random.default_rng(0))
                seconds.append(process_time() - start)
                evidence = labels.evidence[0]
            each = "".join(f"{one:10.1f}" for one in seconds)
            cycles = evidence["tried"][-1]["cycles"]
            needed = gigabytes(labeler, x, labeler.memory)
            print(f"{basis:11} {atoms:5}  {evidence['kpoints']!s:10} {each} {cycles:14} {needed:6.1f}", flush=True)


if __name__ == "__main__":
    main()
