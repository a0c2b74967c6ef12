"""The binding curve of hydrogen that a campaign learned from variational Monte Carlo, beside the exact one.

    python docs/figures/binding_curve.py RUN

RUN is a finished `elt run experiment=hydrogen_binding`. The exact curve is a spline through the energies of Sims and
Hagstrom (J. Chem. Phys. 124, 094101 (2006), table VI), which have more digits than are written here.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import drawing
import numpy as np
from ase import Atoms, units
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
NEAR = (0.95, 2.3)  # bohr: labels that the error bars of the minimum are from
DISTANCES = np.linspace(0.8, 4.4, 361)


def learned(run: Path) -> np.ndarray:
    """Return the energies of each member at all distances (members, n), hartree."""
    x = Structures.from_ase([Atoms("H2", [[0, 0, 0], [0, 0, r * units.Bohr]]) for r in DISTANCES])
    return np.array([m.predict(x).values["energy"] for m in committee_of(RunFolder(run))]) / units.Hartree


def labels(run: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return distances (bohr), energies and standard errors (hartree) of what was learned from."""
    x, y = files.read(run / "dataset.extxyz")
    distance = np.array([np.linalg.norm(r[1] - r[0]) for r in x.positions.rows()]) / units.Bohr
    order = np.argsort(distance)
    return distance[order], y.values["energy"][order] / units.Hartree, y.sigma["energy"][order] / units.Hartree


def minimum(curve: np.ndarray) -> tuple[float, float]:
    """Return where a curve over all distances is lowest, and its value there, by a parabola through three points."""
    k = int(np.argmin(curve))
    a, b, _ = np.polyfit(DISTANCES[k - 1 : k + 2], curve[k - 1 : k + 2], 2)
    r = -b / (2 * a)
    return float(r), float(np.interp(r, DISTANCES, curve))


def error_bars(distance: np.ndarray, energy: np.ndarray, error: np.ndarray) -> tuple[float, float]:
    """Return standard errors of the distance and the energy of the minimum: labels move by their own errors."""
    near = (distance > NEAR[0]) & (distance < NEAR[1])
    rng, found = np.random.default_rng(0), []
    for _ in range(500):
        moved = energy[near] + error[near] * rng.normal(size=near.sum())
        fit = np.polynomial.Polynomial.fit(1 / distance[near], moved, 4, w=1 / error[near])
        found.append(minimum(fit(1 / DISTANCES.clip(*NEAR))))
    return tuple(np.std(found, axis=0).tolist())  # type: ignore[return-value]


def main(run: Path) -> dict[str, float]:
    """Draw, and return what is to be said in numbers."""
    members, (r, e, s) = learned(run), labels(run)
    curve = members.mean(0)
    smooth = CubicSpline(list(EXACT), list(EXACT.values()))(DISTANCES)
    (at, lowest), (at_error, lowest_error) = minimum(curve), error_bars(r, e, s)
    picture = drawing.figure(8, 6.4)
    above, below = picture.subplots(2, sharex=True, height_ratios=[2, 1])
    above.plot(DISTANCES, smooth, color=drawing.INK, lw=1.2, ls="--", label="exact")
    above.plot(DISTANCES, curve, color=drawing.BLUE, lw=2, label="learned potential")
    above.errorbar(r, e, s, fmt="o", ms=5, color=drawing.OCHRE, label="labels by variational Monte Carlo")
    above.legend(frameon=False, fontsize=drawing.LETTERS - 1)
    drawing.plain(above, "", "energy (hartree)", "Hydrogen molecule")
    at_labels = np.interp(r, DISTANCES, smooth)
    below.axhline(0, color=drawing.INK, lw=1.2, ls="--")
    below.fill_between(DISTANCES, *(1e3 * (f(members, axis=0) - smooth) for f in (np.min, np.max)), color=drawing.BLUE,
                       alpha=0.25, lw=0)  # fmt: skip
    below.plot(DISTANCES, 1e3 * (curve - smooth), color=drawing.BLUE, lw=2)
    below.errorbar(r, 1e3 * (e - at_labels), 1e3 * s, fmt="o", ms=5, color=drawing.OCHRE, capsize=3)
    below.set_ylim(-4, 4)
    drawing.plain(below, "distance of the nuclei (bohr)", "less exact (mhartree)")
    drawing.save(picture, __file__)
    return {
        "labels": len(r),
        "minimum_bohr": at,
        "minimum_bohr_error": at_error,
        "minimum_bohr_exact": EXACT_MINIMUM,
        "depth_hartree": -1 - lowest,
        "depth_hartree_error": lowest_error,
        "depth_hartree_exact": -1 - EXACT_ENERGY,
        "labels_rms_deviation_in_errors": float(np.sqrt(np.mean(((e - at_labels) / s) ** 2))),
        "largest_label_error_mhartree": 1e3 * float(s.max()),
        "learned_less_exact_rms_mhartree": 1e3 * float(np.sqrt(np.mean((curve - smooth) ** 2))),
    }


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1])), indent=1))  # noqa: T201
