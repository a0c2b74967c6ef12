"""Tasks and labelers that worker processes can import: points on springs, and whatever can go wrong."""

import ctypes
import errno
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
from eltanin.execution.output import last_output
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
FLAWED, RAISES, ADMITS, OTHERWISE, DIES_ONCE, SLEEPS = 6.0, 7.0, 8.0, 9.0, 10.0, 11.0


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
        if np.any(x.mood == RAISES):
            print("about to divide", flush=True)
            raise ZeroDivisionError("a bug")
        if np.any(x.mood == DIES_ONCE) and self.log and not Path(f"{self.log}.died").exists():
            Path(f"{self.log}.died").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        if np.any(x.mood == SLEEPS):
            time.sleep(60)
        energy = np.array([0.5 * self.stiffness * np.sum(row**2) for row in x.positions.rows()])
        energy = energy + np.where(x.mood == NOISY, rng.normal(size=len(x)), 0.0)
        energy[x.mood == NAN] = np.nan
        forces = Ragged(-self.stiffness * x.positions.values, x.positions.counts)
        failures = {int(i): Failure("unconverged", "100 steps") for i in np.flatnonzero(x.mood == UNCONVERGED)}
        evidence = {int(i): {"converged": False, "steps": 7} for i in np.flatnonzero(x.mood == ADMITS)}
        evidence |= {int(i): {"method": "other springs"} for i in np.flatnonzero(x.mood == OTHERWISE)}
        return Labels(Properties.of(energy=energy, forces=forces), failures, evidence)


def not_finite(x: Points, labels: Properties) -> dict[int, Failure]:
    """Refuse labels that are not finite."""
    return {int(i): Failure("nonfinite", "energy") for i in np.flatnonzero(~np.isfinite(labels.values["energy"]))}


@dataclass(frozen=True)
class PointsDomain:
    """What labelling must know of points. disbelief: what a trial of any labeler ends with."""

    domain: ClassVar[str] = "toy"
    wanted: ClassVar[frozenset[str]] = frozenset({"energy", "forces"})
    disbelief: str = ""

    def flaws(self, x: Points) -> dict[int, Failure]:
        """Refuse configurations in the mood for it."""
        return {int(i): Failure("unphysical", "flawed") for i in np.flatnonzero(x.mood == FLAWED)}

    def refusals(self, x: Points, labels: Properties) -> dict[int, Failure]:
        """Refuse labels that are not finite."""
        return not_finite(x, labels)

    def trial(self, x: Points, ask: Any, rng: np.random.Generator) -> str:
        """Ask for a label, and say what one was made to say."""
        assert len(ask(x[:1]).values) == 1
        return self.disbelief


def square(number):
    return number**2


def product(size):
    """Return the bits of a product of matrices, which depend on how many threads add them up."""
    a = np.random.default_rng(size).normal(size=(size, size))
    return (a @ a @ a).tobytes()


def threads():
    # The most of all libraries: one that a test before has loaded may take fewer than it is allowed.
    return {max(pool["num_threads"] for pool in threadpool_info())}, os.environ["OMP_NUM_THREADS"]


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


STUBBORN = "trap '' TERM; echo $$ >> \"$0\"; while :; do sleep 0.1; done"


def hanging(file, print_first="still at it"):
    """Ignore all requests to stop, with a program that does so too and one that has left family and session."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with subprocess.Popen(["sh", "-c", STUBBORN, file]):
        escaping(file)
        with Path(file).open("a") as pids:
            pids.write(f"{os.getpid()}\n")
        print(print_first)
        while True:
            time.sleep(1)


def escaping(file):
    """Start a program whose parent ends at once, in a session of its own."""
    subprocess.run(["sh", "-c", 'setsid sh -c "$1" "$0" &', file, STUBBORN], check=True)


def escaping_and_dying(file):
    escaping(file)
    while not Path(file).exists():
        time.sleep(0.01)
    os.kill(os.getpid(), signal.SIGKILL)


def hanging_if(number, victim, file):
    if number == victim:
        hanging(file)
    return number


def cleaning(file):
    """Run a program that clears up when it is asked to leave, and take its end for an answer."""
    clear = 'trap \'echo cleared > "$0"; exit 1\' TERM; echo $$ > "$0"; while :; do sleep 0.05; done'
    status = subprocess.run(["sh", "-c", clear, file], check=False).returncode
    Path(f"{file}.answer").touch()
    return status


def greedy(gigabytes):
    print("asking for", gigabytes)
    return len(np.ones(int(gigabytes * 1e9 / 8)))


def creeping():
    """Take ever more memory, a little at a time."""
    taken = []
    while True:
        taken.append(b" " * (1000 + len(taken) % 7))


def data_limit():
    import resource

    return resource.getrlimit(resource.RLIMIT_DATA)


def segfault(word="reading address zero"):
    print(word)
    ctypes.string_at(0)


def talking(number, lines=1):
    """Say something by a program and by oneself; return what was heard of it."""
    subprocess.run(["sh", "-c", f"echo program {number}; echo trouble {number} >&2"], check=True)
    for line in range(lines):
        print("line", line)
    return last_output()


def babbling():
    """Write bytes that are no text, and what would command a terminal."""
    os.write(1, b"\xff\xfe\x1b[2Jred\n" + b"x" * 100_000 + b"\n" + b"last line")
    sys.exit(3)


def closing_everything():
    os.closerange(0, 256)


def forking():
    """Return twice, as a careless program may."""
    if os.fork():
        time.sleep(0.2)
    return os.getpid()


def slowly(seconds, file):
    """Say who begins, and when it has ended."""
    Path(f"{file}.{os.getpid()}").touch()
    Path(f"{file}.{os.getpid()}").replace(f"{file}.begun")
    time.sleep(seconds)
    Path(f"{file}.ended").write_text(str(os.getpid()))


def holding_all_threads(seconds, file):
    """Sleep in a foreign library that never lets another thread of Python run."""
    Path(f"{file}.begun").touch()
    ctypes.PyDLL(None).sleep(seconds)


def starved(word):
    """Run out of memory, as told by Python, the system, torch, and threading."""
    match word:
        case "MemoryError":
            raise MemoryError
        case "OSError":
            raise OSError(errno.ENOMEM, "Cannot allocate memory")
        case "RuntimeError":
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes")
        case "RuntimeError: thread":
            raise RuntimeError("can't start new thread")
        case _:
            raise RuntimeError(word)


class SlowToArrive:
    """Takes its time to come out of a pickle, as what must be imported does."""

    def __reduce__(self):
        return _arriving, ()


def _arriving():
    time.sleep(1.0)
    return SlowToArrive()


def arrived(what):
    return type(what).__name__
