"""Calibration: does the committee disagree where it errs? Deviation at selection against true error."""

# The stubs of matplotlib leave keyword arguments unknown.
# pyright: reportUnknownMemberType=false
from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from eltanin.protocols import Reason
from eltanin.report import style
from eltanin.report.deviations import COLOURS, scored, trust_levels
from eltanin.report.phrases import last, measured, number, part, percent, plural, real
from eltanin.report.sections import Drawing, Run, Section


class Points(NamedTuple):
    """Deviation and true error, (n,) each, of labels that were asked for one reason."""

    name: str
    colour: str
    marker: str
    score: np.ndarray
    error: np.ndarray


def section(run: Run) -> Section | None:
    """Return the section on calibration; none where no label was predicted beforehand."""
    groups = [points for points in split(run) if len(points.score)]
    if not groups:
        return None
    alike = scored(run) == measured(run.domain.measure)
    said = "\n\n".join(words(points, alike) for points in groups)
    caption = (
        "Each point is a label, with what the committee knew before it learned from it."
        + " On the diagonal deviation equals error; above it the committee was too sure of itself." * alike
    )
    return Section("Calibration", said, [Drawing(draw(run, groups), caption)])


def split(run: Run) -> list[Points]:
    """Return audits and candidates apart: candidates were chosen for their deviation, audits were not."""
    data = run.data
    if data is None or not len(data):
        return []
    known = data[np.isfinite(np.asarray(data.score)) & (np.asarray(data.reason) != Reason.INITIAL)]
    if not len(known):
        return []
    error = np.asarray(run.domain.error(known.predicted, known.labels), dtype=float)
    score, reason = np.asarray(known.score, dtype=float), np.asarray(known.reason)
    there = np.isfinite(error) & (error > 0) & (score > 0)
    kinds = (
        (Reason.AUDIT, "audits", style.ACCURATE, "D"),
        (Reason.CANDIDATE, "candidates", CANDIDATES, "o"),
    )
    return [
        Points(name, colour, marker, score[there & (reason == kind)], error[there & (reason == kind)])
        for kind, name, colour, marker in kinds
    ]


CANDIDATES = "#b98a12"  # the colour of candidates, dark enough for a point


def words(points: Points, alike: bool) -> str:
    """Say how well one group is calibrated; only what is in one unit can be compared."""
    n, ratio = len(points.score), points.error / points.score
    said = f"{points.name.capitalize()} ({plural(n, 'label')})"
    if alike:
        said += (
            f": the error is {number(float(np.median(ratio)))} times the deviation in the median, "
            f"and larger than it for {percent(float(np.mean(ratio > 1)))}"
        )
    if n >= 5:
        said += f"; rank correlation {number(rank_correlation(points.score, points.error))}"
    return said + "."


def rank_correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Return Spearman's correlation of two columns (n,), without ties; NaN where one is constant."""
    ranks = [np.argsort(np.argsort(column)).astype(float) for column in (a, b)]
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return float("nan")
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])


def draw(run: Run, groups: Sequence[Points]) -> Figure:
    """Draw the groups side by side over the same axes."""
    figure, panels = style.canvas(4.3, 2)
    what, err, levels = scored(run), measured(run.domain.measure), trust_levels(run.config)
    tolerance = real((last(run.rounds, "audit") or part(run.config, "audit")).get("tolerance"))
    x = np.array([*(s for p in groups for s in p.score), *levels.values()])
    y = np.array([*(e for p in groups for e in p.error), tolerance])
    for axes, points in zip(panels, groups, strict=False):
        scatter(axes, points, x, y, alike=what == err)
        mark(axes, levels, tolerance)
        axes.set(xlabel=f"{what} at selection", ylabel=f"true error ({err.unit})" if err.unit else "true error")
        axes.set_title(f"{points.name} ({len(points.score)})")
    for spare in panels[len(groups) :]:
        spare.set_axis_off()
    return figure


def scatter(axes: Axes, points: Points, x: np.ndarray, y: np.ndarray, alike: bool) -> None:
    """Draw one group over the ranges of x and y; in one unit, over the same range and with the diagonal."""
    many = len(points.score) > 2000
    axes.plot(
        points.score, points.error, points.marker, color=points.colour, ms=3 if many else 5,
        alpha=0.35 if many else 0.65, mew=0, rasterized=many,
    )  # fmt: skip
    style.logarithmic(axes, "x", [*x, *y] if alike else x)
    style.logarithmic(axes, "y", [*x, *y] if alike else y)
    if alike:
        axes.axline((1, 1), (10, 10), color=style.INK, lw=1)
        axes.set_aspect("equal", adjustable="box")


def mark(axes: Axes, levels: dict[str, float], tolerance: float) -> None:
    """Draw the trust levels, and the error above which an audit fails."""
    for name, level in levels.items():
        axes.axvline(level, color=COLOURS[name], lw=1.1, ls=(0, (5, 2)))
        axes.annotate(
            name, (level, 0), xycoords=("data", "axes fraction"), xytext=(3, 4), textcoords="offset points",
            color=COLOURS[name], fontsize=8.5, fontweight="bold",
        )  # fmt: skip
    if np.isfinite(tolerance):
        axes.axhline(tolerance, color=style.FAINT, lw=1.1, ls=(0, (1, 1.5)))
        axes.annotate(
            "tolerance", (0, tolerance), xycoords=("axes fraction", "data"), xytext=(4, 3),
            textcoords="offset points", color=style.FAINT, fontsize=8.5, fontweight="bold",
        )  # fmt: skip
