"""Flows of the dataset run again by the closure: what is conserved, and the margins, from beginning to end."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from matplotlib.figure import Figure

from eltanin.batch import Ragged
from eltanin.report import style
from eltanin.report.phrases import number, plural
from eltanin.report.sections import Drawing, Run, Section
from eltanin_gas.collisions import MonatomicGas
from eltanin_gas.flows.march import march
from eltanin_gas.flows.problems import flow_of, relaxation_of, system_of
from eltanin_gas.flows.system import MomentSystem
from eltanin_gas.monatomic import conserved_of
from eltanin_gas.problems import Boundary, Problems

FLOWS = 4
INSTANTS = 24
SELDOM = 10_000  # steps between looks at margins: the instants are enough
ROUND_OFF = 1e-17  # what is drawn of nothing at all


class Course(NamedTuple):
    """n flows at instants: part of the duration (m,), largest drift, realizability and real speeds (m, n)."""

    part: np.ndarray
    drift: np.ndarray
    realizability: np.ndarray
    imaginary: np.ndarray


def section(run: Run) -> Section | None:
    """Return the section on conservation; none without labelled flows that are closed in themselves."""
    chosen = periodic(run)
    if chosen is None:
        return None
    x, moments = chosen
    found = course(system_of(run.committee), run.parts.system, x)
    labels = [drift_of(conserved_of(row).reshape(-1, n, 3)) for row, n in zip(moments.rows(), x.cells, strict=True)]
    of_labels = max(float(one.max()) for one in labels)
    reached = np.isfinite(found.drift[-1])
    words = (
        f"{plural(len(x), 'labelled flow')}, closed in themselves, run again by the closure. Mass, momentum and energy"
        f" change by {number(float(np.nanmax(found.drift)))} of their totals at most; those of the labels by"
        f" {number(of_labels)}."
        f" Least realizability on the way: {number(float(np.nanmin(found.realizability)))}; largest imaginary part of a"
        f" characteristic speed: {number(float(np.nanmax(found.imaginary)))} T^½."
    )
    if not reached.all():
        words += f" {plural(int((~reached).sum()), 'flow')} ceased to be a gas before the end."
    caption = "One line for each flow. The drift is the largest of the three."
    return Section("Conservation and margins over time", words, [Drawing(draw(found, names_of(x)), caption)])


def periodic(run: Run) -> tuple[Problems, Ragged] | None:
    """Return a few labelled problems of equal cells that are closed, as different as possible, and their moments."""
    if run.data is None or not len(run.data):
        return None
    x, moments = run.data.configurations, run.data.labels.values.get("moments")
    if not isinstance(moments, Ragged) or moments.values.shape[1:] != (6,):
        return None
    rows = np.flatnonzero((x.boundary == Boundary.PERIODIC) & (x.duration > 0))
    if not len(rows):
        return None
    cells, counts = np.unique(x.cells[rows], return_counts=True)
    rows = rows[x.cells[rows] == cells[counts.argmax()]]
    rows = rows[np.argsort(x.knudsen.values[x.knudsen.offsets[rows]], kind="stable")]
    chosen = rows[style.spread(len(rows), FLOWS)]
    return x[chosen], moments[chosen]


def names_of(x: Problems) -> list[str]:
    """Return what to call each of the problems."""
    regions = np.asarray(x.evidence.get("region", np.full(len(x), "flow")))
    knudsen = [(row.min(), row.max()) for row in x.knudsen.rows()]
    told = [f"Kn = {low:.2g}" if high < 1.01 * low else f"Kn = {low:.2g} … {high:.2g}" for low, high in knudsen]
    return [f"{str(region).replace('_', ' ')}, {kn}" for region, kn in zip(regions, told, strict=True)]


def drift_of(conserved: np.ndarray) -> np.ndarray:
    """Return the largest change of total mass, momentum and energy (m, cells, 3) since the first instant, (m,).

    Over mass and energy, and for momentum, which may be none, over the root of 2 mass x energy.
    """
    total = conserved.sum(axis=1)
    mass, _, energy = total[0]
    scale = np.array([mass, np.sqrt(2 * mass * energy), energy])
    return (np.abs(total - total[0]) / scale).max(axis=1)


def course(system: MomentSystem, gas: MonatomicGas, x: Problems) -> Course:
    """Run problems of equal numbers of cells, and look at them at instants; NaN after a flow has failed."""
    flow, tau = flow_of(system, x), relaxation_of(gas, x)
    duration = torch.as_tensor(x.duration, dtype=torch.float64) / INSTANTS
    met, alive = [flow.moments], [torch.ones(len(x), dtype=torch.bool)]
    for _ in range(INSTANTS):
        lasting = torch.where(alive[-1], duration, 0.0)
        u, record = march(system, replace(flow, moments=met[-1]), tau, lasting, inspect=SELDOM)
        met.append(u)
        alive.append(alive[-1] & record.failed.isnan())
    part = np.linspace(0, 1, INSTANTS + 1)
    return Course(part, *(np.where(torch.stack(alive), seen, np.nan) for seen in _seen(system, torch.stack(met))))


def _seen(system: MomentSystem, met: torch.Tensor) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return drift, least realizability and largest imaginary parts (m, n) of moments (m, n, cells, moments)."""
    margins, conserved = system.margins(met), system.conserved(met).numpy()
    drift = np.stack([drift_of(conserved[:, i]) for i in range(met.shape[1])], axis=1)
    return drift, margins["realizability"].amin(-1).numpy(), margins["hyperbolicity"].abs().amax(-1).numpy()


def draw(found: Course, names: list[str]) -> Figure:
    """Draw drift, realizability and imaginary parts over time, a line for each flow."""
    figure, axes = style.canvas(3.1, 3)
    shown = (
        (np.maximum(found.drift, ROUND_OFF), "drift of mass, momentum, energy"),
        (found.realizability, "least realizability"),
        (found.imaginary, "largest imaginary part / T$^{1/2}$"),
    )
    for panel, (values, label) in zip(axes, shown, strict=True):
        for i, name in enumerate(names):
            panel.plot(100 * found.part, values[:, i], color=style.SERIES[i % len(style.SERIES)], label=name)
        panel.set(xlabel="part of the duration (%)", ylabel=label)
    axes[0].set(yscale="log", ylim=(1e-17, max(1e-12, 3 * float(np.nanmax(found.drift)))))
    axes[1].axhline(0, color=style.INK, lw=0.9)
    style.shared_legend(figure, axes)
    return figure
