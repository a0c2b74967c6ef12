"""Speed and memory beside DeePMD-kit: the same work, in turn, on the same machine.

Each line is the median of the ratios of pairs that ran one after the other, with the smallest and the
largest; memory is the peak of a process. Both sides have the allocator settings that help DeePMD-kit.

    python benchmarks/side_by_side.py --peers DIR                                       # all of it, which takes hours
    python benchmarks/side_by_side.py --peers DIR --work train-cu train-water --threads 1
    python benchmarks/side_by_side.py --peers DIR --work lammps-compressed --atoms 864 4000
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).resolve().parent
SHARED = HERE.parent.parent / "shared"
MALLOC = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(64 << 30), "MALLOC_TOP_PAD_": str(1 << 30)}
WORK = {
    "train-cu": ["train", "--system", "cu"],
    "train-water": ["train", "--system", "water"],
    "ase": ["md-ase", "--system", "cu"],
    "ase-compressed": ["md-ase", "--system", "cu", "--compressed"],
    "lammps-compressed": ["md-lammps", "--system", "cu", "--compressed"],
}


class Run(NamedTuple):
    """What a process measured, and its peak of memory, MiB."""

    value: float
    peak: float


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--peers", required=True, help="the folder that setup_peers.sh made")
    add("--work", nargs="+", choices=WORK, default=list(WORK))
    add("--threads", nargs="+", type=int, default=[1, 2])
    add("--atoms", nargs="+", type=int, default=[108, 864, 4000, 10000], help="of molecular dynamics")
    add("--pairs", type=int, default=5)
    add("--steps", type=int, default=0, help="that are timed; 0 for as many as it takes to be sure")
    add("--models", default=".bench", help="folder for DeePMD-kit's models and data")
    return parser.parse_args()


def run(command: Sequence[str], env: Mapping[str, str]) -> Run:
    """Run a command whose last line is JSON with a `value`."""
    with tempfile.TemporaryFile("w+") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, env=os.environ | dict(env))
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        text = out.read()
    lines = text.strip().splitlines()
    if process.returncode or not lines or "value" not in (found := json.loads(lines[-1])):
        sys.exit(f"{' '.join(command)}\n{text[-3000:]}")
    return Run(found["value"], usage.ru_maxrss / 1024)


def commands(work: str, atoms: int, threads: int, args: argparse.Namespace) -> tuple[list[str], list[str]]:
    """Return what DeePMD-kit does, and what we do."""
    kind, *system = WORK[work]
    steps = args.steps or (60 if kind == "train" else min(200, max(10, 60 * 864 // max(1, atoms))))
    peer = [sys.executable, str(SHARED / "bench" / "peers.py"), kind, *system, "--peers", args.peers, "--repeats", "1"]
    peer += ["--work", args.models, "--threads", str(threads), "--steps", str(steps)]
    if kind != "train":
        ours = [sys.executable, str(HERE / "dynamics.py"), "--atoms", str(atoms), "--steps", str(steps)]
        return [*peer, "--atoms", str(atoms)], [*ours, "--threads", str(threads)]
    ours = [sys.executable, str(HERE / "training_step.py"), "--size", "full", "--threads", str(threads), "--system"]
    return peer, [
        *ours,
        *(["cu108"] if work == "train-cu" else ["water", "--data", str(SHARED / "data" / "water_dft")]),
    ]


def compare(work: str, atoms: int, threads: int, args: argparse.Namespace) -> dict[str, Any]:
    """Run both in turn, and print a line."""
    peer, ours = commands(work, atoms, threads, args)
    env, better = MALLOC | {"OMP_NUM_THREADS": str(threads)}, -1 if work.startswith("train") else 1
    if not work.startswith("train"):
        run([*peer, "--steps", "1"], {})  # trains a model, unless there is one: no part of what is measured
    pairs = [(run(peer, {}), run(ours, env)) for _ in range(args.pairs)]
    ratios = [(b.value / a.value) ** better for a, b in pairs]
    theirs, mine = (
        Run(*(statistics.median(column) for column in zip(*runs, strict=True))) for runs in zip(*pairs, strict=True)
    )
    unit = "s/step" if work.startswith("train") else "atom·steps/s"
    print(
        f"{work:18s} {atoms or '':>6} {threads} threads: DeePMD-kit {theirs.value:10.4g} {unit} {theirs.peak:6.0f} MiB,"
        f" Eltanin {mine.value:10.4g} {unit} {mine.peak:6.0f} MiB: {statistics.median(ratios):5.2f} times as fast"
        f" ({min(ratios):.2f} to {max(ratios):.2f})",
        flush=True,
    )
    what = {"work": work, "atoms": atoms, "threads": threads, "unit": unit, "ratios": ratios}
    return what | {"value": statistics.median(ratios), "deepmd": theirs._asdict(), "eltanin": mine._asdict()}


def main() -> None:
    args = arguments()
    sizes = {work: [0] if work.startswith("train") else args.atoms for work in args.work}
    jobs = [(work, atoms, threads) for work in args.work for atoms in sizes[work] for threads in args.threads]
    print(json.dumps([compare(*job, args) for job in jobs]))


if __name__ == "__main__":
    main()
