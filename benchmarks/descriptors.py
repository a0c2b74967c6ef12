"""What each descriptor costs, and what it learns from the same data: docs/descriptors.md.

Copper by effective medium theory: milliseconds of a force evaluation of 108 atoms, the fastest of
many; seconds of a training with four crystals of 32 atoms a step; and what its forces are wrong by.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from time import perf_counter

import numpy as np
import torch
from ase.build import bulk
from ase.calculators.emt import EMT

from eltanin.batch import Properties, Ragged
from eltanin.protocols import Dataset
from eltanin_atoms.structures import Structures
from eltanin_behler_parrinello import BehlerParrinello
from eltanin_local_frame import LocalFrame
from eltanin_neural_potential import NeuralPotential
from eltanin_smooth import Smooth

DESCRIPTORS = {
    "smooth": Smooth(neurons=[8, 16, 32], axis=4),
    "smooth, 25-50-100": Smooth(),
    "behler_parrinello": BehlerParrinello(),
    "behler_parrinello, angles to 6 Å": BehlerParrinello(angular_cutoff=6.0),
    "local_frame": LocalFrame(),
    "local_frame, sort=false": LocalFrame(sort=False),
}


def copper(frames: int, seed: int) -> Dataset:
    """Return crystals of 32 atoms, compressed or stretched by up to 6 %, their atoms moved by up to 0.25 Å."""
    rng, cells = np.random.default_rng(seed), []
    for k in range(frames):
        atoms = bulk("Cu", cubic=True, a=3.61 * rng.uniform(0.94, 1.06)).repeat(2)
        atoms.rattle(rng.uniform(0.02, 0.25), seed=1000 * seed + k)
        atoms.calc = EMT()
        cells.append(atoms)
    energy, forces = np.array([a.get_potential_energy() for a in cells]), Ragged.of([a.get_forces() for a in cells])
    none, y = np.zeros(frames, int), Properties.of(energy=energy, forces=forces)
    return Dataset(Structures.from_ase(cells), y, none, none, np.zeros(frames), Properties.none(frames))


def fastest(function: Callable[[], object], repeats: int) -> float:
    """Return milliseconds of the fastest call."""
    times = []
    for _ in range(repeats):
        start = perf_counter()
        function()
        times.append(perf_counter() - start)
    return 1000 * min(times)


def row(model: NeuralPotential, learned: Dataset, unseen: Dataset, x: Structures) -> str:
    """Return the line of the table for the descriptor of a model."""
    start = perf_counter()
    state, _ = model.train(model.init(learned, np.random.default_rng(0)), learned, np.random.default_rng(1))
    seconds, potential = perf_counter() - start, model.predictor(state)
    found = potential.predict(unseen.configurations).values["forces"].values
    error = 1000 * np.sqrt(np.mean((found - unseen.labels.values["forces"].values) ** 2))
    evaluation = fastest(lambda: potential.predict(x), 30)
    return f"{model.descriptor.size(1)} | {evaluation:.1f} | {seconds:.0f} | {error:.0f}"


def main() -> None:
    """Print a line of the table for each descriptor."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--neurons", type=int, nargs="+", default=[32, 32, 32])
    options = parser.parse_args()
    torch.set_num_threads(1)
    learned, unseen = copper(80, 1), copper(40, 2)
    crystal = bulk("Cu", cubic=True).repeat(3)
    crystal.rattle(0.1, seed=0)
    model = NeuralPotential(
        descriptor=Smooth(),
        neurons=options.neurons,
        steps=options.steps,
        batch=4,
        device="cpu",
        learning_rate=3e-3,
        learning_rate_end=1e-5,
    )
    print(f"forces of {np.sqrt(np.mean(unseen.labels.values['forces'].values ** 2)):.2f} eV/Å, {options.steps} steps")
    print("| descriptor | features | evaluation, ms | training, s | force RMSE, meV/Å |\n|---|---|---|---|---|")
    for name, descriptor in DESCRIPTORS.items():
        this = replace(model, descriptor=descriptor)
        print(f"| {name} | {row(this, learned, unseen, Structures.from_ase([crystal]))} |", flush=True)


if __name__ == "__main__":
    main()
