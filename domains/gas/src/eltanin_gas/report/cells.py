"""The labelled cells of a run: what all sections on closing fluxes look at."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from eltanin.batch import Ragged, to_numpy
from eltanin.report.sections import Run
from eltanin_gas.monatomic import NAMES, invariants

NEAREST = 1e-6  # |s| + |a| + |b| below which a cell is at equilibrium, where A = 3 and B = 1
FLUXES = ("A", "B")  # ∫ c⁴ g and ∫ c² h over ρ T²


class Cells(NamedTuple):
    """n cells away from equilibrium.

    moments: (n, 6).  states: (n, 3) of (s, a, b).  closing: (n, 2) of (A, B), labelled.  problem: (n,) that each
    belongs to.  region: (n,) of that.  tested: whether they are of a test set, which was never learned from.
    """

    moments: np.ndarray
    states: np.ndarray
    closing: np.ndarray
    problem: np.ndarray
    region: np.ndarray
    tested: bool


def labelled(run: Run) -> Cells | None:
    """Return the labelled cells of the test set, or if there is none of the dataset; none of another gas."""
    tree, data = run.validation, run.data
    if tree and len(tree["x"]):
        return cells_of(tree["x"], tree["labels"], tested=True)
    return cells_of(data.configurations, data.labels, tested=False) if data is not None and len(data) else None


def cells_of(x: object, labels: object, tested: bool) -> Cells | None:
    """Return the cells of labelled problems; none of a gas of other moments, or at equilibrium throughout."""
    values = getattr(labels, "values", {})
    moments, closing = values.get("moments"), values.get("closing")
    if not isinstance(moments, Ragged) or not isinstance(closing, Ragged) or moments.values.shape[1:] != (len(NAMES),):
        return None
    u = np.asarray(to_numpy(moments.values), dtype=float)
    states = np.asarray(invariants(u), dtype=float)
    away = np.abs(states).sum(axis=1) > NEAREST
    if not away.any():
        return None
    named = getattr(x, "evidence", {}).get("region")
    regions = np.asarray(named if named is not None else np.full(len(moments), "all"))
    owner = moments.owner
    found = (u, states, np.asarray(to_numpy(closing.values), dtype=float), owner, regions[owner])
    return Cells(*(part[away] for part in found), tested=tested)


def thinned(cells: Cells, most: int) -> Cells:
    """Return at most so many of the cells, drawn at random, the same whenever asked."""
    n = len(cells.problem)
    if n <= most:
        return cells
    chosen = np.sort(np.random.default_rng(0).permutation(n)[:most])
    return Cells(*(part[chosen] for part in cells[:-1]), tested=cells.tested)
