"""The labeler of molecules."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from ase import units

from eltanin.batch import Properties
from eltanin.protocols import Failure, Labels, Rng
from eltanin_atoms.labelling import Evident, label_each
from eltanin_atoms.structures import Structures
from eltanin_pyscf_dft import derivatives, perturbed
from eltanin_pyscf_dft.atoms import atomic_energies
from eltanin_pyscf_dft.estimate import gigabytes, lacking
from eltanin_pyscf_dft.ladder import Unconverged, climbed
from eltanin_pyscf_dft.level import Level
from eltanin_pyscf_dft.molecules import electrons_of, molecule_of, unsuitable
from eltanin_pyscf_dft.resources import available, workplace
from eltanin_pyscf_dft.stability import examined

LAST = 20  # lines of PySCF's log that a failure shows


@dataclass(frozen=True)
class PyscfMolecule(Level):
    """Energy, forces, dipole and polarisability of molecules by PySCF.

    method: KS or HF (restricted where all electrons are paired, else unrestricted), RKS, UKS, RHF, UHF, or MP2.
    xc: functional, by its name in libxc.  basis: by its name in PySCF, with its core potentials.
    cartesian: six d functions instead of five, as the tables of 6-31G* have them.
    dispersion: d3bj, d3zero or d4 (needs pyscf-dispersion).
    density_fit: auxiliary basis that Coulomb and exchange are fitted with, such as def2-universal-jkfit; none, no fit.
    charge: of every molecule, e; none, each structure's own.
    spin: unpaired electrons of every molecule; none, each structure's own, or the fewest.
    grid: of the functional, PySCF's level 0 to 9.
    grid_response: forces count in that the grid moves with the atoms, and are the energy's exact derivatives.
    conv_tol: of the energy, hartree; that of the orbitals' gradient is its root.
    max_cycle: iterations of each remedy.
    ladder: remedies in order: diis, damping, level_shift, newton, smearing, other_guess.
    stability: when orbitals are examined for a lower energy beside them, which is followed, or refused where restricted
    ones would rather part (a bond breaks): always, never, or with a small_gap, which costs nothing elsewhere.
    memory: of one label, GB; a structure that needs more is refused.
    atomic_energies: the evidence tells the energies of the isolated atoms.
    """

    domain: ClassVar[str] = "atoms"
    revision: ClassVar[int] = 1
    outside: ClassVar[tuple[str, ...]] = ("pyscf",)

    memory: float = field(default=4.0, metadata={"method": False})
    atomic_energies: bool = field(default=True, metadata={"method": False})

    def __post_init__(self) -> None:
        """Check the settings, importing PySCF but calculating nothing."""
        super().__post_init__()
        if not 0 < self.memory < np.inf:
            raise ValueError(f"memory={self.memory} GB: give what one label may take, above 0")

    def check(self, x: Structures) -> None:
        """Refuse structures that no label can be had of: wrong electrons, elements without a basis, too large."""
        seen: set[Any] = set()
        for i in range(len(x)):
            one = x[np.array([i])]
            if failure := self._unsuitable(one):
                raise ValueError(f"structure {i}: {failure.message}")
            made_of = (tuple(sorted(one.numbers.values.tolist())), *electrons_of(one, self.charge, self.spin))
            if made_of not in seen:
                seen.add(made_of)
                mol = molecule_of(one, self, io.StringIO())
                needed = gigabytes(self, mol)
                if needed > self.memory:
                    raise ValueError(f"structure {i}: {lacking(mol, needed, self.memory)}")

    def label(self, x: Structures, wanted: frozenset[str], rng: Rng) -> Labels[Properties]:
        """Return energies and what else is wanted; a field that does not converge is a failure of that structure."""
        del rng  # every guess is a function of the molecule
        return label_each(x, wanted, lambda one: self._answer(one, wanted))

    def _unsuitable(self, one: Structures) -> Failure | None:
        if failure := unsuitable(one, self.charge, self.spin):
            return failure
        electrons, unpaired = electrons_of(one, self.charge, self.spin)
        if unpaired and self.theory.restricted:
            told = f"method={self.method} pairs all electrons, and {unpaired} of {electrons} are unpaired"
            return Failure("unphysical", f"{told}: choose method={self.method[1:]}, or correct charge or spin")
        return None

    def _answer(self, one: Structures, wanted: frozenset[str]) -> Evident | Failure:
        if failure := self._unsuitable(one):
            return failure
        log = io.StringIO()
        with workplace(log):
            try:
                mol = molecule_of(one, self, log)
            except ValueError as error:
                return Failure("unknown", str(error))
            memory = available(self.memory)
            if (needed := gigabytes(self, mol)) > memory:
                return Failure("memory", lacking(mol, needed, memory))
            try:
                solved = solve(self, mol, wanted, memory)
            except Unconverged as error:
                return Failure("unconverged", str(error), last(log))
            if isinstance(solved, Failure):
                return solved._replace(output=last(log))
            return self._with_atoms(solved, one)

    def _with_atoms(self, solved: Evident, one: Structures) -> Evident:
        if not self.atomic_energies:
            return solved
        atoms = atomic_energies(self, np.unique(one.numbers.values).tolist(), self.memory)
        return Evident(solved.answer, {**solved.evidence, "atoms": atoms})


def last(log: io.StringIO) -> str:
    """Return the last lines that PySCF wrote."""
    return "\n".join(log.getvalue().splitlines()[-LAST:])


def solve(level: Level, mol: Any, wanted: frozenset[str], memory: float) -> Evident | Failure:
    """Return the energy of a molecule and what else is wanted, in eV and Å, or why there is none."""

    def make() -> Any:
        return level.mean_field(mol, memory)

    climb = climbed(make, level.ladder)
    if not climb.converged:
        return Failure("unconverged", f"no self-consistent field within {level.max_cycle} cycles each of {climb.told}")
    restricted = level.restricted(mol.spin)
    state, followed = climb.field, 0
    if examines := level.examines(gap(state)):
        state, followed, failure = examined(state, make, restricted)
        if failure:
            return failure
    evidence = {
        "method": level.told,
        "converged": True,
        "rung": climb.rung,
        "tried": list(climb.tried),
        "examined": examines,
        "followed": followed,
        **character(state, restricted),
    }
    answer, how = properties(level, make, state, wanted)
    return Evident(answer, {**evidence, **how})


def character(state: Any, restricted: bool) -> dict[str, Any]:
    """Return what tells an odd state: the gap between orbitals (eV), and <S^2> where spins are apart."""
    told: dict[str, Any] = {"gap_ev": gap(state)} if np.isfinite(gap(state)) else {}
    if not restricted:
        found = float(state.spin_square()[0])
        spin = state.mol.spin / 2
        told |= {"s2": found, "s2_pure": spin * (spin + 1)}
    return told


def gap(state: Any) -> float:
    """Return the gap between occupied and empty orbitals, of the same spin, eV; infinite if none are empty."""
    paired = np.asarray(state.mo_occ).ndim == 1
    spins = [(state.mo_occ, state.mo_energy)] if paired else zip(state.mo_occ, state.mo_energy, strict=True)
    gaps = [e[occ == 0].min() - e[occ > 0].max() for occ, e in spins if (occ == 0).any() and (occ > 0).any()]
    return float(min(gaps)) * units.Hartree if gaps else np.inf


def properties(
    level: Level, make: Any, state: Any, wanted: frozenset[str]
) -> tuple[Mapping[str, np.ndarray], dict[str, str]]:
    """Return what is wanted of a converged state, and how what is not the energy was reached."""
    theory = level.theory
    top = perturbed.correlated(state) if theory.perturbed else state
    answer: dict[str, np.ndarray] = {"energy": np.array(top.e_tot * units.Hartree)}
    how: dict[str, str] = {}
    if "forces" in wanted:
        answer["forces"] = derivatives.forces(top, level.grid_response) * (units.Hartree / units.Bohr)
        how["forces"] = "analytic" + (", without the response of the grid" if ignores_grid(level) else "")
    if "dipole" in wanted:
        moment = perturbed.dipole(make) if theory.perturbed else derivatives.dipole(state)
        answer["dipole"] = moment * units.Bohr
        how["dipole"] = "differences of the energy in a field" if theory.perturbed else "of the density"
    if "polarizability" in wanted and not theory.perturbed:
        answer["polarizability"] = derivatives.polarisability(state) * units.Bohr**3
        how["polarizability"] = "coupled-perturbed equations"
    return answer, how


def ignores_grid(level: Level) -> bool:
    """Say whether forces leave out that the grid moves."""
    return level.theory.kohn_sham and not level.grid_response
