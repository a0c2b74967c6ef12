"""The labeler: one fresh calculator for each structure, so that a label depends on nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

import numpy as np
from ase import Atoms
from ase.calculators.calculator import PropertyNotImplementedError, SCFError
from ase.calculators.emt import parameters as emt_parameters
from ase.data import chemical_symbols

from eltanin.batch import Properties
from eltanin.protocols import Failure, Labels, Rng
from eltanin_ase_calculator.calculators import calculator_class, check_parameters, writes_files
from eltanin_atoms.labelling import Answer, label_each
from eltanin_atoms.screening import flaw
from eltanin_atoms.structures import Structures


@dataclass(frozen=True)
class AseCalculator:
    """Energy, forces and virial from a calculator of ASE.

    calculator: the name under which ASE registers it: emt, lj, gpaw, vasp, ….
    parameters: what its constructor takes, in ASE's units (eV, Å); a program's command and paths
    stand in ASE's own configuration.  closest: nearer atoms are a failure, in sums of covalent radii.
    """

    domain: ClassVar[str] = "atoms"
    revision: ClassVar[int] = 1
    outside: ClassVar[tuple[str, ...]] = ("ase",)

    calculator: str = "emt"
    parameters: dict[str, float | int | str | bool] = field(default_factory=dict)
    closest: float = 0.5

    def __post_init__(self) -> None:
        """Check the settings, importing the calculator but running nothing."""
        calculator_class(self.calculator)
        check_parameters(self.calculator, self.parameters)
        if not 0 < self.closest < 1:
            raise ValueError(f"closest={self.closest}: give a fraction of the sum of covalent radii, between 0 and 1")

    def check(self, x: Structures) -> None:
        """Refuse elements that are not parametrised, and a calculator that cannot be set up."""
        present = {chemical_symbols[z] for z in np.unique(x.numbers.values)}
        if self.calculator == "emt" and (strange := sorted(present - emt_parameters.keys())):
            raise ValueError(
                f"EMT has no parameters for {', '.join(strange)}; it knows"
                f" {', '.join(emt_parameters)}. Choose another system or labeler.calculator."
            )
        try:
            with self._calculator():
                pass
        except Exception as error:
            raise ValueError(
                f"calculator={self.calculator} with parameters={self.parameters} cannot be set up:"
                f" {type(error).__name__}: {error}. Correct the parameters, or ASE's configuration."
            ) from error

    def label(self, x: Structures, wanted: frozenset[str], rng: Rng) -> Labels[Properties]:
        """Return what the calculator implements; an error of it is a failure of that structure."""
        del rng  # the calculators' own settings decide

        def answer(one: Structures) -> Answer | Failure:
            return flaw(one, self.closest) or self._answer(one.to_ase()[0], wanted)

        return label_each(x, wanted, answer)

    def _answer(self, atoms: Atoms, wanted: frozenset[str]) -> Answer | Failure:
        try:
            with self._calculator() as atoms.calc:
                return _evaluate(atoms, wanted)
        except SCFError as error:
            return Failure("unconverged", str(error))
        except Exception as error:
            return Failure("crash", f"{type(error).__name__}: {error}")

    @contextmanager
    def _calculator(self) -> Iterator[Any]:
        """Give a fresh calculator; one that writes files does so in a folder of its own."""
        kind = calculator_class(self.calculator)
        if not writes_files(kind):
            yield kind(**self.parameters)
            return
        with TemporaryDirectory(prefix="eltanin-") as folder:
            yield kind(directory=folder, **self.parameters)


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
