"""Where the characteristic speeds of a closure are real, and how far apart."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure

from eltanin.report import style
from eltanin.report.phrases import number, percent
from eltanin.report.sections import Drawing, Run, Section
from eltanin_gas.flows.characteristics import roots
from eltanin_gas.flows.problems import MeanClosure
from eltanin_gas.flows.six_moments import Closure, characteristic_polynomial
from eltanin_gas.report.cells import Cells, labelled, thinned
from eltanin_gas.report.fluxes import drawn_of

GRID = 90
MOST = 4000  # cells that are looked at
NEAREST = 60  # cells that the ridge is taken from
REAL = 1e-6  # imaginary part below which a speed is real


class Map(NamedTuple):
    """s (x,), a (y,), and of the states between them (y, x) the b of the ridge and the gap of speeds."""

    s: np.ndarray
    a: np.ndarray
    b: np.ndarray
    gap: np.ndarray


def section(run: Run) -> Section | None:
    """Return the section on characteristic speeds; none without labelled cells."""
    cells = labelled(run)
    if cells is None:
        return None
    some, closure = thinned(cells, MOST), MeanClosure(run.committee)
    here = gaps(closure, some.states)
    words = (
        f"At {percent(np.mean(here < 0))} of the labelled states two or more of the six characteristic speeds are"
        f" complex (imaginary part up to {number(max(0.0, -float(here.min())))} T^½); where all are real, the least gap"
        f" between two is {number(float(here[here >= 0].min(initial=np.inf)))} T^½."
    )
    caption = (
        "Colour: the least gap between speeds where all are real (blue), minus the largest imaginary part where some"
        " are not (red), over T^½; white where two meet. The state has stress s = σ/p, flux a = Q/(p T^½), and the"
        " b = K/(p T^½) of labelled states nearby, which are drawn as dots, mirrored to a ≥ 0 (speeds change sign)."
        " Far from any dot the map says nothing of the gas."
    )
    return Section("Characteristic speeds", words, [Drawing(draw(gap_map(closure, some.states), cells), caption)])


def gaps(closure: Closure, states: np.ndarray) -> np.ndarray:
    """Return the least gap of speeds over T^(1/2) of states (..., 3), or minus the largest imaginary part."""
    s, a, b = torch.as_tensor(states, dtype=torch.float64).unbind(-1)
    found = roots(characteristic_polynomial(closure, s, a, b))
    apart = found.real.sort(-1).values.diff(dim=-1).amin(-1)
    complex_ = found.imag.abs().amax(-1)
    return torch.where(complex_ > REAL, -complex_, apart).numpy()


def mirrored(states: np.ndarray) -> np.ndarray:
    """Return states (n, 3) of (s, a, b) with a >= 0, by reflection."""
    sign = np.where(states[:, 1] < 0, -1.0, 1.0)
    return states * np.stack([np.ones_like(sign), sign, sign], axis=1)


def ridge(s: np.ndarray, a: np.ndarray, states: np.ndarray) -> np.ndarray:
    """Return b (...) = β a, with the β that fits the cells (n, 3) nearest to (s, a), (...), over their spread."""
    scale = states[:, :2].std(axis=0) + 1e-12
    at = np.stack([s.ravel(), a.ravel()], axis=1) / scale
    known = states[:, :2] / scale
    count = min(NEAREST, len(states))
    found = np.zeros(len(at))
    for i, point in enumerate(at):
        near = np.argpartition(((known - point) ** 2).sum(axis=1), count - 1)[:count]
        found[i] = (states[near, 1] @ states[near, 2]) / (states[near, 1] @ states[near, 1] + 1e-12)
    return found.reshape(a.shape) * a


def gap_map(closure: Closure, states: np.ndarray) -> Map:
    """Return the gap over the s and a that labelled states (n, 3) have, on the ridge of their b."""
    folded = mirrored(states)
    low, high = np.quantile(folded[:, 0], [0.0005, 0.9995])
    margin = 0.15 * (high - low) + 0.02
    s = np.linspace(max(-0.95, low - margin), min(1.9, high + margin), GRID)
    a = np.linspace(0, 1.15 * np.quantile(folded[:, 1], 0.9995) + 0.02, GRID)
    across, up = np.meshgrid(s, a)
    b = ridge(across, up, folded)
    return Map(s, a, b, gaps(closure, np.stack([across, up, b], axis=-1)))


def draw(found: Map, cells: Cells) -> Figure:
    """Draw the map with the labelled states on it."""
    figure, (axes,) = style.canvas(4.6)
    low, high = (float(np.quantile(found.gap, q)) for q in (0.01, 0.99))
    norm = TwoSlopeNorm(0, min(low, -1e-3), max(high, 1e-3))
    picture = axes.pcolormesh(found.s, found.a, found.gap, cmap="RdBu", norm=norm, rasterized=True)
    for here in drawn_of(cells.region).values():
        folded = mirrored(cells.states[here])
        axes.plot(folded[:, 0], folded[:, 1], "o", color=style.INK, ms=2.2, mew=0, alpha=0.6, rasterized=True)
    axes.set(xlabel="s = σ/p", ylabel="a = Q/(p T$^{1/2}$)", xlim=found.s[[0, -1]], ylim=found.a[[0, -1]])
    axes.grid(visible=False)
    figure.colorbar(picture, ax=axes, label="gap (real), –imaginary part (complex)")
    return figure
