"""Errors of descriptors on acetylacetone: 500 molecules to learn from, 300 K to test on, and a proton that moves.

Trains on train_300K.xyz of ../shared/data/acetylacetone, and prints the mean absolute error of force components on
test_MD_300K.xyz. The path of the proton, test_H_transfer.xyz, has energies alone: errors are of these, as they are and
relative to the start of the path, and of the barrier. Where it has forces, their error is printed too.

    python benchmarks/acetylacetone.py --minutes 60 --threads 2 smooth behler_parrinello equivariant
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from eltanin.batch import Properties
from eltanin.labelled import read
from eltanin.protocols import Dataset
from eltanin.randomness import stream
from eltanin_atoms.domain import Atoms
from eltanin_atoms.structures import Structures
from eltanin_behler_parrinello import BehlerParrinello
from eltanin_equivariant import Equivariant
from eltanin_neural_potential import NeuralPotential
from eltanin_smooth import Smooth

# With wide fitting nets, steps of 5e-3 end in a constant.
DESCRIPTORS: dict[str, dict[str, Any]] = {
    "smooth": {
        "descriptor": Smooth(cutoff=6.0), "neurons": [240, 240, 240], "attuned": True, "learning_rate": 1e-3,
    },
    "behler_parrinello": {"descriptor": BehlerParrinello(cutoff=6.0, angular_cutoff=6.0), "neurons": [64, 64]},
    "equivariant": {"descriptor": Equivariant(cutoff=5.0), "neurons": [32]},
    "equivariant, 32 channels, l_max=3": {
        "descriptor": Equivariant(cutoff=5.0, channels=32, l_max=3, radial=[64, 64]), "neurons": [32],
    },
}  # fmt: skip
TRIAL = 20  # steps that say how long one takes


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help=f"of {', '.join(DESCRIPTORS)}; default: smooth equivariant")
    parser.add_argument("--data", default="../shared/data/acetylacetone")
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--steps", type=int, default=0, help="of the training of each")
    length.add_argument("--minutes", type=float, default=1.0, help="for the training of each, if --steps is not given")
    parser.add_argument("--batch", type=int, default=5)
    parser.add_argument("--precision", default="float64")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


def learnable(x: Structures, y: Properties) -> Dataset:
    """Return structures and labels as a model is given them."""
    n = len(x)
    return Dataset(x, y, np.zeros(n, int), np.zeros(n, int), np.full(n, np.nan), Properties.none(n))


def seconds_of(model: NeuralPotential, data: Dataset, seed: int) -> float:
    """Return how long a step takes, without what is made once."""
    state, taken = model.init(data, stream(seed, "init")), []
    for steps in (TRIAL, 3 * TRIAL):
        begin = time.perf_counter()
        replace(model, steps=steps).train(state, data, stream(seed, "train"))
        taken.append(time.perf_counter() - begin)
    return max(1e-4, (taken[1] - taken[0]) / (2 * TRIAL))


def path_errors(found: Properties, labels: Properties) -> dict[str, float]:
    """Return errors along the path of the proton, meV and meV/Å."""
    mine, theirs = (1000 * np.asarray(y.values["energy"]) for y in (found, labels))
    errors = {
        "path_energy_mae_mev": np.abs(mine - theirs).mean(),
        "path_relative_energy_mae_mev": np.abs((mine - mine[0]) - (theirs - theirs[0])).mean(),
        "barrier_mev": np.ptp(mine),
        "barrier_reference_mev": np.ptp(theirs),
    }
    if labels.has("forces").all():
        off = found.values["forces"].values - labels.values["forces"].values
        errors["path_force_mae_mev_per_angstrom"] = 1000 * np.abs(off).mean()
    return {name: float(value) for name, value in errors.items()}


def measured(name: str, args: argparse.Namespace, files: dict[str, tuple[Structures, Properties]]) -> dict[str, object]:
    """Train one, and return its errors."""
    model = NeuralPotential(
        elements=["H", "C", "O"], precision=args.precision, batch=args.batch,
        **{"learning_rate": 5e-3, "learning_rate_end": 1e-5} | DESCRIPTORS[name],
    )  # fmt: skip
    data = learnable(*files["train_300K"])
    one = seconds_of(model, learnable(*(x[np.arange(50)] for x in files["train_300K"])), args.seed)
    model = replace(model, steps=args.steps or max(100, int(60 * args.minutes / one)))
    begin = time.perf_counter()
    state = model.init(data, stream(args.seed, "init"))
    state, metrics = model.train(state, data, stream(args.seed, "train"))
    seconds = time.perf_counter() - begin
    potential = model.predictor(state)
    (x, labels), (path, along) = files["test_MD_300K"], files["test_H_transfer"]
    off = potential.predict(x).values["forces"].values - labels.values["forces"].values
    return {
        "descriptor": name,
        "steps": model.steps,
        "seconds": seconds,
        "ms_per_step": 1000 * one,
        "force_mae_mev_per_angstrom": float(1000 * np.abs(off).mean()),
        "force_rmse_mev_per_angstrom": float(1000 * (off**2).mean() ** 0.5),
        **path_errors(potential.predict(path), along),
        **{key: value for key, value in metrics.items() if key.startswith("training")},
    }


def main() -> None:
    args = arguments()
    torch.set_num_threads(args.threads)
    if unknown := set(args.names) - set(DESCRIPTORS):
        raise SystemExit(f"{', '.join(sorted(unknown))}: there is {', '.join(DESCRIPTORS)}")
    names = ("train_300K", "test_MD_300K", "test_H_transfer")
    files = {name: read(Atoms(), args.data, [f"{name}.xyz"]) for name in names}
    for name in args.names or ["smooth", "equivariant"]:
        print(json.dumps(measured(name, args, files) | {"seed": args.seed, "batch": args.batch}), flush=True)


if __name__ == "__main__":
    main()
