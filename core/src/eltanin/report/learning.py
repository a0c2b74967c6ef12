"""Learning curves: the error on the test set against labels, and the course of trainings."""

# The stubs of matplotlib leave keyword arguments unknown.
# pyright: reportUnknownMemberType=false
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from eltanin.report import style
from eltanin.report.phrases import by_region, number, plural, quantity, real
from eltanin.report.sections import Drawing, Run, Section

SHOWN = 5  # trainings of which the course is drawn
POINTS = 600  # of a course
PANELS = 6
STEP = "step"  # the curve that says at which steps the others were taken

Records = Sequence[Mapping[str, Any]]


def section(run: Run) -> Section | None:
    """Return the section on learning; none where there is nothing to show."""
    tested = [r for r in run.rounds if any(np.isfinite(real(v)) for v in r["validation"].values())]
    trained = [r for r in run.rounds if any(len(c) > 1 for c in r["curves"].values())]
    drawings: list[Drawing] = []
    if tested:
        caption = "Error of the committee's mean on the independent test set, against labels in the dataset."
        drawings.append(Drawing(against_labels(tested), caption))
    if trained:
        caption = "The course of the first member's training in a few rounds, light to dark."
        drawings.append(Drawing(courses(trained), caption))
    if not drawings:
        return None
    return Section("Learning", words(tested), drawings)


def words(tested: Records) -> str:
    """Say what the last labels brought."""
    if not tested:
        return "There was no independent test set: the errors below are those on the training data."
    end = tested[-1]
    keys = list(by_region(k for k in end["validation"] if end["validation"][k] is not None))
    said = [f"{quantity(k).name} {number(end['validation'][k])} {quantity(k).unit}".strip() for k in keys]
    return f"With {plural(end['labels_total'], 'label')}: {', '.join(said)}."


def against_labels(tested: Records) -> Figure:
    """Draw a panel for each quantity, with a line for each region."""
    found = by_region({k for r in tested for k in r["validation"]})
    found = dict(list(found.items())[:PANELS])
    figure, panels = style.tiles(len(found))
    look = style.series(region for regions in found.values() for region in regions if region)
    labels = [r["labels_total"] for r in tested]
    for axes, (base, regions) in zip(panels, found.items(), strict=True):
        drawn: list[float] = []
        for region, key in sorted(regions.items()):
            values = [real(r["validation"].get(key)) for r in tested]
            drawn += values
            colour, marker = look.get(region, (style.INK, "o"))
            axes.plot(
                labels, values, marker=marker, color=colour, label=region.replace("_", " ") or "all",
                lw=1.3 if region else 2.0, ms=4,
            )  # fmt: skip
        finish(axes, base, drawn)
        axes.set_xlabel("labels")
        axes.margins(x=0.08)
        style.whole_numbers(axes.xaxis, 5)
    style.shared_legend(figure, panels)
    return figure


def courses(trained: Records) -> Figure:
    """Draw a panel for each curve that trainings tell of, with a line for each of a few rounds."""
    chosen = [trained[i] for i in style.spread(len(trained), SHOWN)]
    names: list[str] = list(dict.fromkeys(k for r in chosen for k, c in r["curves"].items() if len(c) > 1))
    names = [name for name in names if name != STEP][:PANELS]
    figure, panels = style.tiles(len(names), height=2.7)
    for axes, name in zip(panels, names, strict=True):
        drawn: list[float] = []
        for colour, record in zip(style.shade(len(chosen)), chosen, strict=True):
            at, curve = course(record["curves"], name)
            axes.plot(at, curve, color=colour, lw=1.2, label=f"round {record['round']}")
            drawn += list(curve)
        finish(axes, name, drawn)
        axes.set_xlabel("step" if all(STEP in r["curves"] for r in chosen) else "part of the training (%)")
    style.shared_legend(figure, panels)
    return figure


def course(curves: Mapping[str, Sequence[float]], name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return steps, or per cent of the training where they are not told, and values of a curve."""
    curve = np.array([real(v) for v in curves.get(name, ())])
    steps = np.asarray(curves.get(STEP, ()), dtype=float)
    at = steps if len(steps) == len(curve) else np.linspace(0, 100, len(curve))
    every = max(1, -(-len(curve) // POINTS))
    return at[::every], curve[::every]


def finish(axes: Axes, key: str, drawn: Sequence[float]) -> None:
    """Label the y axis with its unit; its logarithm is drawn where all is positive and spreads out."""
    axes.set_ylabel(str(quantity(key)))
    values = np.asarray(drawn, dtype=float)
    values = values[np.isfinite(values)]
    if len(values) and values.min() > 0 and values.max() > 3 * values.min():
        style.logarithmic(axes, "y", values)
    elif len(values) and values.min() >= 0:
        axes.set_ylim(0, 1.1 * values.max() or 1)
