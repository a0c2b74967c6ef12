"""How near the closure's own runs came to what no gas is, round by round: realizability and real speeds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

from eltanin.protocols import Feedback
from eltanin.report import style
from eltanin.report.phrases import number, percent
from eltanin.report.sections import Drawing, Run, Section

TOLD = ("realizability", "imaginary", "stopped")  # of each run, as evidence


class Runs(NamedTuple):
    """The runs of one round, (n,): least realizability, largest imaginary part of a speed over T^(1/2), stopped."""

    round: int
    realizability: np.ndarray
    imaginary: np.ndarray
    stopped: np.ndarray


def section(run: Run) -> Section | None:
    """Return the section on margins; none if no explorer told of any."""
    found = runs_of(run.pools)
    if not found:
        return None
    last = found[-1]
    words = (
        f"In round {last.round} the least realizability of a run was {number(last.realizability.min())}, the largest"
        f" imaginary part of a characteristic speed {number(last.imaginary.max())} T^½, and"
        f" {percent(last.stopped.mean())} of the runs stopped before their end: no gas any more, or speeds more complex"
        " than the explorer allows."
    )
    caption = (
        "Of the runs of each round by the closure of that round: median (line), nine tenths (band) and the worst"
        " (points). Realizability is positive for moments of some f ≥ 0; speeds are real where the imaginary part is 0."
    )
    return Section("Margins of the closure's own runs", words, [Drawing(draw(found), caption)])


def runs_of(pools: Sequence[Feedback]) -> list[Runs]:
    """Return what pools tell of runs by a closure; the first one, which no closure ran, tells of none."""
    found: list[Runs] = []
    for number_, pool in enumerate(pools):
        columns = [np.asarray(pool.evidence.get(name, np.zeros(0)), dtype=float) for name in TOLD]
        if len(columns[0]) and (ran := np.isfinite(columns[0])).any():
            found.append(Runs(number_, columns[0][ran], columns[1][ran], np.isfinite(columns[2][ran])))
    return found


def draw(found: Sequence[Runs]) -> Figure:
    """Draw realizability, imaginary parts and the stopped part of the runs over rounds."""
    figure, axes = style.canvas(2.9, 3)
    rounds = [one.round for one in found]
    shown = (("realizability", 0.0, "least realizability"), ("imaginary", 1.0, "largest imaginary part / T$^{1/2}$"))
    for panel, (name, worst, label) in zip(axes, shown, strict=False):
        values: list[np.ndarray] = [getattr(one, name) for one in found]
        middle, low, high, end = (np.array([np.quantile(v, q) for v in values]) for q in (0.5, 0.05, 0.95, worst))
        panel.fill_between(rounds, low, high, color=style.ACCURATE, alpha=0.18, lw=0)
        panel.plot(rounds, middle, "o-", color=style.ACCURATE)
        panel.plot(rounds, end, "v" if worst == 0 else "^", color=style.REJECTED)
        panel.axhline(0, color=style.INK, lw=0.9)
        panel.set_ylabel(label)
    axes[2].bar(rounds, [100 * float(one.stopped.mean()) for one in found], 0.6, color=style.REJECTED)
    axes[2].set(ylabel="runs that stopped (%)", ylim=(0, None))
    for panel in axes:
        panel.set_xlabel("round")
        panel.set_xlim(min(rounds) - 0.6, max(rounds) + 0.6)
        style.whole_numbers(panel.xaxis)
    return figure
