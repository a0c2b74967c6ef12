"""How much of the closing fluxes six moments can know: their variance where the moments are alike.

No closure of six moments, however good, has smaller errors than the spread of A and B among cells of equal s, a and b.
"""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from eltanin.report import style
from eltanin.report.phrases import percent
from eltanin.report.sections import Drawing, Run, Section
from eltanin_gas.report.cells import FLUXES, Cells, labelled, thinned
from eltanin_gas.report.fluxes import distance, predictions, rms

NEIGHBOURS = 12
MOST = 4000  # cells that are looked at
SMALL = 0.03  # of s, a and b: above it, distances are of their logarithms
BINS = 8
ROWS = 500  # of the table of distances at a time


def section(run: Run) -> Section | None:
    """Return the section on what no closure can know; none with too few labelled problems to compare."""
    cells = labelled(run)
    if cells is None:
        return None
    some = thinned(cells, MOST)
    variance = conditional_variance(np.arcsinh(some.states / SMALL), some.closing, some.problem)
    if variance is None:
        return None
    relative = variance / some.closing**2
    guess = predictions(run.committee, some.moments)
    errors = None if guess is None else guess / some.closing - 1
    least = np.sqrt(relative.mean(axis=0))
    words = (
        f"Among cells of other problems with nearly the same s, a and b, A differs by {percent(least[0])} and B by"
        f" {percent(least[1])} (root mean square of the relative deviation from a linear fit through the {NEIGHBOURS}"
        " nearest). No closure of these six moments can do better, but for the distance of the neighbours, which"
        " makes this an upper bound that falls with more labels."
    )
    if errors is not None:
        words += (
            f" The committee's errors on the same cells: {percent(rms(errors[:, 0]))} and {percent(rms(errors[:, 1]))}."
        )
    caption = "Root mean square of relative errors, over how far cells are from equilibrium, in groups of equal size."
    return Section("What six moments can know", words, [Drawing(draw(some, relative, errors), caption)])


def conditional_variance(
    x: np.ndarray, y: np.ndarray, problem: np.ndarray, neighbours: int = NEIGHBOURS
) -> np.ndarray | None:
    """Return the variance (n, k) of y (n, k) given x (n, d), by the nearest neighbours; none if there are too few.

    Σ (y - fit)²/(m - d - 1) of a linear least-squares fit through the m nearest points of other problems (n,): of
    its own problem a point's neighbours are the cells beside it, which share its history. Unbiased where y is
    linear across the neighbourhood, too large where it is not.
    """
    n, d = x.shape
    others = n - int(np.unique(problem, return_counts=True)[1].max())
    if others < neighbours or neighbours <= d + 1:
        return None
    found = np.zeros(y.shape)
    for begin in range(0, n, ROWS):
        rows = slice(begin, begin + ROWS)
        squared = ((x[rows, None, :] - x[None, :, :]) ** 2).sum(axis=-1)
        squared[problem[rows, None] == problem[None, :]] = np.inf
        nearest = np.argpartition(squared, neighbours - 1, axis=1)[:, :neighbours]
        found[rows] = _residual(x[nearest] - x[rows, None, :], y[nearest])
    return found


def _residual(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the variance (r, k) about linear fits of y (r, m, k) by x (r, m, d)."""
    design = np.concatenate([np.ones((*x.shape[:2], 1)), x], axis=-1)
    left, singular, _ = np.linalg.svd(design, full_matrices=False)
    rank = singular > 1e-10 * singular[:, :1]
    basis = left * rank[:, None, :]
    rest = y - basis @ (basis.transpose(0, 2, 1) @ y)
    return (rest**2).sum(axis=1) / (x.shape[1] - rank.sum(axis=1))[:, None]


def draw(cells: Cells, relative: np.ndarray, errors: np.ndarray | None) -> Figure:
    """Draw the root mean square of relative errors (n, 2) and of what cannot be known, over the distance from rest."""
    figure, axes = style.canvas(3.2, 2)
    away = distance(cells.states)
    groups = np.array_split(np.argsort(away), BINS)
    at = [float(np.exp(np.log(away[group]).mean())) for group in groups]
    for column, (one, name) in enumerate(zip(axes, FLUXES, strict=True)):
        least = [100 * float(np.sqrt(relative[group, column].mean())) for group in groups]
        drawn = list(least)
        one.plot(at, least, "s--", color=style.CANDIDATE, label="among neighbours (no closure is better)")
        if errors is not None:
            made = [100 * rms(errors[group, column]) for group in groups]
            drawn += made
            one.plot(at, made, "o-", color=style.ACCURATE, label="this closure")
        one.fill_between(at, 0, least, color=style.CANDIDATE, alpha=0.15, lw=0)
        style.logarithmic(one, "x", at)
        style.logarithmic(one, "y", drawn)
        one.set(xlabel="distance from equilibrium |(s, a, b)|", ylabel=f"{name}, relative (%)")
    style.shared_legend(figure, axes)
    return figure
