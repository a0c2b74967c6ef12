"""Labels that committee selection and random selection need for the same error: benchmarks/selection.py [SEEDS].

Both are the preset `copper`, on the same store, with as many labels per round and no convergence test; only the
selector differs. Prints, as JSON, the error after each round against the number of labels, and how many labels random
selection needs (interpolated on a logarithmic scale) for the errors that committee selection reaches.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

ELT = Path(sys.executable).with_name("elt")
KEYS = ("force_rmse_mev_per_angstrom", "force_rmse_mev_per_angstrom_liquid")
ROUNDS, BUDGET = 7, 40


def curve(selector: str, seed: int, folder: Path, key: str) -> np.ndarray:
    """Return rows of (labels, error), one for each round; the campaign runs once."""
    run = folder / f"{selector}-{seed}"
    words = [
        "experiment=copper",
        f"seed={seed}",
        f"selector={selector}",
        f"selector.budget={BUDGET}",
        f"rounds={ROUNDS}",
    ]
    words += ["audit.tolerance=null", f"store={folder / 'labels'}", f"hydra.run.dir={run}"]
    if not (run / "summary.json").exists():
        subprocess.run([ELT, "run", *words], check=True, stdout=sys.stderr)
    rounds = [json.loads(line) for line in (run / "rounds.jsonl").read_text().splitlines()]
    return np.array([(one["labels_total"], one["validation"][key]) for one in rounds])


def labels_for(error: float, known: np.ndarray) -> float:
    """Return the labels after which a curve stays at or below an error; infinite if it never does."""
    labels, errors = known.T
    best = np.minimum.accumulate(errors)
    if best[-1] > error:
        return float("inf")
    last = int(np.argmax(best <= error))
    if last == 0:
        return float(labels[0])
    (n0, n1), (e0, e1) = labels[last - 1 : last + 1], np.log(best[last - 1 : last + 1])
    return float(n0 + (n1 - n0) * (np.log(error) - e0) / (e1 - e0))


def compared(seed: int, folder: Path, key: str) -> dict[str, Any]:
    """Return both curves, and what random selection needs for each error of the other."""
    ours, theirs = (curve(selector, seed, folder, key) for selector in ("trust_levels", "random"))
    needed = [(int(n), round(e, 1), round(labels_for(e, theirs), 0)) for n, e in ours[1:]]
    return {
        "seed": seed,
        "error": key,
        "trust_levels": ours.round(1).tolist(),
        "random": theirs.round(1).tolist(),
        "labels, error, labels of random selection for it": needed,
    }


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        for number in range(int(sys.argv[1]) if sys.argv[1:] else 1):
            for which in KEYS:
                print(json.dumps(compared(number, Path(scratch), which)))
