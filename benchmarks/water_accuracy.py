"""Errors on water after so many steps of a training with the sizes of DeePMD-kit's own example.

Trains on data_0 to data_2 and tests on data_3 of a folder of deepmd/npy systems, once for each seed:
a line of JSON for each, and one of medians in the end, whose `value` is the force error in meV/Å.

    python benchmarks/water_accuracy.py --data ../shared/data/water_dft --steps 2000 --seeds 1 2 3
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from typing import Any

import numpy as np
import torch

from eltanin.batch import Properties
from eltanin.labelled import read
from eltanin.protocols import Dataset
from eltanin.randomness import stream
from eltanin_atoms.domain import Atoms
from eltanin_neural_potential import NeuralPotential
from eltanin_smooth import Smooth

NAMES = ("force_rmse_mev_per_angstrom", "energy_rmse_mev_per_atom")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True)
    parser.add_argument("--steps", type=int, default=NeuralPotential.steps)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--precision", default=NeuralPotential.precision)
    parser.add_argument("--learning-rate", type=float, nargs=2, default=(1e-3, 3.51e-8))
    parser.add_argument("--intervals", type=int, default=Smooth.intervals)
    parser.add_argument("--average", action="store_true", help="normalise by an average, as DeePMD-kit does")
    parser.add_argument("--plain", action="store_true", help="draw the first layer as it is")
    return parser.parse_args()


def errors(args: argparse.Namespace, seed: int) -> dict[str, Any]:
    """Train, and return errors on what was not learned, and seconds."""
    x, y = read(Atoms(), args.data, ["data_0", "data_1", "data_2"])
    n = len(x)
    data = Dataset(x, y, np.zeros(n, int), np.zeros(n, int), np.full(n, np.nan), Properties.none(n))
    model = NeuralPotential(
        descriptor=Smooth(intervals=args.intervals, average=args.average),
        elements=["O", "H"],
        precision=args.precision,
        attuned=not args.plain,
        steps=args.steps,
        learning_rate=args.learning_rate[0],
        learning_rate_end=args.learning_rate[1],
    )
    begin, cpu = time.perf_counter(), time.process_time()
    state = model.init(data, stream(seed, "init"))
    state, metrics = model.train(state, data, stream(seed, "train"))
    spent = {"wall_s": time.perf_counter() - begin, "cpu_s": time.process_time() - cpu}
    test, labels = read(Atoms(), args.data, ["data_3"])
    found = Atoms().validation(test, model.predictor(state).predict(test), labels)
    learned = {f"training_{name}": metrics[f"training_{name}"] for name in NAMES}
    return {"value": found[NAMES[0]], **{name: found[name] for name in NAMES}, **learned, **spent}


def main() -> None:
    args = arguments()
    torch.set_num_threads(args.threads)
    rows: list[dict[str, Any]] = []
    for seed in args.seeds:
        rows.append(errors(args, seed))
        print(json.dumps({"seed": seed} | rows[-1]), flush=True)
    medians = {name: statistics.median(row[name] for row in rows) for name in rows[0]}
    print(json.dumps({"unit": "meV/A", **medians, "values": [row["value"] for row in rows]} | vars(args)))


if __name__ == "__main__":
    main()
