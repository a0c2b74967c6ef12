"""Steps per second of a training, and seconds of a force evaluation.

Copper is labelled by EMT; water is read from a folder of deepmd/npy systems. `small` is the size of
the copper preset, `full` that of DeePMD-kit's examples. The last line that is printed is JSON; its
`value` is the seconds of a training step: of the fastest of many short runs with --best, else the
median.

    python benchmarks/training_step.py --system cu108 --size full --threads 1
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable

import numpy as np
import torch
from ase.build import bulk
from ase.calculators.emt import EMT

from eltanin.batch import Properties, Ragged
from eltanin.labelled import read
from eltanin.protocols import Dataset
from eltanin_atoms.domain import Atoms
from eltanin_atoms.structures import Structures
from eltanin_neural_potential import NeuralPotential
from eltanin_smooth import Smooth

FRAMES, CHUNK = 20, 20


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--system", choices=["cu32", "cu108", "water"], default="cu108")
    parser.add_argument("--size", choices=["small", "full"], default="small")
    parser.add_argument("--data", help="folder with the water systems")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--precision", default="float64")
    parser.add_argument("--intervals", type=int, default=Smooth.intervals)
    parser.add_argument("--best", action="store_true", help="the fastest run, where a machine is shared")
    parser.add_argument("--profile", action="store_true", help="print where the time goes")
    return parser.parse_args()


def copper(repeat: int) -> Dataset:
    frames = []
    for k in range(FRAMES):
        atoms = bulk("Cu", cubic=True, a=3.6 * (1 + 0.005 * (k % 5))).repeat(repeat)
        atoms.rattle(0.1, seed=k)
        atoms.calc = EMT()
        frames.append(atoms)
    energy = np.array([atoms.get_potential_energy() for atoms in frames])
    forces = Ragged.of([atoms.get_forces() for atoms in frames])
    return dataset(Structures.from_ase(frames), Properties.of(energy=energy, forces=forces))


def dataset(x: Structures, y: Properties) -> Dataset:
    n = len(x)
    return Dataset(x, y, np.zeros(n, int), np.zeros(n, int), np.full(n, np.nan), Properties.none(n))


def model_of(args: argparse.Namespace) -> NeuralPotential:
    start = 0.5 if args.system == "water" else 2.0
    small = args.size == "small"
    descriptor = Smooth(
        smooth_from=start,
        neurons=[16, 32] if small else [25, 50, 100],
        axis=8 if small else 16,
        intervals=args.intervals,
    )
    return NeuralPotential(
        descriptor=descriptor, neurons=[64, 64] if small else [240] * 3, precision=args.precision, steps=CHUNK
    )


def seconds(function: Callable[[], object], repeats: int) -> list[float]:
    found = []
    for _ in range(repeats):
        begin = time.perf_counter()
        function()
        found.append(time.perf_counter() - begin)
    return found


def main() -> None:
    args = arguments()
    torch.set_num_threads(args.threads)
    if args.system == "water":
        data = dataset(*read(Atoms(), args.data, ["data_0"]))[np.arange(FRAMES)]
    else:
        data = copper({"cu32": 2, "cu108": 3}[args.system])
    model = model_of(args)
    state = model.init(data, np.random.default_rng(0))
    steps = training(model, state, data)
    for _ in range(CHUNK):
        steps()
    predictor, one = model.predictor(state), data.configurations[[0]]
    choose = min if args.best else np.median
    step = choose([float(np.mean(seconds(steps, CHUNK))) for _ in range(max(1, args.steps // CHUNK))])
    predict = choose(seconds(lambda: predictor.predict(one), 30)[5:])
    if args.profile:
        with torch.profiler.profile() as profile:
            seconds(steps, 50)
        print(profile.key_averages().table(sort_by="self_cpu_time_total", row_limit=25))
    print(json.dumps({"value": step, "unit": "s/step", "steps_per_s": 1 / step, "predict_s": predict} | vars(args)))


def training(model: NeuralPotential, state: dict, data: Dataset) -> Callable[[], object]:
    """Return one step of a training, with its frames made ready."""
    from eltanin_atoms.learning.descent import Adam
    from eltanin_neural_potential.frames import prepared
    from eltanin_neural_potential.training import learn

    potential = model.predictor(state)
    frame = prepared(potential, lambda k: potential.graph(data.configurations[[k]]), data.labels, 4e9)
    order = np.random.default_rng(0)
    parameters, plan = potential.parameters, model._plan(0)
    tensors = parameters.tensors
    adam = Adam.of([t.detach() for t in tensors])
    for tensor in tensors:
        tensor.requires_grad_()
    for k in range(len(data)):
        frame(k)

    def step() -> None:
        gradients, _ = learn(parameters, tensors, frame(int(order.integers(len(data)))), plan, 1.0)
        adam.move(gradients, 1e-3)

    return step


if __name__ == "__main__":
    main()
