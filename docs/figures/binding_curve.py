"""The binding curve of hydrogen that a campaign learned from variational Monte Carlo, beside the exact one.

    python docs/figures/binding_curve.py RUN

RUN is a finished `elt run experiment=hydrogen_binding`. The exact curve is a spline through the energies of Sims and
Hagstrom (J. Chem. Phys. 124, 094101 (2006), table VI), which have more digits than are written here.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, NamedTuple

import drawing
import numpy as np
from ase import Atoms, units
from matplotlib.axes import Axes
from scipy.interpolate import CubicSpline

from eltanin.run.folder import RunFolder
from eltanin.run.publish import committee_of
from eltanin_atoms import files
from eltanin_atoms.structures import Structures

EXACT_MINIMUM, EXACT_ENERGY = 1.4011, -1.1744759  # bohr, hartree; Pachucki, Phys. Rev. A 82, 032509 (2010)
EXACT = {
    0.8: -1.0200567, 0.9: -1.0836432, 1.0: -1.1245397, 1.1: -1.1500574, 1.2: -1.1649352, 1.3: -1.1723471,
    1.4: -1.1744757, 1.5: -1.1728551, 1.6: -1.1685834, 1.7: -1.1624587, 1.8: -1.1550687, 1.9: -1.1468507,
    2.0: -1.1381330, 2.1: -1.1291638, 2.2: -1.1201321, 2.3: -1.1111818, 2.4: -1.1024226, 2.5: -1.0939381,
    2.6: -1.0857912, 2.7: -1.0780285, 2.8: -1.0706832, 2.9: -1.0637780, 3.0: -1.0573263, 3.1: -1.0513338,
    3.2: -1.0457997, 3.3: -1.0407174, 3.4: -1.0360754, 3.5: -1.0318581, 3.6: -1.0280463, 3.7: -1.0246182,
    3.8: -1.0215498, 3.9: -1.0188158, 4.0: -1.0163903, 4.2: -1.0123600, 4.4: -1.0092565,
}  # fmt: skip
exact = CubicSpline(list(EXACT), list(EXACT.values()))
DISTANCES = np.linspace(0.8, 4.4, 361)  # bohr
REACH = 0.02  # bohr: the curvature at the minimum is a difference over twice as much


class Curve(NamedTuple):
    """What was learned, each (n,): energies, their slope, and standard errors of both; hartree, hartree/bohr."""

    energy: np.ndarray
    error: np.ndarray
    slope: np.ndarray
    slope_error: np.ndarray


class Minimum(NamedTuple):
    """Where a curve is lowest, and how deep it is there below two atoms; bohr, hartree."""

    distance: float
    distance_error: float
    depth: float
    depth_error: float


def learned(run: Path, distances: np.ndarray) -> Curve:
    """Return the learned curve; the force on the first atom is the slope."""
    x = Structures.from_ase([Atoms("H2", [[0, 0, 0], [0, 0, r * units.Bohr]]) for r in distances])
    found = committee_of(RunFolder(run))[0].predict(x)
    slope, slope_error = (np.asarray(part["forces"].values)[::2, 2] for part in (found.values, found.sigma))
    energy, error = (np.asarray(part["energy"]) for part in (found.values, found.sigma))
    per_bohr = units.Bohr / units.Hartree
    return Curve(energy / units.Hartree, error / units.Hartree, slope * per_bohr, slope_error * per_bohr)


def minimum(run: Path) -> Minimum:
    """Return the minimum: where the slope is zero, known to σ(slope) over the curvature.

    There energies do not depend on the distance to first order, so that the error of the depth is that of the energy.
    """
    near = float(DISTANCES[np.argmin(learned(run, DISTANCES).energy)])
    curve = learned(run, np.array([near - REACH, near, near + REACH]))
    curvature = (curve.slope[2] - curve.slope[0]) / (2 * REACH)
    distance = near - curve.slope[1] / curvature
    there = learned(run, np.array([distance]))
    return Minimum(distance, there.slope_error[0] / curvature, -1 - there.energy[0], there.error[0])


def labels(run: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return distances (bohr), energies and standard errors (hartree) of what was learned from."""
    x, y = files.read(run / "dataset.extxyz")
    distance = np.array([np.linalg.norm(r[1] - r[0]) for r in x.positions.rows()]) / units.Bohr
    order = np.argsort(distance)
    return distance[order], y.values["energy"][order] / units.Hartree, y.sigma["energy"][order] / units.Hartree


def draw_curve(axes: Axes, curve: Curve, r: np.ndarray, e: np.ndarray) -> None:
    """Draw energies; error bars would not be seen here."""
    axes.plot(DISTANCES, curve.energy, color=drawing.BLUE, lw=2.2, label="learned")
    axes.plot(DISTANCES, exact(DISTANCES), color=drawing.INK, lw=1.1, ls=(0, (4, 3)), label="exact")
    axes.plot(r, e, "o", ms=6, color=drawing.OCHRE, mec="white", mew=0.8, label="labels, variational Monte Carlo")
    axes.legend(frameon=False, fontsize=drawing.LETTERS - 1)
    drawing.plain(axes, "", "energy (hartree)")
    axes.tick_params(labelbottom=False)


def draw_minimum(axes: Axes, found: Minimum) -> None:
    """Write the minimum that was learned beside the exact one."""
    columns = {
        0.20: ["", "minimum (bohr)", "depth (hartree)"],
        0.47: ["learned", said(found.distance, found.distance_error, 4), said(found.depth, found.depth_error, 5)],
        0.67: ["exact", f"{EXACT_MINIMUM:.4f}", f"{-1 - EXACT_ENERGY:.5f}"],
    }
    axes.set_ylim(-1.182, -0.972)  # room for the table
    style: dict[str, Any] = {"transform": axes.transAxes, "fontsize": drawing.LETTERS - 1, "color": drawing.INK}
    for x, words in columns.items():
        for k, word in enumerate(words):
            axes.text(x, 0.92 - 0.075 * k, word, **style)


def said(value: float, error: float, digits: int) -> str:
    """Return a value with its error in the last digits, as in 1.4021(35)."""
    return f"{value:.{digits}f}({round(error * 10**digits)})"


def draw_rest(axes: Axes, curve: Curve, r: np.ndarray, e: np.ndarray, s: np.ndarray) -> None:
    """Draw what is left when the exact curve is taken out, with standard errors."""
    off, band = 1e3 * (curve.energy - exact(DISTANCES)), 1e3 * curve.error
    for factor, depth in ((2, 0.14), (1, 0.22)):
        axes.fill_between(DISTANCES, off - factor * band, off + factor * band, color=drawing.BLUE, alpha=depth, lw=0)
    axes.plot(DISTANCES, off, color=drawing.BLUE, lw=2, label="learned, ± 1 and 2 standard errors of its own")
    axes.axhline(0, color=drawing.INK, lw=1.1, ls=(0, (4, 3)))
    axes.errorbar(r, 1e3 * (e - exact(r)), 1e3 * s, fmt="o", ms=5, color=drawing.OCHRE, mec="white", mew=0.6,
                  elinewidth=1.3, capsize=2)  # fmt: skip
    axes.legend(frameon=False, fontsize=drawing.LETTERS - 1, loc="upper center")
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.2 * (high - low))  # room for the legend
    drawing.plain(axes, "distance of the nuclei (bohr)", "energy – exact (mhartree)")


def main(run: Path) -> dict[str, float]:
    """Draw, and return what is to be said in numbers."""
    curve, found, (r, e, s) = learned(run, DISTANCES), minimum(run), labels(run)
    picture = drawing.figure(7.2, 6.4)
    above, below = picture.subplots(2, sharex=True, height_ratios=[1.6, 1])
    draw_curve(above, curve, r, e)
    draw_minimum(above, found)
    draw_rest(below, curve, r, e, s)
    below.set_xlim(0.7, 4.5)
    picture.align_ylabels()
    drawing.save(picture, __file__)
    off = curve.energy - exact(DISTANCES)
    return {
        "labels": len(r),
        **{f"minimum_{name}": float(value) for name, value in found._asdict().items()},
        "minimum_distance_exact": EXACT_MINIMUM,
        "minimum_depth_exact": -1 - EXACT_ENERGY,
        "labels_rms_deviation_in_errors": float(np.sqrt(np.mean(((e - exact(r)) / s) ** 2))),
        "largest_label_error_mhartree": 1e3 * float(s.max()),
        "learned_rms_deviation_in_errors": float(np.sqrt(np.mean((off / curve.error) ** 2))),
        "learned_less_exact_rms_mhartree": 1e3 * float(np.sqrt(np.mean(off**2))),
        "learned_less_exact_largest_mhartree": 1e3 * float(np.abs(off).max()),
    }


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1])), indent=1))  # noqa: T201
