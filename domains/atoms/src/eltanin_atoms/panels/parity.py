"""How well the committee predicts an independent test set: parity, errors, and a table by state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from eltanin.batch import Ragged, take, to_numpy
from eltanin.report import Drawing, Run, Section, Table, style
from eltanin.report.phrases import number, plural
from eltanin_atoms.panels.plane import Samples, said, samples

DRAWN = 20_000  # points of a panel, of all regions together
STATES = 40  # of a region that are listed one by one
LISTED = 14  # rows of a table that is not folded
MILLI = 1000.0
# property: (what it is called, unit, a thousandth of it, whether it is divided by the number of atoms)
SHOWN = {
    "energy": ("energy", "eV/atom", "meV/atom", True),
    "forces": ("force component", "eV/Å", "meV/Å", False),
    "virial": ("virial component", "eV/atom", "meV/atom", True),
    "dipole": ("dipole component", "e·Å", "me·Å", False),
    "polarizability": ("polarizability component", "Å³", "10⁻³ Å³", False),
}


class Compared(NamedTuple):
    """Reference and prediction of one property, (m,) each, and the structure (m,) that each belongs to."""

    name: str
    unit: str
    fine: str  # a thousandth of the unit
    owner: np.ndarray
    reference: np.ndarray
    predicted: np.ndarray

    @property
    def error(self) -> np.ndarray:
        """Return prediction minus reference, (m,) in thousandths of the unit."""
        return MILLI * (self.predicted - self.reference)

    def rmse(self, structures: np.ndarray) -> float:
        """Return the root mean square error over some structures, in thousandths; NaN of none."""
        error = self.error[np.isin(self.owner, structures)]
        return float(np.sqrt(np.mean(error**2))) if len(error) else float("nan")


def section(run: Run) -> Section | None:
    """Return the section on the test set; none where nothing was predicted for it."""
    tree = run.validation
    if not tree or tree.get("predicted") is None:
        return None
    x = tree["x"]
    found = [c for name in SHOWN if (c := compare(name, x.counts, tree["labels"], tree["predicted"])) is not None]
    if not found:
        return None
    region = samples(x.evidence, len(x)).region
    caption = (
        "Above: prediction of the committee's mean against the reference, with the root mean square error of each "
        "region. Below: the error itself."
    )
    words = f"{plural(len(x), 'structure')} that were never trained on, {number(int(x.counts.sum()))} atoms."
    return Section("Errors on the test set", words, [Drawing(draw(found, region), caption)], [table(x, found)])


def compare(name: str, atoms: np.ndarray, labels: Any, predicted: Any) -> Compared | None:
    """Return one property where both sides have it, atoms: (n,) of each structure; none if nowhere."""
    known = np.flatnonzero(labels.has(name) & predicted.has(name))
    if not len(known):
        return None
    called, unit, fine, shared = SHOWN[name]
    (reference, owner), (guess, _) = (flat(take(p.values[name], known), known) for p in (labels, predicted))
    per = atoms[owner] if shared else 1.0
    return Compared(called, unit, fine, owner, reference / per, guess / per)


def flat(column: Any, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return all numbers of a column, and the structure that each belongs to."""
    ragged = isinstance(column, Ragged)
    values = to_numpy(column.values if ragged else column).astype(float)
    owner = known[column.owner] if ragged else known
    return values.ravel(), np.repeat(owner, values[0].size if len(values) else 1)


# -- drawing ---------------------------------------------------------------------------------------


def draw(found: Sequence[Compared], region: np.ndarray) -> Figure:
    """Draw parity above and errors below, a column for each property. region: (n,) of the structures."""
    figure, axes = style.canvas(5.3 if len(found) > 2 else 6.0, len(found), 2, heights=(2.6, 1))
    look = style.series(region.tolist())
    for column, compared in enumerate(found):
        above, below = axes[column], axes[len(found) + column]
        thin = np.random.default_rng(0).permutation(len(compared.owner))[:DRAWN]
        for name, (colour, marker) in look.items():
            chosen = thin[region[compared.owner[thin]] == name]
            rmse = compared.rmse(np.flatnonzero(region == name))
            points(above, compared.reference[chosen], compared.predicted[chosen], colour, marker, len(thin))
            points(below, compared.reference[chosen], compared.error[chosen], colour, marker, len(thin))
            label = f"{said(name)}  {number(rmse)} {compared.fine}"
            above.plot([], [], marker, color=colour, ms=5, mew=0, label=label)
        finish(above, below, compared)
    return figure


def points(axes: Axes, x: np.ndarray, y: np.ndarray, colour: str, marker: str, n: int) -> None:
    """Draw points, as pixels: there may be thousands."""
    size, alpha = (4.5, 0.8) if n < 500 else (3.0, 0.5) if n < 5000 else (2.0, 0.3)
    axes.plot(x, y, marker, color=colour, ms=size, alpha=alpha, mew=0, rasterized=True)


def finish(above: Axes, below: Axes, compared: Compared) -> None:
    """Draw the lines of no error, and label the axes."""
    both = np.concatenate([compared.reference, compared.predicted])
    low, high = np.nanmin(both), np.nanmax(both)
    margin = 0.05 * (high - low) or 0.5
    above.axline((low, low), slope=1, color=style.INK, lw=0.9)
    above.set(xlim=(low - margin, high + margin), ylim=(low - margin, high + margin))
    above.set_ylabel(f"predicted {compared.name} ({compared.unit})")
    above.tick_params(labelbottom=False)
    above.legend(loc="upper left", handletextpad=0.2, borderaxespad=0.1)
    below.axhline(0, color=style.INK, lw=0.9)
    largest = 1.1 * float(np.nanmax(np.abs(compared.error))) or 1.0
    below.set(xlim=above.get_xlim(), ylim=(-largest, largest))
    below.set(xlabel=f"reference ({compared.unit})", ylabel=f"error ({compared.fine})")
    for axes in (above, below):
        axes.locator_params(axis="x", nbins=4)


# -- table -----------------------------------------------------------------------------------------


def table(x: Any, found: Sequence[Compared]) -> Table:
    """Return the errors over all, by region, and by temperature and pressure where these are known."""
    where = samples(x.evidence, len(x))
    head = ["region", "temperature (K)", "pressure (GPa)", "structures", *(f"{c.name} ({c.fine})" for c in found)]
    rows = [line("all", "", "", np.arange(len(x)), found)]
    for region in np.unique(where.region):
        here = np.flatnonzero(where.region == region)
        rows.append(line(said(region), "", "", here, found))
        states = by_state(where, here)
        if 1 < len(states) <= STATES:
            rows += [line(said(region), t, p, np.array(same), found) for (t, p), same in states.items()]
    return Table(head, rows, "Root mean square errors by region and state", folded=len(rows) > LISTED)


def by_state(where: Samples, here: np.ndarray) -> dict[tuple[str, str], list[int]]:
    """Return which of some structures have one temperature and pressure, from cold to hot."""
    groups: dict[tuple[str, str], list[int]] = {}
    for i in here:
        groups.setdefault((f"{where.temperature[i]:g}", f"{where.pressure[i]:g}"), []).append(int(i))
    return dict(sorted(groups.items(), key=lambda group: (float(group[0][0]), float(group[0][1]))))


def line(region: str, t: str, p: str, here: np.ndarray, found: Sequence[Compared]) -> list[str]:
    """Return a row over some structures."""
    return [region, t, p, number(len(here)), *(number(c.rmse(here)) for c in found)]
