"""What do core and store cost a campaign whose labels take a second? benchmarks/bookkeeping.py [SECONDS [FOLDER]]

Runs a small campaign with the labeler of `tests/faults`, which sleeps. Bookkeeping is all the time of its rounds but
exploration, selection, training, validation and the labels' own seconds: leases, files, syncing, the index, lines,
pools and snapshots. Start and report, which a run has once, are told apart. The last line is JSON.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

PARTS = Path(__file__).parents[1] / "tests" / "faults"
sys.path[:0] = [str(PARTS), str(PARTS / "site")]
from campaign_under_test import SMALL, elt  # noqa: E402

from eltanin.run import driver  # noqa: E402
from eltanin.run.folder import RunFolder  # noqa: E402
from eltanin.store import LabelStore  # noqa: E402

STAGES = ("explore", "select", "train", "validate")


def run(seconds: float) -> tuple[float, float]:
    """Run the campaign here; return the wall time of its rounds, and of all, s."""
    rounds = [0.0]
    advanced = driver.advanced

    def timed(*arguments: Any) -> Any:
        begun = time.perf_counter()
        try:
            return advanced(*arguments)
        finally:
            rounds[0] += time.perf_counter() - begun

    driver.advanced = timed
    words = [*SMALL, "rounds=5", "executor=inline", f"labeler.seconds={seconds}", "store=labels", "hydra.run.dir=run"]
    begun = time.perf_counter()
    if code := elt(["run", *words]):
        raise SystemExit(code)
    return rounds[0], time.perf_counter() - begun


def measured(rounds: float, whole: float) -> dict[str, float]:
    """Return where the time went, s."""
    science = sum(record["seconds"].get(stage, 0.0) for record in RunFolder(Path("run")).rounds for stage in STAGES)
    with LabelStore(Path("labels")) as store:
        rows = store.rows()
    labels = sum(row["seconds"] for row in rows)
    bookkeeping = rounds - science - labels
    return {
        "labels": len(rows),
        "label_seconds": labels,
        "bookkeeping_seconds": bookkeeping,
        "bookkeeping_ms_per_label": 1e3 * bookkeeping / len(rows),
        "bookkeeping_percent": 100 * bookkeeping / rounds,
        "once_seconds": whole - rounds,
    }


def main(seconds: float = 1.0, folder: str | None = None) -> None:
    """Print it."""
    with tempfile.TemporaryDirectory(dir=folder) as place:
        os.chdir(place)
        found = measured(*run(seconds))
        os.chdir(PARTS)
    for name, value in found.items():
        print(f"{name:28} {value:.4g}")
    print(json.dumps(found))


if __name__ == "__main__":
    main(*map(float, sys.argv[1:2]), *sys.argv[2:3])
