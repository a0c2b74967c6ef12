"""Atom steps per second of molecular dynamics of copper in the micro-canonical ensemble.

A model of the size of DeePMD-kit's examples, trained for a moment on EMT, drives velocity-Verlet steps
through the ASE calculator of a committee. The last line that is printed is JSON; its `value` is in
atom·steps per second, `peak_mib` the largest memory of the process.

    python benchmarks/dynamics.py --atoms 864 --threads 1
"""

from __future__ import annotations

import argparse
import json
import resource
import time

import numpy as np
import torch
from ase import Atoms, units
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.md.velocitydistribution import thermalize_momenta
from ase.md.verlet import VelocityVerlet

from eltanin.batch import Properties, Ragged
from eltanin.protocols import Dataset
from eltanin_atoms.calculator import CommitteeCalculator
from eltanin_atoms.structures import Structures
from eltanin_neural_potential import NeuralPotential
from eltanin_neural_potential.potential import Potential
from eltanin_smooth import Smooth

LATTICE = 3.61  # Å


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--atoms", type=int, default=864, help="about how many; a whole number of cubic cells is used")
    parser.add_argument("--steps", type=int, default=60, help="that are timed, after five to warm up")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--precision", default="float64")
    parser.add_argument("--profile", action="store_true", help="print where the time goes")
    return parser.parse_args()


def potential(precision: str) -> Potential:
    """Train for a moment, so that the dynamics is that of a metal."""
    frames = [bulk("Cu", cubic=True, a=LATTICE) * (2, 2, 2) for _ in range(8)]
    for k, atoms in enumerate(frames):
        atoms.rattle(0.1, seed=k)
        atoms.calc = EMT()
    energy = np.array([atoms.get_potential_energy() for atoms in frames])
    y = Properties.of(energy=energy, forces=Ragged.of([atoms.get_forces() for atoms in frames]))
    n, nobody = len(frames), np.zeros(len(frames), int)
    data = Dataset(Structures.from_ase(frames), y, nobody, nobody, np.full(n, np.nan), Properties.none(n))
    model = NeuralPotential(
        descriptor=Smooth(smooth_from=2.0, neurons=[25, 50, 100], axis=16),
        neurons=[240] * 3,
        precision=precision,
        device="cpu",
        steps=100,
    )
    rng = np.random.default_rng(0)
    state, _ = model.train(model.init(data, rng), data, rng)
    return model.predictor(state)


def copper(atoms: int) -> Atoms:
    """Return a cubic cell of about so many atoms, slightly out of order."""
    unit = bulk("Cu", cubic=True, a=LATTICE)
    cell = unit * ((max(3, round((atoms / len(unit)) ** (1 / 3))),) * 3)
    cell.rattle(0.02, seed=0)
    return cell


def main() -> None:
    args = arguments()
    torch.set_num_threads(args.threads)
    atoms = copper(args.atoms)
    atoms.calc = CommitteeCalculator([potential(args.precision)])
    thermalize_momenta(atoms, temperature_K=300, rng=np.random.default_rng(0))
    dynamics = VelocityVerlet(atoms, 0.5 * units.fs)
    dynamics.run(5)
    start = time.perf_counter(), time.process_time()
    dynamics.run(args.steps)
    wall, cpu = time.perf_counter() - start[0], time.process_time() - start[1]
    if args.profile:
        with torch.profiler.profile() as profile:
            dynamics.run(5)
        print(profile.key_averages().table(sort_by="self_cpu_time_total", row_limit=30))
    done = len(atoms) * args.steps
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    found = {"value": done / wall, "unit": "atom*step/s", "per_cpu_second": done / cpu, "peak_mib": peak}
    print(json.dumps(found | vars(args) | {"atoms": len(atoms), "temperature_K": atoms.get_temperature()}))


if __name__ == "__main__":
    main()
