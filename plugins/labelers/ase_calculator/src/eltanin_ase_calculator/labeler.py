"""The labeler: one fresh calculator for each structure, so that a label depends on nothing else."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import CalledProcessError
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

import numpy as np
from ase import Atoms
from ase.calculators.calculator import CalculationFailed, PropertyNotImplementedError, SCFError
from ase.calculators.emt import parameters as emt_parameters
from ase.data import chemical_symbols

from eltanin.batch import Properties
from eltanin.protocols import Evidence, Failure, Labels, Rng
from eltanin_ase_calculator.calculators import calculator_class, check_parameters, writes_files
from eltanin_ase_calculator.output import last_written
from eltanin_atoms.labelling import Answer, Evident, label_each
from eltanin_atoms.structures import Structures


@dataclass(frozen=True)
class AseCalculator:
    """Energy, forces and virial from a calculator of ASE.

    calculator: the name under which ASE registers it: emt, lj, gpaw, vasp, ….
    parameters: what its constructor takes, in ASE's units (eV, Å); a program's command and paths
    stand in ASE's own configuration.
    """

    domain: ClassVar[str] = "atoms"
    revision: ClassVar[int] = 1
    outside: ClassVar[tuple[str, ...]] = ("ase",)

    calculator: str = "emt"
    parameters: dict[str, float | int | str | bool] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check the settings, importing the calculator but running nothing."""
        calculator_class(self.calculator)
        check_parameters(self.calculator, self.parameters)

    def check(self, x: Structures) -> None:
        """Refuse elements that are not parametrised, and a calculator that cannot be set up."""
        present = {chemical_symbols[z] for z in np.unique(x.numbers.values)}
        if self.calculator == "emt" and (strange := sorted(present - emt_parameters.keys())):
            raise ValueError(
                f"EMT has no parameters for {', '.join(strange)}; it knows"
                f" {', '.join(emt_parameters)}. Choose another system or labeler.calculator."
            )
        try:
            with TemporaryDirectory(prefix="eltanin-") as folder:
                self._calculator(folder)
        except Exception as error:
            raise ValueError(
                f"calculator={self.calculator} with parameters={self.parameters} cannot be set up:"
                f" {type(error).__name__}: {error}. Correct the parameters, or ASE's configuration."
            ) from error

    def label(self, x: Structures, wanted: frozenset[str], rng: Rng) -> Labels[Properties]:
        """Return what the calculator implements; an error of it is a failure of that structure."""
        del rng  # the calculators' own settings decide
        return label_each(x, wanted, lambda one: self._answer(one.to_ase()[0], wanted))

    def _answer(self, atoms: Atoms, wanted: frozenset[str]) -> Evident | Failure:
        with TemporaryDirectory(prefix="eltanin-") as folder:
            try:
                atoms.calc = calculator = self._calculator(folder)
                return Evident(_evaluate(atoms, wanted), self._evidence(calculator))
            except MemoryError:  # it may have more of it another time: not for this labeler to say
                raise
            except Exception as error:
                return Failure(_kind(error), f"{type(error).__name__}: {error}", last_written(Path(folder)))

    def _calculator(self, folder: str) -> Any:
        """Return a fresh calculator; one that writes files does so in the folder."""
        kind = calculator_class(self.calculator)
        return kind(**({"directory": folder} if writes_files(kind) else {}), **self.parameters)

    def _evidence(self, calculator: Any) -> Evidence:
        """Return what was asked of which calculator, and whether it says that it converged."""
        settings = ", ".join(f"{key}={value!r}" for key, value in sorted(self.parameters.items()))
        told = getattr(calculator, "converged", None)
        converged = {"converged": bool(told)} if isinstance(told, bool | np.bool_) else {}
        return {"method": f"{type(calculator).__name__}({settings})", **converged}


def _kind(error: Exception) -> str:
    if isinstance(error, SCFError):
        return "unconverged"
    return "crash" if isinstance(error, CalculationFailed | CalledProcessError) else "error"


def _evaluate(atoms: Atoms, wanted: frozenset[str]) -> Answer:
    """Return what of energy (eV), forces (eV/Å) and virial = -V * stress (eV) there is."""
    calculator: Any = atoms.calc
    known = set(calculator.implemented_properties)
    answer: dict[str, np.ndarray] = {}
    if "energy" in wanted & known:
        answer["energy"] = np.array(atoms.get_potential_energy())
    if "forces" in wanted & known:
        answer["forces"] = np.array(atoms.get_forces())
    if "virial" in wanted and "stress" in known and atoms.pbc.all():
        with suppress(PropertyNotImplementedError):
            answer["virial"] = -atoms.get_volume() * atoms.get_stress(voigt=False)
    return answer
