"""How far the committee disagreed, round by round, against the trust levels."""

# The stubs of matplotlib leave keyword arguments unknown.
# pyright: reportUnknownMemberType=false
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from eltanin.protocols import Feedback
from eltanin.registry import load, options
from eltanin.report import style
from eltanin.report.phrases import Quantity, component, measured, number, part, real
from eltanin.report.sections import Drawing, Run, Section

SHOWN = 5  # rounds whose distribution is drawn in full
MOST = 80  # rounds whose quantiles are drawn


def section(run: Run) -> Section | None:
    """Return the section on deviations; none where no two members could disagree."""
    rounds = [r for r in run.rounds if real(r["deviation"].get("q50")) > 0]
    if not rounds:
        return None
    what, levels = scored(run), trust_levels(run.config)
    scores = distributions(run.pools)
    figure, axes = style.canvas(3.6, 2, widths=(1.35, 1)) if scores else style.canvas(3.6)
    every = rounds[:: -(-len(rounds) // MOST)]
    quantiles(axes[0], every, what, levels)
    if scores:
        histograms(axes[1], scores, what, levels)
    caption = (
        "Left: median (dot), half (thick) and nine tenths (thin) of each round's pool, and its largest (×). "
        "Right: all of a few rounds' pools, light to dark." if scores else
        "Median (dot), half (thick) and nine tenths (thin) of each round's pool, and its largest (×)."
    )  # fmt: skip
    return Section("Deviation of the committee", words(rounds, levels, what), [Drawing(figure, caption)])


def words(rounds: Sequence[Mapping[str, Any]], levels: dict[str, float], what: Quantity) -> str:
    """Say how the median moved."""
    first, end = rounds[0], rounds[-1]
    median = number(end["deviation"]["q50"])
    said = f"Median {what.name} of what was explored: {median} {what.unit} in round {end['round']}"
    if end is not first:
        said += f", {number(first['deviation']['q50'])} in round {first['round']}"
    if len(levels) == 2:
        low, high = levels["low"], levels["high"]
        said += f". Below {number(low)} a configuration counts as accurate, from {number(high)} on it is rejected"
    return said + "."


def scored(run: Run) -> Quantity:
    """Return what the scores of the selector measure: what it says itself, else what its domain does."""
    name = component(run.config, "selector")
    own = getattr(load("selector", name), "measure", "") if name in options("selector") else ""
    return measured(own or run.domain.measure)


def trust_levels(config: Mapping[str, Any]) -> dict[str, float]:
    """Return the selector's low and high, those that it has."""
    selector = part(config, "selector")
    return {k: real(selector.get(k)) for k in ("low", "high") if real(selector.get(k)) > 0}


def distributions(pools: Sequence[Feedback]) -> dict[int, np.ndarray]:
    """Return the positive finite scores of a few rounds, the last one among them."""
    kept = {i: s[np.isfinite(s) & (s > 0)] for i, s in enumerate(np.asarray(p.score) for p in pools)}
    there = [i for i, scores in kept.items() if len(scores) >= 5]
    return {there[k]: kept[there[k]] for k in style.spread(len(there), SHOWN)}


def quantiles(axes: Axes, rounds: Sequence[Mapping[str, Any]], what: Quantity, levels: Mapping[str, float]) -> None:
    """Draw the spread of each round."""
    at = [r["round"] for r in rounds]
    q = {k: np.array([real(r["deviation"].get(k)) for r in rounds]) for k in ("q05", "q25", "q50", "q75", "q95", "max")}
    thick = float(np.clip(150 / len(at), 2.5, 8))
    axes.vlines(at, q["q05"], q["q95"], color=style.ACCURATE, lw=1.2)
    axes.vlines(at, q["q25"], q["q75"], color=style.ACCURATE, lw=thick, alpha=0.55)
    axes.plot(at, q["q50"], "o-", color=style.INK, ms=min(4.0, thick), lw=0.9)
    axes.plot(at, q["max"], "x", color=style.FAINT, ms=4, mew=0.9)
    style.logarithmic(axes, "y", [*q["q05"], *q["max"], *levels.values()])
    axes.set_ylabel(str(what))
    style.by_round(axes, at[0], at[-1] - at[0] + 1)
    for name, level in levels.items():
        axes.axhline(level, color=COLOURS[name], lw=1.2, ls=(0, (5, 2)))
        axes.annotate(
            f"{name} {level:g}", (1, level), xycoords=("axes fraction", "data"), xytext=(4, 0),
            textcoords="offset points", va="center", color=COLOURS[name], fontsize=8.5, fontweight="bold",
        )  # fmt: skip


COLOURS = {"low": "#9a6f00", "high": style.REJECTED}


def histograms(axes: Axes, scores: Mapping[int, np.ndarray], what: Quantity, levels: Mapping[str, float]) -> None:
    """Draw whole distributions, as a share of each pool, over the logarithm of the deviation."""
    together = np.concatenate(list(scores.values()))
    bins = int(np.clip(2.2 * len(together) / len(scores), 1, None) ** (1 / 3)) + 9  # as Rice's rule, and some
    low, high = float(together.min()) / 1.01, float(together.max()) * 1.01
    edges = [low * (high / low) ** (i / (bins - 1)) for i in range(bins)]
    for colour, (which, found) in zip(style.shade(len(scores)), scores.items(), strict=True):
        share = 100 * np.histogram(found, edges)[0] / len(found)
        axes.stairs(share, edges, color=colour, lw=1.6, label=f"round {which}")
    style.logarithmic(axes, "x", [*edges, *levels.values()])
    axes.set(xlabel=str(what), ylabel="share of the pool (%)", ylim=(0, None))
    for name, level in levels.items():
        axes.axvline(level, color=COLOURS[name], lw=1.2, ls=(0, (5, 2)))
    style.legend(axes, 3)
