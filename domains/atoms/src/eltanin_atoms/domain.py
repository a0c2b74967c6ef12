"""The atomic domain: what a campaign must know of structures, their labels and their files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from eltanin.batch import Column, Properties, Ragged, take, to_numpy
from eltanin.protocols import Failure, Labels, Predictor, Rng
from eltanin_atoms import files
from eltanin_atoms.deviation import force_deviation, force_error, force_errors, largest, rmse
from eltanin_atoms.flaws import Limits, flaws
from eltanin_atoms.quantities import QUANTITIES, TENSORS, tensor_deviation, tensor_error, undefined
from eltanin_atoms.refusals import refusals
from eltanin_atoms.structures import Structures
from eltanin_atoms.trial import trial
from eltanin_atoms.turning import turning_trial

# property: (what its error is called, in so many of the property's unit, divided by the number of atoms)
ERRORS = {
    "forces": ("force_rmse_mev_per_angstrom", 1000.0, False),
    "energy": ("energy_rmse_mev_per_atom", 1000.0, True),
    "virial": ("virial_rmse_mev_per_atom", 1000.0, True),
    "dipole": ("dipole_rmse_me_angstrom", 1000.0, False),
    "polarizability": ("polarizability_rmse_cubic_angstrom", 1.0, False),
}


@dataclass(frozen=True)
class Atoms(Limits):
    """Structures of atoms with energies, forces and virials, or with dipoles or polarizabilities.

    quantity: what is learned, and what deviations and errors are of: the potential (energy, forces, virial), the
    dipole or the polarizability of a structure.
    settled_dipoles: those of periodic and of charged structures are learned as they are: on one branch all of them, and
    counted from a point that moves along, such as the centre of nuclear charge.
    closest: nearer atoms are not labelled, in sums of covalent radii.
    distances: the same for some pairs of species apart, Å, as in {"H-O": 0.75}.
    thinnest: a periodic cell has at least so much between opposite faces, Å.
    flattest: it has at least this part of the volume of a right-angled one with the same edges.
    emptiest: atoms with more empty space between them, along an axis of the cell, have exploded, Å.
    most_atoms: a structure of more is not labelled.
    largest_force: a label with a larger force on any atom is refused, eV/Å.
    agreement: forces and virials agree with differences of energies to this part, or a labeler is not believed;
    none, and no labeler is tried.
    frame_distance: frames of one trajectory count as different from this far apart, fs.
    """

    domain: ClassVar[str] = "atoms"
    revision: ClassVar[int] = 1
    suffix: ClassVar[str] = ".extxyz"

    quantity: str = "potential"
    settled_dipoles: bool = False
    largest_force: float = 1000.0
    agreement: float | None = 0.1
    frame_distance: float = 20.0

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        if self.quantity not in QUANTITIES:
            raise ValueError(f"quantity={self.quantity}: there is {', '.join(QUANTITIES)}")
        if self.agreement is not None and not 0 < self.agreement < 1:
            raise ValueError(f"agreement={self.agreement}: give a part between 0 and 1, or null to try no labeler")
        if not self.largest_force > 0:
            raise ValueError(f"largest_force={self.largest_force} eV/Å would refuse every label: give a positive limit")
        if not self.frame_distance >= 0:
            raise ValueError(f"frame_distance={self.frame_distance} fs is not a time between frames: give 0 or more")

    @property
    def measure(self) -> str:
        """What deviations and errors are of, with the unit."""
        return QUANTITIES[self.quantity].measure

    @property
    def wanted(self) -> frozenset[str]:
        """The labels that are asked for."""
        return QUANTITIES[self.quantity].wanted

    def deviation(self, predictions: Sequence[Properties]) -> np.ndarray:
        """Return the largest force deviation over the atoms of each structure, (n,) eV/Å; or that of its tensor.

        Standard errors that predictions know of themselves (``sigma["forces"]``) are a part of it.
        """
        if self.quantity in TENSORS:
            return tensor_deviation(self.quantity, predictions)
        forces = [p.values["forces"] for p in predictions]
        per_atom = force_deviation([to_numpy(f.values) for f in forces], force_errors(predictions))
        return largest(per_atom, forces[0].counts)

    def error(self, predicted: Properties, labels: Properties) -> np.ndarray:
        """Return the largest error of a force over the atoms of each structure, (n,) eV/Å; or that of its tensor."""
        if self.quantity in TENSORS:
            return tensor_error(self.quantity, predicted, labels)
        result = np.full(len(labels), np.nan)
        known = np.flatnonzero(predicted.has("forces") & labels.has("forces"))
        if len(known):
            guess, truth = predicted.values["forces"][known], labels.values["forces"][known]
            per_atom = force_error(to_numpy(guess.values), to_numpy(truth.values))
            result[known] = largest(per_atom, truth.counts)
        return result

    def mean(self, predictions: Sequence[Properties]) -> Properties:
        """Return the committee's mean of every property."""
        first = predictions[0]
        return Properties(
            {name: _mean([p.values[name] for p in predictions]) for name in first.values},
            {name: np.all([p.has(name) for p in predictions], axis=0) for name in first.present},
        )

    def validation(self, x: Structures, predicted: Properties, labels: Properties) -> Mapping[str, float]:
        """Return root mean square errors of what is predicted, over all and by region, and the spread of tensors."""
        result = _errors(x, predicted, labels)
        if "region" in x.evidence:
            regions = to_numpy(x.evidence["region"])
            for region in sorted({str(r) for r in regions} - {""}):
                rows = np.flatnonzero(regions == region)
                part = _errors(x[rows], predicted[rows], labels[rows])
                result |= {f"{name}_{region}": value for name, value in part.items()}
        return result

    def different(self, x: Structures) -> int:
        """Count the structures, those of one trajectory only once in `frame_distance`."""
        if not {"trajectory", "time"} <= x.evidence.keys():
            return len(x)
        trajectory, time = (to_numpy(x.evidence[name]) for name in ("trajectory", "time"))
        region = to_numpy(x.evidence.get("region", np.zeros(len(x))))
        alone = ~np.isfinite(time) | (trajectory < 0)
        # Times are sums of time steps: a rounding error must not cost a frame.
        gap = self.frame_distance * (1 - 1e-6)
        last: dict[tuple[Any, Any], float] = {}
        count = int(alone.sum())
        for i in np.flatnonzero(~alone)[np.argsort(time[~alone], kind="stable")]:
            place = (region[i], trajectory[i])
            if time[i] - last.get(place, -np.inf) >= gap:
                last[place] = float(time[i])
                count += 1
        return count

    def flaws(self, x: Structures) -> Mapping[int, Failure]:
        """Return the structures that no labeler should be asked: no matter, no cell, no such quantity."""
        return {**undefined(x, self.quantity, self.settled_dipoles), **flaws(x, self)}

    def refusals(self, x: Structures, labels: Properties) -> Mapping[int, Failure]:
        """Return the labels that no model may learn: ill-shaped, non-finite, absurdly large."""
        needed = (self.quantity,) if self.quantity in TENSORS else ("energy", "forces")
        return refusals(x, labels, self.largest_force, needed)

    def trial(self, x: Structures, ask: Callable[[Structures], Labels[Properties]], rng: Rng) -> str:
        """Return why not to believe a labeler whose forces or virials are no derivatives of its energies, or nothing.

        It takes about five labels, of one of the smallest structures and of four beside it. A tensor is tried by
        turning a structure, two labels: it has to turn along.
        """
        if self.agreement is None:
            return ""
        if self.quantity in TENSORS:
            return turning_trial(self.quantity, x, ask, self.flaws, self.agreement, rng)
        return trial(x, ask, self.flaws, self.agreement, rng)

    def write(self, path: Path, x: Structures, labels: Properties) -> None:
        """Write structures and labels as extended XYZ, or as deepmd/npy where there is no suffix."""
        files.write(path, x, labels)

    def read(self, path: Path) -> tuple[Structures, Properties]:
        """Read extended XYZ, CIF, POSCAR or deepmd/npy; the name says which."""
        return files.read(path)

    def calculator(self, committee: Sequence[Predictor[Structures, Properties]], drivers: int | None = None) -> Any:
        """Return an ASE calculator of a committee; drivers: members whose mean it is, all unless told."""
        if self.quantity in TENSORS:
            raise ValueError(
                f"a model of the {self.quantity} has no forces, which an ASE calculator is for: ask the members of"
                " eltanin.committee(RUN) by predict(structures)"
            )
        from eltanin_atoms.calculator import CommitteeCalculator

        return CommitteeCalculator(committee, drivers)

    def panels(self, run: Any) -> Sequence[Any]:
        """Return the atomic sections of a report."""
        from eltanin_atoms.panels import panels

        return panels(run)


def _mean(columns: Sequence[Column]) -> Column:
    first = columns[0]
    if isinstance(first, Ragged):
        return Ragged(_mean([c.values for c in columns]), first.counts)
    return sum(columns[1:], start=first) / len(columns)


def _errors(x: Structures, predicted: Properties, labels: Properties) -> dict[str, float]:
    result = {}
    for name, (key, factor, shared) in ERRORS.items():
        known = np.flatnonzero(predicted.has(name) & labels.has(name))
        if len(known):
            guess, truth = (_flat(take(p.values[name], known)) for p in (predicted, labels))
            per = x.counts[known].reshape(-1, *[1] * (truth.ndim - 1)) if shared else 1.0
            result[key] = factor * rmse((guess - truth) / per)
            if name in TENSORS:  # the error of who always says the mean
                result[key.replace("_rmse_", "_spread_")] = factor * rmse(truth - truth.mean(axis=0))
    return result


def _flat(column: Column) -> np.ndarray:
    return to_numpy(column.values if isinstance(column, Ragged) else column).astype(float)
