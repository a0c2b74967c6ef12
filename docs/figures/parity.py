"""Predicted against labelled, for systems of many kinds: python docs/figures/parity.py.

One set of sizes for all: a smooth Deep Potential that has learned for about a minute, and structures that it has
not seen. Metals by effective medium theory and argon by Lennard-Jones are labelled here; water and acetylacetone
(density functional theory) are shown where DATA has them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import systems
from drawing import BLUE, INK, LETTERS, figure, plain, save
from matplotlib.axes import Axes

from eltanin_neural_potential import NeuralPotential
from eltanin_smooth import Smooth


class Case(NamedTuple):
    """A system by its name in the figure; batch: structures of a step."""

    name: str
    sample: systems.Sample | None
    batch: int
    steps: int
    cutoff: float = 6.0


class Points(NamedTuple):
    """What a test set has and a potential says: energies less their mean, meV/atom, and components of forces, eV/Å."""

    energies: tuple[np.ndarray, np.ndarray]
    forces: tuple[np.ndarray, np.ndarray]
    errors: dict[str, float]


def cases() -> list[Case]:
    """Return all systems."""
    return [
        Case("copper (EMT)", systems.copper(frames=160), 4, 2500),
        Case("argon (Lennard-Jones)", systems.argon(), 4, 1000, 7.0),
        Case("Al–Cu alloy (EMT)", systems.metals(["Al", "Cu"], 3.85, frames=160), 2, 1500),
        Case("NiCuPdAgAu alloy (EMT)", systems.metals(["Ni", "Cu", "Pd", "Ag", "Au"], 3.9, frames=240), 2, 4000),
        Case("water (DFT)", systems.water(), 1, 1000),
        Case("acetylacetone (DFT)", systems.acetylacetone(), 5, 5000),
    ]


def learned(case: Case) -> Points:
    """Train on a system, and return what there is to draw."""
    assert case.sample
    model = NeuralPotential(
        descriptor=Smooth(cutoff=case.cutoff, neurons=[10, 20, 40], axis=8), neurons=[48, 48, 48], batch=case.batch,
        learning_rate=3e-3, learning_rate_end=1e-5,
    )  # fmt: skip
    potential = systems.trained(model, case.sample, case.steps)
    x, labels = case.sample.unseen.configurations, case.sample.unseen.labels
    told = (labels, potential.predict(x))
    errors = systems.errors(potential, case.sample.unseen)
    systems.tell(system=case.name, forces_rms=case.sample.forces, **errors)
    expected, found = (1000 * np.asarray(y.values["energy"]) / x.counts for y in told)
    forces = [y.values["forces"].values.ravel() for y in told]
    return Points((expected - expected.mean(), found - expected.mean()), (forces[0], forces[1]), errors)


def against(axes: Axes, points: tuple[np.ndarray, np.ndarray], error: str) -> None:
    """Draw points around the diagonal, and write the error."""
    low, high = min(p.min() for p in points), max(p.max() for p in points)
    room = 0.06 * (high - low)
    span = (low - room, high + room)
    axes.plot(span, span, color=INK, lw=1)
    axes.plot(*points, ".", color=BLUE, ms=3, alpha=0.5)
    axes.set(xlim=span, ylim=span, aspect="equal")
    axes.locator_params(nbins=4)
    axes.text(0.04, 0.96, error, transform=axes.transAxes, va="top", fontsize=LETTERS, color=INK)


def drawn(case: Case, points: Points, energies: Axes, forces: Axes) -> None:
    """Draw the two panels of a system."""
    energy, force = (points.errors[name] for name in systems.ERRORS)
    against(energies, points.energies, f"RMSE {energy:.3g}\nmeV/atom")
    against(forces, points.forces, f"RMSE {force:.3g}\nmeV/Å")
    plain(energies, "labelled, less mean (meV/atom)", "predicted (meV/atom)", f"{case.name}\nenergy")
    plain(forces, "labelled (eV/Å)", "predicted (eV/Å)", "\nforces")


def main() -> None:
    """Train on each system, and draw."""
    shown = [case for case in cases() if case.sample]
    rows = (len(shown) + 1) // 2
    picture = figure(15, 4.3 * rows)
    panels = picture.subplots(rows, 4, squeeze=False).reshape(-1, 2)
    for case, (energies, forces) in zip(shown, panels, strict=False):
        drawn(case, learned(case), energies, forces)
    for axes in panels[len(shown) :].ravel():
        axes.set_visible(False)
    save(picture, __file__)


if __name__ == "__main__":
    main()
