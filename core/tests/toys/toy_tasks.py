"""Tasks and labelers that worker processes can import: points on springs, and whatever can go wrong."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from threadpoolctl import threadpool_info

from eltanin.batch import Batch, Properties, Ragged
from eltanin.protocols import Failure, Labels


@dataclass(frozen=True)
class Points(Batch):
    """positions: (points, 3).  mood: (n,) what the labelers below make of them."""

    positions: Ragged
    mood: np.ndarray
    evidence: Mapping[str, Any] = field(default_factory=dict)


def points(*moods: float, first: int = 0) -> Points:
    """Return configurations of 1, 2, 3, … points, all different."""
    rng = np.random.default_rng(first)
    rows = [rng.normal(size=(1 + i % 4, 3)) for i in range(len(moods))]
    return Points(Ragged.of(rows), np.array(moods, dtype=float), {"round": np.arange(len(moods))})


GOOD, NAN, UNCONVERGED, KILLS, EXITS, NOISY = 0.0, 1.0, 2.0, 3.0, 4.0, 5.0


@dataclass(frozen=True)
class Springs:
    """Points on springs. `log`: a file that counts calls, one byte each."""

    domain: ClassVar[str] = "toy"
    revision: ClassVar[int] = 1
    stiffness: float = 1.0
    log: str = field(default="", metadata={"method": False})
    delay: float = field(default=0.0, metadata={"method": False})

    def label(self, x: Points, wanted: frozenset[str], rng: np.random.Generator) -> Labels[Properties]:
        """Return energies and forces, and failures by mood."""
        assert not x.evidence
        if self.log:
            with Path(self.log).open("ab", buffering=0) as log:
                log.write(b"." * len(x))
        time.sleep(self.delay)
        if np.any(x.mood == KILLS):
            os.kill(os.getpid(), signal.SIGKILL)
        if np.any(x.mood == EXITS):
            sys.exit(3)
        energy = np.array([0.5 * self.stiffness * np.sum(row**2) for row in x.positions.rows()])
        energy = energy + np.where(x.mood == NOISY, rng.normal(size=len(x)), 0.0)
        energy[x.mood == NAN] = np.nan
        forces = Ragged(-self.stiffness * x.positions.values, x.positions.counts)
        failures = {int(i): Failure("unconverged", "100 steps") for i in np.flatnonzero(x.mood == UNCONVERGED)}
        return Labels(Properties.of(energy=energy, forces=forces), failures)


def not_finite(x: Points, labels: Properties) -> dict[int, Failure]:
    """Refuse labels that are not finite."""
    return {int(i): Failure("nonfinite", "energy") for i in np.flatnonzero(~np.isfinite(labels.values["energy"]))}


def square(number):
    return number**2


def product(size):
    """Return the bits of a product of matrices, which depend on how many threads add them up."""
    a = np.random.default_rng(size).normal(size=(size, size))
    return (a @ a @ a).tobytes()


def threads():
    return {pool["num_threads"] for pool in threadpool_info()}, os.environ["OMP_NUM_THREADS"]


def torch_threads():
    import torch

    return torch.get_num_threads()


def process():
    return os.getpid()


def place():
    return str(Path.cwd()), list(sys.path)


def twice(array):
    return 2 * array


def killed(number, victim):
    if number == victim:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def ended(number, victim):
    if number == victim:
        sys.exit(3)
    return number


def signalled(number):
    os.kill(os.getpid(), number)
    return number


class Unsendable(Exception):
    def __init__(self, one, two):
        super().__init__(f"{one} and {two}")


def broken(number):
    if number == 1:
        raise ZeroDivisionError("number 1 is broken")
    if number == 2:
        raise Unsendable("this", "that")
    return number


def sleeping(seconds, file):
    """Write down who sleeps, and a program that sleeps for it, and sleep."""
    child = subprocess.Popen([sys.executable, "-c", f"import time; time.sleep({seconds})"])
    partial = Path(f"{file}.{os.getpid()}")
    partial.write_text(f"{os.getpid()} {child.pid}")
    partial.replace(file)
    time.sleep(seconds)
    return seconds
