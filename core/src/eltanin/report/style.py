"""One look for all drawings: colours that the colour-blind can tell apart, thin lines, units on axes.

Colours mean the same thing on the whole page: what a selector said, a stage, a region.
"""

# The stubs of matplotlib leave keyword arguments unknown.
# pyright: reportUnknownMemberType=false
from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import cache
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib import font_manager, ticker
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure

WIDTH = 10.0  # inches of a drawing that fills the page
INK, FAINT, GRID = "#1c2430", "#66707d", "#e3e7ec"
# Paul Tol's high-contrast scheme: it also holds in grey.
ACCURATE, CANDIDATE, REJECTED, BEGINNING = "#1f5a94", "#ddaa33", "#bb5566", "#a9b2bd"
STAGES = {
    "explore": "#4477aa",
    "select": "#66ccee",
    "label": "#ccbb44",
    "train": "#aa3377",
    "validate": "#228833",
    "core": "#444444",
}
# Okabe and Ito's scheme, with a marker each: colour is never the only sign.
SERIES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#6a5acd", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
FONTS = ("Source Sans 3", "Inter", "Helvetica Neue", "Helvetica", "Arial", "Liberation Sans", "DejaVu Sans")


def styled() -> AbstractContextManager[None]:
    """Return the context in which drawings are made and saved; it leaves no trace behind."""
    return mpl.rc_context({
        "font.family": families(), "font.size": 9.5, "text.color": INK,
        "axes.edgecolor": FAINT, "axes.labelcolor": INK, "axes.linewidth": 0.8, "axes.titlesize": 10,
        "axes.titleweight": "bold", "axes.titlelocation": "left", "axes.spines.top": False,
        "axes.spines.right": False, "axes.grid": True, "axes.axisbelow": True, "axes.unicode_minus": True,
        "grid.color": GRID, "grid.linewidth": 0.8, "xtick.color": FAINT, "ytick.color": FAINT,
        "xtick.labelcolor": INK, "ytick.labelcolor": INK, "legend.frameon": False, "legend.fontsize": 9,
        "figure.facecolor": "white", "lines.linewidth": 1.6, "lines.markersize": 5, "hatch.linewidth": 0.8,
        "svg.fonttype": "path", "svg.hashsalt": "eltanin", "mathtext.default": "regular",
    })  # fmt: skip


@cache
def families() -> list[str]:
    """Return the first font of the page's own that is installed, and one that has every sign it may lack."""
    there = set(font_manager.get_font_names())
    return list(dict.fromkeys([next((font for font in FONTS if font in there), FONTS[-1]), FONTS[-1]]))


def canvas(
    height: float,
    columns: int = 1,
    rows: int = 1,
    widths: Sequence[float] | None = None,
    heights: Sequence[float] | None = None,
) -> tuple[Figure, list[Axes]]:
    """Return a drawing as wide as the page, height in inches, and its axes row by row."""
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, width_ratios=widths, height_ratios=heights)
    return figure, list(axes.flat)


def tiles(n: int, most: int = 3, height: float = 3.1) -> tuple[Figure, list[Axes]]:
    """Return n axes side by side, at most so many in a row; a row of few is not stretched."""
    columns = min(max(n, 2), most)
    rows = -(-n // columns)
    figure, axes = canvas(height * rows, columns, rows)
    for spare in axes[n:]:
        spare.set_axis_off()
    return figure, axes[:n]


def legend(axes: Axes, columns: int = 8) -> None:
    """Put the legend in a line above the axes, where it hides nothing."""
    if axes.get_legend_handles_labels()[0]:
        axes.legend(
            loc="lower left", bbox_to_anchor=(0, 1), ncols=columns, borderaxespad=0.2,
            handlelength=1.2, columnspacing=1.4, handletextpad=0.5,
        )  # fmt: skip


def shared_legend(figure: Figure, axes: Sequence[Axes]) -> None:
    """Put one legend above all axes, for every label that any of them has."""
    found: dict[str, Any] = {}
    for one in axes:
        for handle, label in zip(*one.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    if len(found) > 1:
        figure.legend(
            list(found.values()), list(found), loc="outside upper left", ncols=8,
            handlelength=1.2, columnspacing=1.4, handletextpad=0.5,
        )  # fmt: skip


def spread(n: int, most: int) -> list[int]:
    """Return at most so many of n indices, evenly spread, the first and the last among them."""
    return sorted({round(i * (n - 1) / max(1, most - 1)) for i in range(most)}) if n else []


def series(names: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Return colour and marker of each name, whatever order the names come in."""
    ordered = sorted(set(names))
    return {name: (SERIES[i % len(SERIES)], MARKERS[i % len(MARKERS)]) for i, name in enumerate(ordered)}


def shade(n: int) -> list[Any]:
    """Return n colours from early (light) to late (dark)."""
    palette = mpl.colormaps["viridis_r"]
    return [palette(0.12 + 0.88 * i / (n - 1)) for i in range(n)] if n > 1 else [palette(0.75)]


def whole_numbers(axis: Axis, most: int = 10) -> None:
    """Tick whole numbers only: there is no round 2.5."""
    axis.set_major_locator(ticker.MaxNLocator(nbins=most, integer=True, min_n_ticks=1))


def logarithmic(axes: Axes, which: str, values: Any) -> None:
    """Scale the x or y axis by the logarithm, with ticks that can be read over half a decade or ten."""
    found = np.asarray(values, dtype=float)
    found = found[np.isfinite(found) & (found > 0)]
    if not len(found):
        return
    low, high = found.min() / 1.25, found.max() * 1.25
    decades = np.log10(high / low)
    axes.set(**{f"{which}scale": "log", f"{which}lim": (low, high)})
    axis = axes.xaxis if which == "x" else axes.yaxis
    subs = (1.0,) if decades > 3 else (1.0, 3.0) if decades > 1.5 else (1.0, 2.0, 5.0)
    axis.set_major_locator(ticker.LogLocator(subs=subs, numticks=12))
    axis.set_major_formatter(ticker.FuncFormatter(plain if decades <= 5 else power))
    axis.set_minor_formatter(ticker.NullFormatter())


def plain(value: float, position: int | None = None) -> str:
    """Return 0.05 for 0.05, and 2e-07 where zeros would be counted."""
    del position
    return f"{value:g}"


def power(value: float, position: int | None = None) -> str:
    """Return a power of ten."""
    del position
    return f"$10^{{{round(np.log10(value))}}}$"


def grouped(rows: Sequence[Mapping[str, float]], most: int = 60) -> tuple[int, list[dict[str, float]]]:
    """Add up neighbouring rows so that at most so many are left; return how many make one."""
    size = max(1, -(-len(rows) // most))
    groups = [rows[i : i + size] for i in range(0, len(rows), size)]
    return size, [{k: sum(row[k] for row in group) for k in group[0]} for group in groups]


def by_round(axes: Axes, first: int, n: int, size: int = 1) -> list[float]:
    """Prepare an x axis for n groups of rounds, and return where their middles are."""
    at = [first + (i + 0.5) * size - 0.5 for i in range(n)]
    axes.set_xlim(at[0] - 0.7 * size, max(at[-1], at[0] + 3 * size) + 0.7 * size)
    axes.set_xlabel("round" if size == 1 else f"round ({size} together)")
    axes.grid(visible=False, axis="x")
    if n <= 10 and size == 1:
        axes.set_xticks(at, [f"{x:g}" for x in at])
    else:
        whole_numbers(axes.xaxis)
    return at


def bars(axes: Axes, first: int, rows: Sequence[Mapping[str, float]], colours: Mapping[str, str], size: int) -> None:
    """Stack bars over groups of rounds, a layer for each name that is not zero everywhere."""
    at, width, floor = by_round(axes, first, len(rows), size), 0.78 * size, np.zeros(len(rows))
    for name, colour in colours.items():
        height = np.array([row[name] for row in rows], dtype=float)
        if height.any():
            axes.bar(at, height, width, bottom=floor, color=colour, label=name, linewidth=0)
            floor += height


def embedded(figure: Figure) -> str:
    """Return a drawing as an SVG data URI, the same for the same drawing."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", dpi=150, metadata={"Date": None, "Creator": None})
    return "data:image/svg+xml;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
