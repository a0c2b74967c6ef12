"""Labelers that lie or fail, an explorer that shows them structures, and a model that learns what it is given.

A mutant is Lennard-Jones argon, honest but for the structures that are cursed: those with a charge, of which
the potential knows nothing; or all of them.
"""

import ctypes
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from ase.build import bulk

from eltanin.batch import Properties, Ragged
from eltanin.protocols import Labels
from eltanin_atoms.structures import Structures
from eltanin_lennard_jones import LennardJones

HARTREE, BOHR = 27.211386, 0.52917721
HONEST = LennardJones(switch=5.0, cutoff=6.0)


def argon(sound: int, cursed: int, seed: int = 0) -> Structures:
    """Return crystals with their atoms out of place, the cursed ones last."""
    rng = np.random.default_rng(seed)
    crystal = bulk("Ar", "fcc", a=5.2, cubic=True) * (2, 1, 1)
    frames = [crystal.copy() for _ in range(sound + cursed)]
    for atoms in frames:
        atoms.positions += rng.normal(scale=0.25, size=atoms.positions.shape)
    x = Structures.from_ase(frames)
    return replace(x, charge=np.repeat([0.0, 1.0], [sound, cursed]))


def told(labels: Labels[Properties], **changed: Any) -> Labels[Properties]:
    """Return labels with other values."""
    return replace(labels, values=replace(labels.values, values={**labels.values.values, **changed}))


def spoiled(labels: Labels[Properties], name: str, change: Callable[[np.ndarray], np.ndarray]) -> Labels[Properties]:
    """Return labels of one structure with another column."""
    column = labels.values.values[name]
    if isinstance(column, Ragged):
        values = change(column.values)
        return told(labels, **{name: Ragged(values, np.array([len(values)]))})
    return told(labels, **{name: change(column)})


def one_not_finite(values: np.ndarray) -> np.ndarray:
    values = values.copy()
    values.flat[-1] = np.nan
    return values


def raising(labels: Labels[Properties]) -> Labels[Properties]:
    print("about to divide", flush=True)
    raise ZeroDivisionError("a bug of the labeler")


def ending(labels: Labels[Properties]) -> Labels[Properties]:
    sys.exit(3)


def hanging(labels: Labels[Properties]) -> Labels[Properties]:
    for one in (signal.SIGTERM, signal.SIGINT):
        signal.signal(one, signal.SIG_IGN)
    print("waiting for nothing", flush=True)
    while True:
        time.sleep(1)


def segfaulting(labels: Labels[Properties]) -> Labels[Properties]:
    ctypes.string_at(0)
    return labels


def hoarding(labels: Labels[Properties]) -> Labels[Properties]:
    kept = bytearray(64 * 10**9)
    return told(labels, energy=np.array([float(kept[0])]))


FAULTS: dict[str, Callable[[Labels[Properties]], Any]] = {
    # what differences of energies show
    "wrong sign of forces": lambda y: spoiled(y, "forces", lambda f: -f),
    "forces in hartree/bohr": lambda y: spoiled(y, "forces", lambda f: f * BOHR / HARTREE),
    "forces per bohr": lambda y: spoiled(y, "forces", lambda f: f * BOHR),
    "energies in hartree": lambda y: spoiled(y, "energy", lambda e: e / HARTREE),
    "stress for virial": lambda y: spoiled(y, "virial", lambda w: -w / (10.4 * 5.2**2)),
    "wrong sign of virial": lambda y: spoiled(y, "virial", lambda w: -w),
    "permuted atoms": lambda y: spoiled(y, "forces", lambda f: np.roll(f, 1, axis=0)),
    # what a label shows by itself
    "unconverged": lambda y: replace(y, evidence={0: {"converged": False, "steps": 100}}),
    "NaN in a force": lambda y: spoiled(y, "forces", one_not_finite),
    "NaN in a virial": lambda y: spoiled(y, "virial", one_not_finite),
    "infinite energy": lambda y: spoiled(y, "energy", lambda e: e + np.inf),
    "forces of more atoms": lambda y: spoiled(y, "forces", lambda f: np.tile(f, (2, 1))),
    "forces in a plane": lambda y: spoiled(y, "forces", lambda f: f[:, :2]),
    "energies of atoms": lambda y: spoiled(y, "energy", lambda e: np.tile(e[:, None], (1, 8))),
    "virial of six": lambda y: spoiled(y, "virial", lambda w: w.reshape(1, 9)[:, :6]),
    "virial that turns": lambda y: spoiled(y, "virial", lambda w: w + np.triu(np.ones((3, 3)), 1)),
    "absurd forces": lambda y: spoiled(y, "forces", lambda f: f * 1e6),
    "too few rows": lambda y: replace(y, values=y.values[:0]),
    "too many rows": lambda y: replace(y, values=y.values[np.array([0, 0])]),
    "nothing": lambda y: None,
    "evidence that cannot be kept": lambda y: replace(y, evidence={0: {"residual": np.nan}}),
    "an exception": raising,
    # what only another process survives
    "an end": ending,
    "a hang": hanging,
    "a segfault": segfaulting,
    "a hoard": hoarding,
}


@dataclass(frozen=True)
class Mutant:
    """Lennard-Jones argon with a fault.

    everywhere: whether all structures are cursed.  era: a file that says by what method labels are made,
    unknown to this class.  table: a file that it reads, and says so.
    """

    domain: ClassVar[str] = "atoms"
    revision: ClassVar[int] = 1
    outside: ClassVar[tuple[str, ...]] = ()
    fault: str = ""
    everywhere: bool = False
    era: str = field(default="", metadata={"method": False})
    table: Path | None = None

    def label(self, x: Structures, wanted: frozenset[str], rng: np.random.Generator) -> Labels[Properties]:
        """Return honest labels, or what the fault makes of them."""
        labels = HONEST.label(x, wanted, rng)
        if self.era:
            era = Path(self.era).read_text()
            labels = told(labels, energy=labels.values.values["energy"] + len(era))
            labels = replace(labels, evidence={row: {"method": era} for row in range(len(x))})
        if self.table:
            labels = told(labels, energy=labels.values.values["energy"] + float(self.table.read_text()))
        return FAULTS[self.fault](labels) if self.fault and (self.everywhere or x.charge[0] > 0) else labels


@dataclass(frozen=True)
class Shown:
    """Shows a pool in each round. meanwhile: what happens before the second one."""

    domain: ClassVar[str] = "atoms"
    pools: tuple[Structures, ...]
    meanwhile: Callable[[], Any] = lambda: None

    def init(self, rng: np.random.Generator) -> dict[str, int]:
        """Return how many were shown."""
        return {"shown": 0}

    def explore(self, committee: Any, state: dict[str, int], feedback: Any, rng: Any) -> tuple[Structures, Any]:
        """Return the next one."""
        if committee:
            self.meanwhile()
        return self.pools[state["shown"]], {"shown": state["shown"] + 1}


@dataclass(frozen=True)
class Learner:
    """Learns the mean energy of whatever it is given."""

    domain: ClassVar[str] = "atoms"

    def init(self, data: Any, rng: Any) -> dict[str, np.ndarray]:
        """Return what it knows before."""
        return {"mean": np.zeros(1)}

    def train(self, state: Any, data: Any, rng: Any) -> tuple[Any, dict[str, float]]:
        """Return what it knows after."""
        return {"mean": np.array([np.mean(data.labels.values["energy"])])}, {}

    def predictor(self, state: Any) -> Any:
        """Return what predicts."""
        return Predicted(float(state["mean"][0]))


@dataclass(frozen=True)
class Predicted:
    """Predicts one energy, and no forces."""

    energy: float

    def predict(self, x: Structures) -> Properties:
        """Return the prediction."""
        forces = Ragged(np.zeros_like(x.positions.values), x.counts)
        return Properties.of(energy=np.full(len(x), self.energy), forces=forces)
