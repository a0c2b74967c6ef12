"""Where the time went, stage by stage, and what the core itself took."""

# The stubs of matplotlib leave keyword arguments unknown.
# pyright: reportUnknownMemberType=false
from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from eltanin.report import style
from eltanin.report.phrases import duration, percent, plural
from eltanin.report.sections import Drawing, Run, Section


def section(run: Run) -> Section | None:
    """Return the section on time; none before the first round has ended."""
    spent = [{stage: float(r["seconds"].get(stage) or 0.0) for stage in style.STAGES} for r in run.rounds]
    if not spent:
        return None
    total = {stage: sum(row[stage] for row in spent) for stage in style.STAGES}
    whole = sum(total.values())
    own = f"{percent(total['core'] / whole)}, {duration(total['core'] / len(spent))} a round" if whole else "nothing"
    words = f"{plural(len(spent), 'round')} took {duration(whole)}. The core itself took {own}."
    caption = "Left: time of each round, by stage. Right: the same, added up."
    return Section("Time", words, [Drawing(draw(spent, total, run.rounds[0]["round"]), caption)])


def draw(spent: list[dict[str, float]], total: dict[str, float], first: int) -> Figure:
    """Draw rounds as stacked bars, and totals beside them."""
    figure, (left, right) = style.canvas(3.2, 2, widths=(1.6, 1))
    size, rows = style.grouped(spent)
    scale, unit = scaled(max(sum(row.values()) for row in rows))
    rows = [{stage: seconds / scale for stage, seconds in row.items()} for row in rows]
    style.bars(left, first, rows, style.STAGES, size)
    left.set_ylabel(f"time ({unit})")
    style.legend(left)
    totals(right, total)
    return figure


def totals(axes: Axes, total: dict[str, float]) -> None:
    """Draw what each stage took in all, the longest on top."""
    names = sorted(total, key=lambda stage: total[stage])
    scale, unit = scaled(max(total.values()))
    lengths = np.array([total[name] / scale for name in names])
    axes.barh(names, lengths, 0.62, color=[style.STAGES[name] for name in names], linewidth=0)
    for row, name in enumerate(names):
        axes.annotate(
            duration(total[name]), (lengths[row], row), xytext=(4, 0), textcoords="offset points",
            va="center", fontsize=9, color=style.INK,
        )  # fmt: skip
    axes.set(xlabel=f"time in all ({unit})", xlim=(0, 1.35 * lengths.max() or 1))
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)


def scaled(seconds: float) -> tuple[float, str]:
    """Return a unit of time that fits, and its seconds."""
    units = ((3600.0, "h"), (60.0, "min"), (1.0, "s"))
    return next(((s, name) for s, name in units if seconds >= 3 * s), (1e-3, "ms"))
