"""The labeler of crystals."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from ase import units

from eltanin.batch import Properties
from eltanin.protocols import Failure, Labels, Rng
from eltanin_atoms.labelling import Evident, label_each
from eltanin_atoms.structures import Structures
from eltanin_pyscf_dft import crystal_derivatives as derivatives
from eltanin_pyscf_dft.cells import cell_of, electrons_of, not_a_crystal, symbols_of
from eltanin_pyscf_dft.crystal_atoms import atomic_energies
from eltanin_pyscf_dft.crystal_estimate import gigabytes, lacking
from eltanin_pyscf_dft.crystal_level import CrystalLevel, weighed
from eltanin_pyscf_dft.kpoints import divisions, mesh_of
from eltanin_pyscf_dft.ladder import climbed
from eltanin_pyscf_dft.molecule import last
from eltanin_pyscf_dft.resources import available, workplace

WHOLE = 1e-6  # an electron that is broken by more than that says that there is no gap
DERIVED = ("analytic", "analytic; kinetic, overlap, nonlocal and Ewald integrals by differences of strain")


@dataclass(frozen=True)
class PyscfCrystal(CrystalLevel):
    """Energy, forces and virial of crystals without magnetism by PySCF: Kohn–Sham with GTH pseudopotentials.

    xc: local or gradient-corrected functional, by its name in libxc.
    basis: Gaussians by their name in PySCF: gth-szv (coarse), gth-dzvp, gth-tzvp, gth-dzvp-molopt-sr, ….
    pseudopotential: gth-pbe, gth-pade (local density), gth-blyp, …; it should be made for the functional.
    cutoff: of the plane waves that the density is expanded in, eV; at least 330 times the basis' largest exponent,
    better 700 times (1/bohr^2).
    kpoint_spacing: largest distance of k-points along each reciprocal vector, 1/Å, 2 pi included.
    centred: k-points include the zone's centre; otherwise even numbers of them are displaced from it.
    smearing: width kT of occupations after Fermi and Dirac, eV; the label is the free energy then. 0: whole electrons.
    conv_tol: of the energy of a cell, hartree; that of the orbitals' gradient is its root.
    max_cycle: iterations of each remedy.  ladder: remedies in order: diis, damping, level_shift.
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
        """Refuse structures that no label can be had of: not periodic, elements without a table, far too large."""
        for i in range(len(x)):
            if failure := self._unsuitable(x[np.array([i])], self.memory):
                raise ValueError(f"structure {i}: {failure.message}")

    def label(self, x: Structures, wanted: frozenset[str], rng: Rng) -> Labels[Properties]:
        """Return energies and what else is wanted; a field that does not converge is a failure of that structure."""
        del rng  # every guess is a function of the crystal
        return label_each(x, wanted, lambda one: self._answer(one, wanted))

    def _unsuitable(self, one: Structures, memory: float) -> Failure | None:
        """Return why a single structure has no label, or none."""
        if failure := not_a_crystal(one):
            return failure
        try:
            electrons, least = electrons_of(one, self.pseudopotential), self.least_cutoff(symbols_of(one))
            needed = gigabytes(self, one, memory)
        except ValueError as error:  # an element that is in no table
            return Failure("unknown", str(error))
        if self.cutoff < least:
            told = (
                f"cutoff={self.cutoff:g} eV is too small for {self.basis} of {', '.join(sorted(set(symbols_of(one))))}"
            )
            return Failure("unknown", f"{told}: give {least:.0f} or more, better {25 / 12 * least:.0f}")
        waves = int(np.prod(divisions(np.asarray(one.cell[0]), self.kpoint_spacing)))
        if electrons % 2 and (not self.smearing or waves % 2):
            told = f"{electrons} valence electrons in a cell cannot all be paired"
            return Failure(
                "unphysical", f"{told}: give smearing, and a k-point mesh of an even number, or twice the cell"
            )
        return Failure("memory", lacking(self, one, needed, memory)) if needed > memory else None

    def _answer(self, one: Structures, wanted: frozenset[str]) -> Evident | Failure:
        log = io.StringIO()
        with workplace(log):
            memory = available(self.memory)
            if failure := self._unsuitable(one, memory):
                return failure
            cell = cell_of(one, self.basis, self.pseudopotential, self.cutoff, log)
            counts = divisions(np.asarray(one.cell[0]), self.kpoint_spacing)
            solved = solve(self, cell, counts, wanted, memory)
            if isinstance(solved, Failure):
                return solved._replace(output=last(log))
            return self._with_atoms(solved, one)

    def _with_atoms(self, solved: Evident, one: Structures) -> Evident:
        if not self.atomic_energies:
            return solved
        return Evident(solved.answer, {**solved.evidence, "atoms": atomic_energies(self, symbols_of(one))})


def solve(
    level: CrystalLevel, cell: Any, counts: tuple[int, int, int], wanted: frozenset[str], memory: float
) -> Evident | Failure:
    """Return the energy of a cell and what else is wanted, in eV and Å, or why there is none."""
    kpts = mesh_of(cell, counts, level.centred)
    climb = climbed(lambda: level.mean_field(cell, kpts, memory), level.ladder)
    if not climb.converged:
        return Failure("unconverged", f"no self-consistent field within {level.max_cycle} cycles each of {climb.told}")
    state = climb.field
    if not level.smearing and (failure := without_gap(state)):
        return failure
    evidence = {
        "method": level.told,
        "converged": True,
        "rung": climb.rung,
        "tried": list(climb.tried),
        "kpoints": list(counts),
        "grid": [int(n) for n in cell.mesh],
        **filling(level, state),
    }
    answer = {"energy": np.array(energy(level, state) * units.Hartree)}
    if wanted & {"forces", "virial"}:
        gradient = derivatives.gradients(weighed(level, state, memory))
        if "forces" in wanted:
            answer["forces"] = derivatives.forces(gradient) * (units.Hartree / units.Bohr)
            evidence["forces"] = DERIVED[0]
        if "virial" in wanted:
            answer["virial"] = -cell.vol * derivatives.stress(gradient) * units.Hartree
            evidence["virial"] = DERIVED[1]
    return Evident(answer, evidence)


def energy(level: CrystalLevel, state: Any) -> float:
    """Return the energy that forces are derivatives of, hartree: with smearing, the free energy E - T S."""
    return float(state.e_free if level.smearing else state.e_tot)


def without_gap(state: Any) -> Failure | None:
    """Return why whole electrons are no state of this crystal, or none.

    Where the highest filled level is as high as the lowest empty one, which of the two is filled is chance, and of
    levels of k and -k one would be filled: PySCF then counts an electron too many or too few.
    """
    kpts = state.kpts
    counted = sum(weight * float(np.sum(one)) for weight, one in zip(kpts.weights_ibz, state.mo_occ, strict=True))
    electrons = int(state.cell.nelectron)
    if abs(counted - electrons) < WHOLE and gap_of(state) > 0:
        return None
    told = f"no gap: {electrons} electrons cannot be whole, and were counted as {counted:.3f}"
    return Failure("unphysical", f"{told}: give labeler.smearing, such as 0.1 eV")


def gap_of(state: Any) -> float:
    """Return the lowest empty level above the highest filled one, eV; infinite where all are filled."""
    energies, occupied = np.concatenate(list(state.mo_energy)), np.concatenate(list(state.mo_occ))
    empty = energies[occupied < WHOLE]
    return float(empty.min() - energies[occupied > WHOLE].max()) * units.Hartree if len(empty) else np.inf


def filling(level: CrystalLevel, state: Any) -> dict[str, Any]:
    """Return how levels are filled: the gap between whole electrons, or what smearing has done to the energy, eV.

    energy_zero: (E + E - T S) / 2, which is nearer to the energy without smearing than both, and whose derivatives
    the forces are not.
    """
    if level.smearing:
        return {"entropy_ev": float(state.e_tot - state.e_free) * units.Hartree,
                "energy_zero_ev": float(state.e_zero) * units.Hartree}  # fmt: skip
    return {"gap_ev": gap_of(state)}
