"""Predicted against labelled closing fluxes: where a closure is right, and by how much it is not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from eltanin.batch import Ragged
from eltanin.report import style
from eltanin.report.phrases import number, percent, plural
from eltanin.report.sections import Drawing, Run, Section, Table
from eltanin_gas.problems import Problems
from eltanin_gas.report.cells import FLUXES, Cells, labelled, thinned

MOST = 20_000  # cells that are looked at
DRAWN = 2500  # points of a region in a panel
NEAR = 1e-3  # distance from equilibrium below which errors are not drawn
MEANING = {"A": "A = ∫ $c^4$ g / ρT$^2$", "B": "B = ∫ $c^2$ h / ρT$^2$"}


def section(run: Run) -> Section | None:
    """Return the section on closing fluxes; none without labelled cells or a committee that predicts them."""
    cells = labelled(run)
    if cells is None:
        return None
    cells = thinned(cells, MOST)
    if (predicted := predictions(run.committee, cells.moments)) is None:
        return None
    errors = predicted / cells.closing - 1
    learned = "that were never trained on" if cells.tested else "that were learned from"
    words = (
        f"{number(len(errors))} cells {learned}, of {plural(len(np.unique(cells.problem)), 'problem')}. Root mean"
        f" square of the relative error: {percent(rms(errors[:, 0]))} of A, {percent(rms(errors[:, 1]))} of B. Errors"
        " of density, velocity and temperature alone would not tell whether these are right."
    )
    caption = (
        "Above: the committee's mean of A (m4) and B (k2) against the label, at equilibrium 3 and 1. Below: the"
        " relative error, over how far the cell is from equilibrium."
    )
    return Section("Closing fluxes", words, [Drawing(draw(cells, predicted), caption)], [table(cells, errors)])


def predictions(committee: Sequence[Any], moments: np.ndarray) -> np.ndarray | None:
    """Return the committee's mean A and B (n, 2) of cells with these moments (n, 6); none if it tells no such two."""
    n = len(moments)
    fields = Ragged(moments, np.array([n]))
    one, zero = np.ones(1), np.zeros(1)
    x = Problems(fields, Ragged(np.ones(n), fields.counts), one, zero, zero.astype(np.int64))
    told = [member.predict(x).values.get("closing") for member in committee]
    if not told or any(closing is None or closing.values.shape != (n, 2) for closing in told):
        return None
    return np.mean([closing.values for closing in told], axis=0)


def rms(errors: np.ndarray) -> float:
    """Return the root of the mean square of errors (n,); NaN of none."""
    return float(np.sqrt(np.mean(errors**2))) if len(errors) else float("nan")


def distance(states: np.ndarray) -> np.ndarray:
    """Return how far states (n, 3) of (s, a, b) are from equilibrium, (n,)."""
    return np.linalg.norm(states, axis=1)


def table(cells: Cells, errors: np.ndarray) -> Table:
    """Return the errors (n, 2) over all cells and of each region."""
    groups = [("all", np.ones(len(errors), dtype=bool))]
    groups += [(str(name), cells.region == name) for name in np.unique(cells.region)]
    rows = [
        [name, number(int(here.sum())), *(percent(rms(errors[here, i])) for i in (0, 1)),
         *(percent(float(np.abs(errors[here, i]).max())) for i in (0, 1))]
        for name, here in groups
    ]  # fmt: skip
    head = ["region", "cells", "A, rms", "B, rms", "A, largest", "B, largest"]
    return Table(head, rows, "Relative errors of the closing fluxes")


# -- drawing ---------------------------------------------------------------------------------------


def draw(cells: Cells, predicted: np.ndarray) -> Figure:
    """Draw parity above and relative errors below, a column for A and one for B."""
    figure, axes = style.canvas(6.6, 2, 2, heights=(1.7, 1))
    look = style.series(cells.region.tolist())
    away = distance(cells.states)
    drawn = drawn_of(cells.region)
    for column, name in enumerate(FLUXES):
        above, below = axes[column], axes[2 + column]
        known, guess = cells.closing[:, column], predicted[:, column]
        error = 100 * (guess / known - 1)
        for region, here in drawn.items():
            colour, marker = look[region]
            how: dict[str, Any] = {"color": colour, "ms": 2.5, "mew": 0, "alpha": 0.45, "ls": "", "rasterized": True}
            above.plot(known[here], guess[here], marker=marker, **how)
            below.plot(away[here], error[here], marker=marker, **how)
            above.plot([], [], marker, color=colour, ms=5, mew=0, label=region.replace("_", " "))
        _finish(above, below, name, np.concatenate([known, guess]), away, error)
    style.shared_legend(figure, axes)
    return figure


def drawn_of(region: np.ndarray) -> dict[str, np.ndarray]:
    """Return which cells (n,) to draw of each region, drawn at random; the largest first, so that none is hidden."""
    names, counts = np.unique(region, return_counts=True)
    rng = np.random.default_rng(0)
    return {str(name): rng.permutation(np.flatnonzero(region == name))[:DRAWN] for name in names[np.argsort(-counts)]}


def _finish(above: Axes, below: Axes, name: str, both: np.ndarray, away: np.ndarray, error: np.ndarray) -> None:
    """Draw the lines of no error, scale and label the axes."""
    for which in "xy":
        style.logarithmic(above, which, both)
    low, high = max(float(np.nanmin(both)), 1e-3), float(np.nanmax(both))
    above.plot([low, high], [low, high], color=style.INK, lw=0.9)
    above.set(xlabel=f"labelled {MEANING[name]}", ylabel=f"predicted {name}")
    style.logarithmic(below, "x", [max(NEAR, float(away.min())), float(away.max())])
    below.axhline(0, color=style.INK, lw=0.9)
    largest = 1.15 * float(np.nanquantile(np.abs(error), 0.998)) or 1.0
    below.set(ylim=(-largest, largest), xlabel="distance from equilibrium |(s, a, b)|", ylabel=f"error of {name} (%)")
