"""What does keeping labels cost? benchmarks/store.py NUMBER [FOLDER]

Keeps so many small labels (energy and forces of 8 atoms) in a new store, as a campaign with 8 workers does: they
write the objects, and one process enters them as they come. Then reads and verifies all, makes the index again, finds
all by their keys, and merges the store into another one. Prints seconds, and milliseconds per label; the last line is
JSON. The aim is 100 000 kept and verified in less than 5 minutes.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from eltanin.batch import Batch, Properties, Ragged
from eltanin.store import LabelStore, Record

METHOD = {"name": "springs", "revision": 1, "settings": {"stiffness": 1.0}}
ATOMS, WORKERS = 8, 8


@dataclass(frozen=True)
class Points(Batch):
    """positions: (atoms, 3)."""

    positions: Ragged


def record(number: int) -> Record:
    """Return a label of its own."""
    rng = np.random.default_rng(number)
    positions, counts = rng.normal(size=(ATOMS, 3)), np.array([ATOMS])
    labels = Properties.of(energy=np.array([np.sum(positions**2) / 2]), forces=Ragged(-positions, counts))
    about = {
        "configuration": f"{number:064x}",
        "wanted": ("energy", "forces"),
        "method": METHOD,
        "created": time.time(),
    }
    return Record.of(labels, Points(Ragged(positions, counts)), evidence={"converged": True}, **about)


def timed(what: str, number: int, act: Callable[[], object]) -> float:
    """Do something, and tell what it took."""
    begun = time.perf_counter()
    act()
    seconds = time.perf_counter() - begun
    print(f"{what:<8}{seconds:9.1f} s {1000 * seconds / number:9.3f} ms per label", flush=True)
    return seconds


def measured(root: Path, number: int) -> dict[str, float]:
    """Return the seconds of each step."""
    records = [record(one) for one in range(number)]
    with LabelStore(root) as store:

        def put() -> None:
            with ThreadPoolExecutor(WORKERS) as workers:
                for kept in workers.map(store.objects.put, records):
                    store.enter([kept])

        def whole() -> None:
            assert store.verify() == []

        def again() -> None:
            assert store.rebuild() == []

        def found() -> None:
            assert len(store.get([one.key for one in records])) == number

        def merged() -> None:
            with LabelStore(root.with_name("other")) as other:
                assert other.merge(store.objects) == (number, 0, 0, [])

        steps = {"put": put, "verify": whole, "rebuild": again, "find": found, "merge": merged}
        return {name: timed(name, number, step) for name, step in steps.items()}


def main() -> None:
    """Measure."""
    number = int(sys.argv[1])
    with TemporaryDirectory(dir=sys.argv[2] if len(sys.argv) > 2 else None) as folder:
        seconds = measured(Path(folder) / "store", number)
    print(json.dumps({"labels": number, **{name: round(one, 2) for name, one in seconds.items()}}))


if __name__ == "__main__":
    main()
