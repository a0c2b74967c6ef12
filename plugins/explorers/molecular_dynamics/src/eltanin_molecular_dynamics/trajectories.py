"""What is remembered of trajectories between two rounds, and what leaves them as a pool."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np

from eltanin.batch import Batch, Column, Ragged
from eltanin_atoms.structures import Structures

if TYPE_CHECKING:
    from eltanin_molecular_dynamics.settings import StatePoint


class Frame(NamedTuple):
    """Where the atoms of a trajectory are. positions: Å, velocities: Å/fs, both (atoms, 3).

    cell: (3, 3) Å.  cell_momentum: of the logarithm of the volume, ASE's units.  time: fs.
    """

    positions: np.ndarray
    velocities: np.ndarray
    cell: np.ndarray
    cell_momentum: float
    time: float


@dataclass(frozen=True)
class Trajectories(Batch):
    """n trajectories between two rounds.

    start: where they begin, and begin again after a stop.  now: where they are.  velocities: Å/fs.
    cell_momentum: as in `Frame`.  time: fs since the beginning.  region, temperature, pressure: the
    state point.  point: its number.  walked: rounds so far.  alive: false if it has yet to begin.
    """

    start: Structures
    now: Structures
    velocities: Ragged
    cell_momentum: np.ndarray
    time: np.ndarray
    region: np.ndarray
    temperature: np.ndarray
    pressure: np.ndarray
    point: np.ndarray
    walked: np.ndarray
    alive: np.ndarray

    @classmethod
    def waiting(cls, start: Structures, points: Sequence[StatePoint], point: np.ndarray) -> Self:
        """Return trajectories that have yet to begin, each at a state point given by its number."""
        n, places = len(start), [points[k] for k in point]
        return cls(
            start=start,
            now=start,
            velocities=Ragged(np.zeros_like(start.positions.values), start.counts),
            cell_momentum=np.zeros(n),
            time=np.zeros(n),
            region=np.array([p.region for p in places]),
            temperature=np.array([p.temperature for p in places], dtype=float),
            pressure=np.array([p.pressure for p in places], dtype=float),
            point=point.astype(np.int64),
            walked=np.zeros(n, dtype=np.int64),
            alive=np.zeros(n, dtype=bool),
        )

    def after(self, last: Sequence[Frame], alive: np.ndarray) -> Self:
        """Return these trajectories a round later."""
        return replace(
            self,
            now=placed(self.start, last),
            velocities=Ragged.of([f.velocities for f in last]),
            cell_momentum=np.array([f.cell_momentum for f in last]),
            time=np.array([f.time for f in last]),
            walked=self.walked + 1,
            alive=alive,
        )


def placed(structures: Structures, frames: Sequence[Frame]) -> Structures:
    """Return structures with the positions and cells of frames, one each."""
    return replace(
        structures,
        positions=Ragged.of([f.positions for f in frames]),
        cell=np.array([f.cell for f in frames]),
        evidence={},
    )


def pool_of(
    trajectories: Trajectories,
    temperature: np.ndarray,
    frames: Sequence[Sequence[Frame]],
    stopped: Sequence[str],
) -> Structures:
    """Return the frames of all trajectories, with evidence of where they come from.

    temperature: of each trajectory in this round, K.
    stopped: for each trajectory the guard that stopped it, empty if none; told of its last frame.
    """
    number = np.repeat(np.arange(len(frames)), [len(f) for f in frames])
    flat = [frame for one in frames for frame in one]
    last = np.append(np.diff(number) > 0, True)
    evidence: dict[str, Column] = {
        "region": trajectories.region[number],
        "temperature": temperature[number],
        "pressure": trajectories.pressure[number],
        "trajectory": number.astype(np.int64),
        "time": np.array([f.time for f in flat]),
        "velocities": Ragged.of([f.velocities for f in flat]),
        "stopped": np.where(last, np.array(stopped)[number], ""),
    }
    return replace(placed(trajectories.start[number], flat), evidence=evidence)
