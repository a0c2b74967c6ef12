"""What was explored and labelled in the plane of temperature and pressure, region by region."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure

from eltanin.protocols import Verdict
from eltanin.report import Drawing, Run, Section, style
from eltanin.report.phrases import number, percent

SHARE = LinearSegmentedColormap.from_list("share", [style.CANDIDATE, "#eeeee8", style.ACCURATE])
PANELS = 4  # regions that get a panel of their own
EXACT = 40  # states that are shown as they are; more are gathered in bins
BINS = 6  # in each direction

Key = tuple[str, float, float]


class Samples(NamedTuple):
    """Where n samples come from. region: (n,).  temperature: (n,) K.  pressure: (n,) GPa."""

    region: np.ndarray
    temperature: np.ndarray
    pressure: np.ndarray


class Place(NamedTuple):
    """A state of a region: how often it was explored and labelled, and which part is accurate now."""

    region: str
    temperature: float
    pressure: float
    explored: int
    labelled: int
    accurate: float


def section(run: Run) -> Section | None:
    """Return the section on the plane; none where no temperature is known."""
    pools = [pool for pool in run.pools if len(pool.verdict)]
    explored = [samples(pool.evidence, len(pool.verdict)) for pool in pools]
    if not any(np.isfinite(one.temperature).any() for one in explored):
        return None
    data = run.data
    labelled = None if data is None else samples(data.configurations.evidence, len(data))
    verdict = np.asarray(pools[-1].verdict)
    accurate = verdict == Verdict.ACCURATE if np.any(verdict != Verdict.CANDIDATE) else None
    found = tabulate(explored, labelled, accurate)
    coloured = " The colour is the part of them that was accurate in the last round; white where it did not go."
    caption = (
        f"Above: configurations explored in the whole campaign (area and number).{coloured * (accurate is not None)} "
        "Below: configurations labelled."
    )
    fixed = not any(np.isfinite(one.pressure).any() for one in explored)
    return Section("Temperature and pressure", words(explored[-1], accurate), [Drawing(draw(found, fixed), caption)])


def samples(evidence: Mapping[str, Any], n: int) -> Samples:
    """Read where n samples come from; what is not known is "elsewhere" and NaN."""
    region = np.asarray(evidence.get("region", np.full(n, "all"))).astype(str)
    unknown = np.full(n, np.nan)
    t, p = (np.asarray(evidence.get(k, unknown), dtype=float) for k in ("temperature", "pressure"))
    return Samples(np.where(np.isin(region, ["", "nan"]), "elsewhere", region), t, p)


def words(end: Samples, accurate: np.ndarray | None) -> str:
    """Say how much of each region was accurate in the last round."""
    if accurate is None:
        return "In the last round nothing was judged: there was no committee, or the selector asks none."
    shares = [f"{said(r)} {percent(float(accurate[end.region == r].mean()))}" for r in np.unique(end.region)]
    return f"Accurate in the last round: {', '.join(shares)}."


def said(region: str) -> str:
    """Return the name of a region as it is written."""
    return region.replace("_", " ")


# -- counting --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Grid:
    """How places are told apart. apart: regions are.  Edges of bins in K and GPa, none to keep what is."""

    apart: bool
    temperature: np.ndarray
    pressure: np.ndarray

    @classmethod
    def over(cls, explored: Sequence[Samples]) -> Grid:
        """Return a grid with few enough places to be seen."""
        region, t, p = (np.concatenate(column) for column in zip(*explored, strict=True))
        many = len(set(zip(t.tolist(), np.nan_to_num(p).tolist(), strict=True))) > EXACT
        return cls(len(np.unique(region)) <= PANELS, edges(t, many), edges(p, many))

    def count(self, found: Samples, which: np.ndarray | None = None) -> Counter[Key]:
        """Count samples of known temperature by place; an unknown pressure is 0. which: (n,) booleans."""
        known = np.isfinite(found.temperature) if which is None else np.isfinite(found.temperature) & which
        region = found.region[known] if self.apart else np.full(known.sum(), "all regions")
        t = middle(found.temperature[known], self.temperature)
        p = middle(np.nan_to_num(found.pressure[known]), self.pressure)
        return Counter(zip(region.tolist(), t.tolist(), p.tolist(), strict=True))


def edges(column: np.ndarray, many: bool) -> np.ndarray:
    """Return the edges of bins over a column (n,); none where there are few values."""
    column = column[np.isfinite(column)]
    return np.linspace(column.min(), column.max(), BINS + 1) if many and len(np.unique(column)) > BINS else np.zeros(0)


def middle(column: np.ndarray, bins: np.ndarray) -> np.ndarray:
    """Return the middle of the bin of each value (n,); the values as they are where there are no bins."""
    if not len(bins):
        return column
    at = np.clip(np.searchsorted(bins, column, side="right") - 1, 0, len(bins) - 2)
    return (bins[at] + bins[at + 1]) / 2


def tabulate(explored: Sequence[Samples], labelled: Samples | None, accurate: np.ndarray | None) -> list[Place]:
    """Count what comes from each place. accurate: (n,) of the last pool, None if it was not judged."""
    grid = Grid.over(explored)
    visits = sum((grid.count(one) for one in explored), start=Counter[Key]())
    labels = grid.count(labelled) if labelled else Counter[Key]()
    last, good = Counter[Key](), Counter[Key]()
    if accurate is not None:
        last, good = grid.count(explored[-1]), grid.count(explored[-1], accurate)
    return [
        Place(*key, visits[key], labels[key], good[key] / last[key] if last[key] else float("nan"))
        for key in sorted(visits | labels)
    ]


# -- drawing ---------------------------------------------------------------------------------------


def draw(found: Sequence[Place], fixed: bool) -> Figure:
    """Draw explored above labelled, a column for each region from cold to hot, over the same axes."""
    regions = sorted({place.region for place in found}, key=lambda r: coldness(found, r))
    figure, axes = style.canvas(5.4, len(regions), 2)
    upper, lower = axes[: len(regions)], axes[len(regions) :]
    room = spacing(found, len(regions))
    for region, above, below in zip(regions, upper, lower, strict=True):
        here = [place for place in found if place.region == region]
        colours = [SHARE(place.accurate) if np.isfinite(place.accurate) else "white" for place in here]
        most = max(place.explored for place in found)
        bubbles(above, here, [place.explored for place in here], most, room, colours)
        most = max(place.labelled for place in found)
        bubbles(below, here, [place.labelled for place in here], most, room, ["#d9b15a"] * len(here))
        above.set_title(said(region))
    frame(upper, lower, found, fixed)
    if not any(np.isfinite(place.accurate) for place in found):
        return figure
    bar = figure.colorbar(ScalarMappable(Normalize(0, 100), SHARE), ax=upper, aspect=16, pad=0.015)
    bar.set_label("accurate, last round (%)")
    bar.outline.set_linewidth(0)  # type: ignore[operator]
    return figure


def coldness(found: Sequence[Place], region: str) -> float:
    """Return the mean temperature of a region, K."""
    return float(np.mean([place.temperature for place in found if place.region == region]))


def spacing(found: Sequence[Place], columns: int) -> float:
    """Return how many points (1/72 inch) neighbouring states have between them."""
    across, up = (len({place[k] for place in found}) for k in (1, 2))
    return 72 * min(8.2 / columns / (across + 0.5), 2.0 / (up + 0.5))


def bubbles(
    axes: Axes, here: Sequence[Place], counts: Sequence[int], most: int, room: float, colours: Sequence[Any]
) -> None:
    """Draw a disc for each place, with its count below; the largest fills what room there is."""
    widest = min(0.62 * room, 30.0)
    for place, count, colour in zip(here, counts, colours, strict=True):
        at, width = (place.temperature, place.pressure), widest * np.sqrt(count / most) if most else 0.0
        if count:
            axes.scatter(*at, s=max(width, 3.0) ** 2, color=[colour], edgecolors=style.FAINT, linewidths=0.7)
        axes.annotate(
            number(count), at, xytext=(0, -width / 2 - 2), textcoords="offset points", ha="center", va="top",
            fontsize=8, color=style.INK if count else style.FAINT,
        )  # fmt: skip


def frame(upper: Sequence[Axes], lower: Sequence[Axes], found: Sequence[Place], fixed: bool) -> None:
    """Give all panels the same axes, labelled on the outside only."""
    for axes in [*upper, *lower]:
        axes.set(xlim=limits([place.temperature for place in found], 100.0, 0.5))
        axes.set(ylim=limits([place.pressure for place in found], 1.0, 0.65))
        few(axes.xaxis, {place.temperature for place in found})
        few(axes.yaxis, {place.pressure for place in found})
        axes.tick_params(labelleft=axes in (upper[0], lower[0]), labelbottom=axes in lower)
        if fixed:
            axes.set_yticks([])
    for axes, what in ((upper[0], "explored"), (lower[0], "labelled")):
        axes.set_ylabel(what if fixed else f"{what}: pressure (GPa)")
    for axes in lower:
        axes.set_xlabel("temperature (K)")


def few(axis: Axis, values: set[float]) -> None:
    """Tick the states themselves, as long as they can be told apart."""
    distinct = sorted(values)
    apart = min(np.diff(distinct), default=1.0) > 0.12 * (distinct[-1] - distinct[0])
    if len(distinct) <= 6 and apart:
        axis.set_ticks(distinct, [f"{value:g}" for value in distinct])


def limits(values: Sequence[float], least: float, margin: float) -> tuple[float, float]:
    """Return limits with a margin, in spacings between distinct values, on either side."""
    distinct = sorted(set(values))
    apart = (distinct[-1] - distinct[0]) / (len(distinct) - 1) if len(distinct) > 1 else least
    return distinct[0] - margin * apart, distinct[-1] + margin * apart
