"""What a label from first principles costs: seconds of one core against atoms, basis and functional.

    OMP_NUM_THREADS=1 python benchmarks/dft_cost.py [--largest 4]

Clusters of n water molecules, energy and forces. Printed for each level: seconds of CPU, and the power p of the
growth a n^p, fitted over the larger clusters.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from ase import Atoms
from ase.build import molecule

from eltanin_atoms.structures import Structures
from eltanin_pyscf_dft import PyscfMolecule

FIT = "def2-universal-jkfit"
LEVELS = {
    "HF/def2-svp": {"method": "HF"},
    "PBE/def2-svp": {"xc": "pbe"},
    "PBE/def2-svp, fitted": {"xc": "pbe", "density_fit": FIT},
    "B3LYP/def2-svp": {"xc": "b3lyp"},
    "PBE/def2-tzvp": {"xc": "pbe", "basis": "def2-tzvp"},
    "MP2/def2-svp": {"method": "MP2"},
}


def cluster(n: int) -> Atoms:
    """Return n water molecules in a row, 3 Å apart."""
    found = Atoms()
    for k in range(n):
        one = molecule("H2O")
        one.rotate(37 * k, "y")
        one.translate([3.0 * k, 0, 0])
        found += one
    return found


def seconds(settings: dict, n: int) -> float:
    """Return the CPU time of one label."""
    labeler = PyscfMolecule(**settings, stability="never", atomic_energies=False)
    begun = time.process_time()
    labels = labeler.label(Structures.from_ase([cluster(n)]), frozenset({"energy", "forces"}), np.random.default_rng(0))
    assert not labels.failures, labels.failures
    return time.process_time() - begun


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--largest", type=int, default=4)
    sizes = [n for n in (1, 2, 4, 8, 16) if n <= parser.parse_args().largest]
    print("| level |" + "".join(f" {3 * n} atoms |" for n in sizes) + " growth |")
    for name, settings in LEVELS.items():
        times = [seconds(settings, n) for n in sizes]
        last = slice(-2, None)
        power = np.polyfit(np.log(sizes[last]), np.log(times[last]), 1)[0] if len(sizes) > 1 else np.nan
        print(f"| {name} |" + "".join(f" {t:.1f} |" for t in times) + f" n^{power:.1f} |", flush=True)


if __name__ == "__main__":
    main()
