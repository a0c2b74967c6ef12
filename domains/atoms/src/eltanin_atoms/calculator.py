"""A committee of predictors as an ASE calculator, for molecular dynamics and relaxation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from ase.stress import full_3x3_to_voigt_6_stress

from eltanin.batch import Properties, to_numpy
from eltanin.protocols import Predictor
from eltanin_atoms.deviation import force_deviation, force_errors
from eltanin_atoms.structures import Structures


class CommitteeCalculator(Calculator):
    """Energy, forces and stress of a committee, and how far its members deviate.

    The first ``drivers`` members drive: their mean energy, forces and stress are the results (one
    makes the fastest dynamics; None, all). ``results["force_deviation"]``, the largest over the
    atoms in eV/Å, and ``results["force_deviations"]``, one per atom, are there if all drive; else they
    are worked out only when they are asked for, and then each remaining member is evaluated once.
    """

    implemented_properties = [  # noqa: RUF012 (ASE declares it so)
        "energy", "free_energy", "forces", "stress", "force_deviation", "force_deviations",
    ]  # fmt: skip

    def __init__(self, committee: Sequence[Predictor[Structures, Properties]], drivers: int | None = 1) -> None:
        """Take a committee, of one member at least."""
        super().__init__()
        if not committee:
            raise ValueError("an empty committee predicts nothing: give at least one predictor")
        self.committee = list(committee)
        self.drivers = len(self.committee) if drivers is None else drivers
        if not 1 <= self.drivers <= len(self.committee):
            raise ValueError(f"drivers={drivers}, but there are {len(self.committee)} members")
        self._predictions: list[Properties] = []
        self.use_cache = False  # `calculate` itself keeps a copy of the atoms; one is enough

    def check_state(self, atoms: Atoms, tol: float = 0.0) -> list[str]:
        """Return what differs from the atoms that were evaluated: exactly, for that is also faster."""
        del tol
        last: Any = self.atoms
        if last is None:
            return list(all_changes)
        now, before = _configuration(atoms), _configuration(last)
        return [name for name, value in now.items() if not np.array_equal(value, before[name])]

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = tuple(all_changes),
    ) -> None:
        """Evaluate the members that are needed and have not been for these atoms."""
        if atoms is not None:
            self.atoms = atoms.copy()
        if system_changes:
            self._predictions, self.results = [], {}
        x = Structures.one(**_configuration(self.atoms))
        self._evaluate(x, self.drivers)
        driving = self._predictions[: self.drivers]
        energy = float(np.mean([to_numpy(p.values["energy"])[0] for p in driving]))
        self.results |= {"energy": energy, "free_energy": energy, "forces": _mean_forces(driving)}
        if all(p.has("virial")[0] for p in driving) and (volume := float(x.volume[0])) > 0:
            virial = np.mean([to_numpy(p.values["virial"])[0] for p in driving], axis=0)
            self.results["stress"] = full_3x3_to_voigt_6_stress(-virial / volume)
        if {"force_deviation", "force_deviations"} & set(properties):
            self._evaluate(x, len(self.committee))
        if len(self._predictions) == len(self.committee):
            self.results |= self._deviation()

    def _evaluate(self, x: Structures, members: int) -> None:
        for predictor in self.committee[len(self._predictions) : members]:
            self._predictions.append(predictor.predict(x))

    def _deviation(self) -> dict[str, Any]:
        forces = [to_numpy(p.values["forces"].values) for p in self._predictions]
        per_atom = force_deviation(forces, force_errors(self._predictions))
        largest = float(per_atom.max()) if len(per_atom) else np.nan  # a member may have no forces to give
        return {"force_deviation": largest, "force_deviations": per_atom}


def _configuration(atoms: Any) -> dict[str, Any]:
    """Return what a configuration is, by the names that `Structures.one` and ASE have for it."""
    return {
        "numbers": atoms.numbers,
        "positions": atoms.positions,
        "cell": atoms.cell.array,
        "pbc": atoms.pbc,
        "charge": float(atoms.info.get("charge", 0.0)),
        "spin": int(atoms.info.get("spin", -1)),
    }


def _mean_forces(predictions: Sequence[Properties]) -> np.ndarray:
    forces = [to_numpy(p.values["forces"].values).astype(float) for p in predictions]
    return np.mean(forces, axis=0)
