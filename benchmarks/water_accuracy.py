"""Errors on water after so many steps of a training with the sizes of DeePMD-kit's own example.

Trains on data_0 to data_2 and tests on data_3 of a folder of deepmd/npy systems. The last line that
is printed is JSON; its `value` is the force error in meV/Å.

    python benchmarks/water_accuracy.py --data ../shared/data/water_dft --steps 2000 --threads 2
"""

from __future__ import annotations

import argparse
import json
import time

import numpy as np
import torch

from eltanin.batch import Properties
from eltanin.labelled import read
from eltanin.protocols import Dataset
from eltanin.randomness import stream
from eltanin_atoms.domain import Atoms
from eltanin_neural_potential import NeuralPotential
from eltanin_smooth import Smooth


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--precision", default="float64")
    parser.add_argument("--learning-rate", type=float, nargs=2, default=(1e-3, 3.51e-8))
    parser.add_argument("--intervals", type=int, default=Smooth.intervals)
    return parser.parse_args()


def main() -> None:
    args = arguments()
    torch.set_num_threads(args.threads)
    x, y = read(Atoms(), args.data, ["data_0", "data_1", "data_2"])
    n = len(x)
    data = Dataset(x, y, np.zeros(n, int), np.zeros(n, int), np.full(n, np.nan), Properties.none(n))
    model = NeuralPotential(
        descriptor=Smooth(intervals=args.intervals),
        elements=["O", "H"],
        precision=args.precision,
        steps=args.steps,
        learning_rate=args.learning_rate[0],
        learning_rate_end=args.learning_rate[1],
    )
    begin = time.perf_counter()
    state = model.init(data, stream(args.seed, "init"))
    state, metrics = model.train(state, data, stream(args.seed, "train"))
    seconds = time.perf_counter() - begin
    test, labels = read(Atoms(), args.data, ["data_3"])
    errors = Atoms().validation(test, model.predictor(state).predict(test), labels)
    result = {"value": errors["force_rmse_mev_per_angstrom"], "unit": "meV/A", **errors}
    result |= {name: value for name, value in metrics.items() if name.startswith("training")}
    print(json.dumps(result | {"wall_s": seconds, "s_per_step": seconds / args.steps} | vars(args)))


if __name__ == "__main__":
    main()
