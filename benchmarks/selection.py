"""How many labels does random selection need for the errors of a finished run? benchmarks/selection.py RUN

Repeats the campaign of RUN in RUN-random with everything the same but the selector: as many labels in each round, drawn
at random from what was explored, the same test set, no convergence test. Prints, for each error that RUN reached, what
random selection needs (interpolated on a logarithmic scale); the last line is JSON.
"""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np

from eltanin.run.folder import RunFolder

KEY = "force_rmse_mev_per_angstrom"


def repeat_at_random(run: RunFolder) -> RunFolder:
    """Run the other campaign, unless it has been run."""
    folder = run.path.with_name(f"{run.path.name}-random")
    learned = [record for record in run.rounds if record["training"]]
    first, last = learned[0]["labels_total"], learned[-1]["labels_total"]
    words = [word for word in shlex.split(run.command)[2:] if not word.startswith(("selector", "validation"))]
    words += ["selector=random", f"selector.budget={-(-(last - first) // max(1, len(learned) - 1))}"]
    words += ["audit.tolerance=null", f"rounds={len(learned)}", f"hydra.run.dir={folder}"]
    words += ["validation=labelled", f"data={run.path / 'test_set.extxyz'}"]
    if not (folder / "summary.json").exists():
        subprocess.run([Path(sys.executable).with_name("elt"), "run", *words], check=True)
    return RunFolder(folder)


def curve(run: RunFolder) -> np.ndarray:
    """Return rows of (labels, error) after each training."""
    return np.array([(one["labels_total"], one["validation"][KEY]) for one in run.rounds if one["training"]])


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


def compare(ours: np.ndarray, theirs: np.ndarray) -> None:
    """Print the comparison."""
    print(
        f"\nForce RMSE on the same test set, and the labels that it took:\n{'meV/Å':>8}{'selected':>10}{'random':>10}"
    )
    rows = []
    for labels, error in ours:
        needed = labels_for(error, theirs)
        shown = f"{needed:.0f}" if np.isfinite(needed) else f"> {theirs[-1, 0]:.0f}"
        print(f"{error:8.1f}{labels:10.0f}{shown:>10}")
        rows.append({"error": error, "selected": labels, "random": needed if np.isfinite(needed) else None})
    print(json.dumps({"key": KEY, "rows": rows, "random_curve": theirs.tolist()}))


if __name__ == "__main__":
    finished = RunFolder(Path(sys.argv[1]).resolve())
    compare(curve(finished), curve(repeat_at_random(finished)))
