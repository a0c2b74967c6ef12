"""What is asked of problems before they are solved, of labels before they are learned, and of a labeler before all.

Every kinetic equation conserves mass: the density of a stretch that is closed in itself adds up to the same at
all instants. A label begins with the cells that were given, as they were given.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from eltanin.batch import Column, Properties, Ragged
from eltanin.protocols import Failure, Labels
from eltanin_gas.distributions import NODES
from eltanin_gas.monatomic import NAMES
from eltanin_gas.problems import Boundary, Problems

CONSERVED = 0.01  # part of the mass that noise of a stochastic solver may feign to be lost
TRIALS = 2


def check_six_moments(x: Problems) -> None:
    """Refuse problems of another gas than a monatomic one, by a ValueError."""
    if x.fields.values.ndim != 2 or x.fields.values.shape[1] != len(NAMES):
        raise ValueError(
            f"fields of shape {x.fields.values.shape}: a monatomic gas has six moments; give (cells, {len(NAMES)}),"
            f" {', '.join(NAMES)}"
        )


def flaws(x: Problems) -> Mapping[int, Failure]:
    """Return why problems cannot be solved, by row: the first reason that holds."""
    rows = enumerate(zip(x.fields.rows(), x.knudsen.rows(), strict=True))
    found = {i: _flaw(fields, knudsen) or _no_window(x, i) for i, (fields, knudsen) in rows}
    return {i: failure for i, failure in found.items() if failure}


def _flaw(fields: np.ndarray, knudsen: np.ndarray) -> Failure | None:
    if fields.ndim != 2 or knudsen.shape != (len(fields),) or not fields.size:
        return Failure("shape", f"fields {fields.shape} and knudsen {knudsen.shape} make no stretch of cells")
    if not (np.isfinite(fields).all() and np.isfinite(knudsen).all()):
        return Failure("nonfinite", "a moment or a Knudsen number is not finite")
    if not (density := float(fields[:, 0].min())) > 0:
        return Failure("unphysical", f"the density falls to {density:.3g}")
    if not (least := float(knudsen.min())) > 0:
        return Failure("unphysical", f"the Knudsen number falls to {least:.3g}")
    return None


def _no_window(x: Problems, i: int) -> Failure | None:
    length, duration, boundary = float(x.length[i]), float(x.duration[i]), int(x.boundary[i])
    if not (np.isfinite(length) and np.isfinite(duration)):
        return Failure("nonfinite", f"length {length} or duration {duration} is not finite")
    if not length > 0 or duration < 0:
        return Failure("unphysical", f"length {length:g} and duration {duration:g} are no window in space and time")
    if boundary not in set(Boundary):
        return Failure("unphysical", f"boundary {boundary} is none of {[b.value for b in Boundary]}")
    return None


def refusals(x: Problems, labels: Properties, wanted: frozenset[str]) -> Mapping[int, Failure]:
    """Return the labels that no model may learn, by row: the first reason that holds."""
    moments, closing = (labels.values.get(name) for name in ("moments", "closing"))
    found = {i: _refusal(_row(moments, i), _row(closing, i), int(x.cells[i])) for i in range(len(x))}
    if "distribution" in wanted:
        told = labels.values.get("distribution")
        found = {i: known or _undistributed(_row(told, i), len(_row(moments, i))) for i, known in found.items()}
    return {i: failure for i, failure in found.items() if failure}


def _undistributed(distribution: np.ndarray, cells: int) -> Failure | None:
    if distribution.shape != (cells, 2, len(NODES)):
        about = f"distribution {distribution.shape} is not (cells, 2, {len(NODES)}) of the {cells} cells"
        return Failure("shape", f"{about}: labeler=bgk tells it; or set domain.distributions=false")
    if not np.isfinite(distribution).all():
        return Failure("nonfinite", "a distribution function is not finite")
    return None if distribution.min() >= 0 else Failure("unphysical", "a distribution function is negative")


def _row(column: Column, i: int) -> np.ndarray:
    return column[np.array([i])].values if isinstance(column, Ragged) and i < len(column) else np.zeros(0)


def _refusal(moments: np.ndarray, closing: np.ndarray, cells: int) -> Failure | None:
    alike = moments.ndim == closing.ndim == 2 and len(moments) == len(closing)
    if not alike or len(moments) < cells or not moments.size:
        about = f"moments {moments.shape} and closing {closing.shape}"
        return Failure("shape", f"{about} are not (cells, …), of the {cells} given cells and later ones")
    if not (np.isfinite(moments).all() and np.isfinite(closing).all()):
        return Failure("nonfinite", "a moment or closing flux is not finite")
    if moments[:, 0].min() < 0:
        return Failure("unphysical", f"the density falls to {moments[:, 0].min():.3g}")
    return None


def trial(x: Problems, ask: Callable[[Problems], Labels[Properties]]) -> str:
    """Return why not to believe a labeler, or nothing; closed stretches are asked about first."""
    closed = (x.boundary == Boundary.PERIODIC) & (x.duration > 0)
    first = np.argsort(~closed, kind="stable")
    some = replace(x[first[: 4 * TRIALS]], evidence={})
    some = some[np.array([i for i in range(len(some)) if i not in flaws(some)], dtype=np.int64)[:TRIALS]]
    if not len(some):
        return ""
    labels = ask(some)
    told = (i for i in range(len(some)) if i not in labels.failures and labels.values.has("moments")[i])
    doubts = (_doubt(some[np.array([i])], labels.values.values["moments"][np.array([i])].values) for i in told)
    return next(filter(None, doubts), "")


def _doubt(one: Problems, moments: np.ndarray) -> str:
    given, cells = one.fields.values, int(one.cells[0])
    if not np.allclose(moments[:cells], given, rtol=1e-6, atol=1e-9):
        worst = float(np.abs(moments[:cells] - given).max())
        return f"the label of a problem begins with other moments than were given, by up to {worst:.3g}"
    if one.boundary[0] != Boundary.PERIODIC or len(moments) % cells:
        return ""
    mass = moments[:, 0].reshape(-1, cells).sum(axis=1)
    lost = float(np.abs(mass / mass[0] - 1).max())
    return f"a closed stretch of gas changes its mass by {lost:.1%}: it is not conserved" if lost > CONSERVED else ""
