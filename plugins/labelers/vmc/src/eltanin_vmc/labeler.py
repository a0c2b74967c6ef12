"""The labeler: a campaign of variational Monte Carlo for every structure."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.metadata import version
from math import isfinite
from typing import Any, ClassVar

import numpy as np
from ase import units
from ase.data import chemical_symbols

from eltanin.batch import Properties, fingerprints
from eltanin.protocols import Failure, Labels, Rng
from eltanin.registry import load
from eltanin_atoms.labelling import Evident, label_each
from eltanin_atoms.structures import Structures
from eltanin_vmc.inner import PARTS, campaign, ground_state, made
from eltanin_walkers.evaluation import Energy
from eltanin_walkers.systems.molecule import Molecule

HYDROGEN = Molecule("H 0 0 0")  # what settings are tried on
MIXED = 1.1  # R-hat; above it walkers disagree with each other, and no error bar is to be believed
TOLD = ("energy", "energy_error", "variance", "acceptance", "autocorrelation", "r_hat")


@dataclass(frozen=True)
class Vmc:
    """Energies of molecules by variational Monte Carlo, each with its standard error; no forces.

    ansatz: form of the wave function, by its name in `model/ansatz`.
    settings: of that form, by name.
    start: what the wave function begins with, by its name in `model/start`; none, its own first guess.
    walkers: independent chains.
    steps: moves of each in a round.
    rounds: of training, each a step of the optimizer.
    rate: of learning at the beginning, 1/hartree.
    damping: of the natural gradient.
    evaluations: rounds in which the energy is measured, when nothing changes any more.
    largest_error: a standard error above it is a failure, eV.
    seed: other numbers give other walkers to every structure.
    """

    domain: ClassVar[str] = "atoms"
    revision: ClassVar[int] = 1
    outside: ClassVar[tuple[str, ...]] = ()

    ansatz: str = "determinants"
    settings: dict[str, Any] = field(default_factory=dict[str, Any])
    start: str | None = None
    walkers: int = 256
    steps: int = 10
    rounds: int = 300
    rate: float = 0.1
    damping: float = 1e-4
    evaluations: int = 200
    largest_error: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse settings of which no energy can come, before one is asked for."""
        if self.rounds < 1:
            raise ValueError(f"rounds={self.rounds}: a wave function is trained in 1 round or more")
        if not (isfinite(self.largest_error) and self.largest_error > 0):
            raise ValueError(f"largest_error={self.largest_error} eV would refuse every label: give a number above 0")
        if self.seed < 0:
            raise ValueError(f"seed={self.seed}: give a number from 0 on")
        self._campaign(HYDROGEN, self.seed)
        self._evaluation()

    def contents(self) -> dict[str, int | str]:
        """Return the revisions of the parts that make a label, and the versions of the code outside that they name."""
        forms = [("model/ansatz", self.ansatz), *([("model/start", self.start)] if self.start else [])]
        parts = {f"{group}={name}": load(group, name) for group, name in (*PARTS, *forms)}
        outside = {name for part in parts.values() for name in getattr(part, "outside", ())}
        revisions = {said: getattr(part, "revision", 1) for said, part in parts.items()}
        return {**revisions, **{name: version(name) for name in sorted(outside)}}

    def check(self, x: Structures) -> None:
        """Refuse structures that are no molecules."""
        for i in range(len(x)):
            if failure := unsuitable(x[np.array([i])]):
                raise ValueError(f"structure {i}: {failure.message}")

    def label(self, x: Structures, wanted: frozenset[str], rng: Rng) -> Labels[Properties]:
        """Return energies and their standard errors; walkers depend on the structure alone."""
        del rng  # which would make a label depend on the batch that it was asked in
        return label_each(x, wanted, self._answer)

    def _answer(self, one: Structures) -> Evident | Failure:
        if failure := unsuitable(one):
            return failure
        seed = int(fingerprints(one)[0][:12], 16) + self.seed
        found = ground_state(self._campaign(molecule_of(one), seed), self.rounds, self._evaluation())
        told = {name: float(found[name]) for name in TOLD}
        error = told["energy_error"] * units.Hartree
        if not error <= self.largest_error or not told["r_hat"] < MIXED or found["walkers_lost"]:
            return Failure(
                "unconverged",
                f"{told['energy']:.6g} hartree with a standard error of {error:.3g} eV, R-hat {told['r_hat']:.3f} and"
                f" {found['walkers_lost']:.0f} walkers lost, and no more than {self.largest_error:g}, {MIXED} and 0 are"
                " believed: raise labeler.rounds, labeler.evaluations or labeler.walkers",
            )
        answer = {"energy": np.array(told["energy"] * units.Hartree), "energy_error": np.array(error)}
        return Evident(answer, {"method": f"variational Monte Carlo, {self.ansatz}", "converged": True, **told})

    def _campaign(self, system: Molecule, seed: int) -> Any:
        ansatz = made("model/ansatz", self.ansatz, system, self.settings, "settings")
        start = made("model/start", self.start, system, {}, "start") if self.start else None
        explorer = {"walkers": self.walkers, "steps": self.steps}
        return campaign(system, ansatz, start, explorer, {"rate": self.rate, "damping": self.damping}, seed)

    def _evaluation(self) -> Energy:
        return Energy(rounds=self.evaluations)


def unsuitable(one: Structures) -> Failure | None:
    """Return why a single structure is no molecule whose electrons could walk, or none."""
    if one.pbc.any():
        return Failure("unknown", "the structure is periodic, and labeler=vmc takes molecules: set pbc all false")
    charge = float(one.charge[0])
    if charge != round(charge):
        return Failure("unphysical", f"a charge of {charge:g} is no whole number of electrons")
    try:
        molecule_of(one)
    except ValueError as error:
        return Failure("unphysical", str(error))
    return None


def molecule_of(one: Structures) -> Molecule:
    """Return the electrons of a single structure."""
    rows = zip(one.numbers.values.tolist(), (one.positions.values / units.Bohr).tolist(), strict=True)
    atoms = "; ".join(f"{chemical_symbols[z]} {x!r} {y!r} {w!r}" for z, (x, y, w) in rows)
    spin = int(one.spin[0])
    system = Molecule(atoms, charge=round(float(one.charge[0])), spin=None if spin < 0 else spin)
    _ = system.geometry  # which is what refuses atoms that are none
    return system
