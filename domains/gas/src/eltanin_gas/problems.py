"""Problems: the configurations of the gas domain.

Moments of a gas do not say how it goes on, so what is labelled is never a state but a problem: fields
in the cells of a stretch of space, and how long they evolve. A problem may be a *window* cut out of a
longer run; its gas then starts from the lift of its moments that the labeler names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np

from eltanin.batch import Batch, Column, Ragged


class Boundary(IntEnum):
    """What lies beyond the first and the last cell."""

    PERIODIC = 0  # the other end
    OPEN = 1  # a gas in the state of the outermost cell
    FIXED = 2  # a Maxwellian that stays, of the density, velocity and temperature that the outermost cell began with


@dataclass(frozen=True)
class Problems(Batch):
    """n initial-value problems on stretches of equal cells, without dimensions.

    fields: (cells, moments) at the start; the first moment is the density.  knudsen: (cells,) mean
    free path over the unit of length.  length: (n,) of the stretch.  duration: (n,) of the window in
    time; 0 asks for the given cells alone.  boundary: (n,) of `Boundary`.  evidence: where a problem
    came from (region, time, trajectory, …), and which states a run by a closure met (`met`).
    """

    fields: Ragged
    knudsen: Ragged
    length: np.ndarray
    duration: np.ndarray
    boundary: np.ndarray
    evidence: Mapping[str, Column] = field(default_factory=dict)

    @property
    def cells(self) -> np.ndarray:
        """Cells of each problem, (n,)."""
        return self.fields.counts

    @property
    def met(self) -> Ragged:
        """The states (cells, moments) whose closing fluxes are asked for: those that a run of the problem met, if any.

        They are in the order of labels, the given cells and then those of later instants, so that predictions can be
        compared with labels at the same place and time.
        """
        return self.evidence.get("met", self.fields)

    @property
    def spacing(self) -> np.ndarray:
        """Width of the cells of each problem, (n,)."""
        return self.length / self.cells
