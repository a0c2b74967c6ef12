"""The level of theory for crystals: its settings, and the mean field of PySCF that they make."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.metadata import version
from math import isfinite
from typing import Any

import numpy as np
from ase import units

from eltanin_pyscf_dft import pseudopotentials as tables
from eltanin_pyscf_dft.closed import pyscf
from eltanin_pyscf_dft.functional import check_functional, library_version
from eltanin_pyscf_dft.ladder import check_ladder
from eltanin_pyscf_dft.orbitals import Orbitals, kept_bytes
from eltanin_pyscf_dft.periodic import pbc
from eltanin_pyscf_dft.resources import megabytes

CRYSTAL_LADDER = ("diis", "damping", "level_shift")
COARSEST = 12.0  # cutoff in hartree, in units of the largest exponent: below it energies are off by 0.1 meV and more
SOUND = 25.0  # from here on a crystal that moves over the mesh keeps its energy to some 0.01 meV
KEPT = 0.4  # of the memory may go into basis functions that are kept


@dataclass(frozen=True)
class CrystalLevel:
    """A level of theory. The settings are told where they are set, in `eltanin_pyscf_dft.crystal.PyscfCrystal`."""

    xc: str = "pbe"
    basis: str = "gth-dzvp"
    pseudopotential: str = "gth-pbe"
    cutoff: float = 1100.0
    kpoint_spacing: float = 0.3
    centred: bool = True
    smearing: float = 0.0
    conv_tol: float = 1e-9
    max_cycle: int = 60
    ladder: list[str] = field(default_factory=lambda: list(CRYSTAL_LADDER))

    def __post_init__(self) -> None:
        """Check the settings."""
        for name, unit in (("cutoff", "eV"), ("kpoint_spacing", "1/Å")):
            if not (isfinite(getattr(self, name)) and getattr(self, name) > 0):
                raise ValueError(f"{name}={getattr(self, name)} {unit}: give a number above 0")
        if not 0 <= self.smearing < np.inf:
            raise ValueError(f"smearing={self.smearing} eV: give 0 for whole electrons, or a width such as 0.1")
        if not (isfinite(self.conv_tol) and 1e-14 <= self.conv_tol <= 1e-6):
            raise ValueError(f"conv_tol={self.conv_tol} hartree: give 1e-6 (forces to 1e-2 eV/Å) or less, to 1e-14")
        if self.max_cycle < 1:
            raise ValueError(f"max_cycle={self.max_cycle}: nothing converges without an iteration: give 1 or more")
        check_ladder(self.ladder)
        if strange := [rung for rung in self.ladder if rung not in CRYSTAL_LADDER]:
            raise ValueError(f"ladder has {', '.join(strange)}: crystals know {', '.join(CRYSTAL_LADDER)}")
        self._check_names()

    def _check_names(self) -> None:
        tables.table("basis", self.basis)
        tables.table("pseudopotential", self.pseudopotential)
        check_functional(self.xc)
        library = pyscf.dft.libxc
        if library.is_hybrid_xc(self.xc) or library.xc_type(self.xc) not in ("LDA", "GGA"):
            raise ValueError(
                f"xc={self.xc}: forces and stress of crystals are there for local and gradient-corrected functionals"
                " alone (lda,vwn, pbe, pbesol, blyp …), without exact exchange and without the kinetic energy density"
            )

    @property
    def told(self) -> str:
        """The method in one line: the same for all structures of a campaign."""
        parts = [
            f"KS {self.xc}/{self.basis}/{self.pseudopotential}",
            f"mesh to {self.cutoff:g} eV",
            f"k-points within {self.kpoint_spacing:g}/Å {'with' if self.centred else 'beside'} the centre",
            f"free energy at {self.smearing:g} eV" if self.smearing else "",
            f"converged to {self.conv_tol:g} hartree",
            f"PySCF {version('pyscf')}",
        ]
        return ", ".join(part for part in parts if part)

    def contents(self) -> dict[str, str]:
        """Return what the settings name, for the method of a label: numbers of tables, version of libxc."""
        return {
            "basis": tables.contents("basis", self.basis),
            "pseudopotential": tables.contents("pseudopotential", self.pseudopotential),
            "libxc": library_version(),
        }

    def least_cutoff(self, symbols: list[str]) -> float:
        """Return the cutoff below which labels of these elements are nonsense, eV."""
        return COARSEST * tables.steepest(self.basis, symbols) * units.Hartree

    def mean_field(self, cell: Any, kpts: Any, memory: float, smeared: bool = True) -> Any:
        """Return a fresh mean field of a cell, which depends on nothing that was calculated before.

        kpts: PySCF's `KPoints`, or an array of all points.  memory: GB, which bears on speed alone.
        """
        made = pbc.dft.KRKS(cell, kpts, xc=self.xc)
        waves, functions = len(getattr(kpts, "kpts", kpts)), int(cell.nao)
        keep = kept_bytes(int(np.prod(cell.mesh)), functions, waves) < KEPT * memory * 1e9
        made._numint = made.with_df._numint = Orbitals(waves, functions, keep)
        made.conv_tol, made.max_cycle, made.init_guess, made.chkfile = self.conv_tol, self.max_cycle, "minao", None
        made.max_memory = made.with_df.max_memory = megabytes(memory)
        if self.smearing and smeared:
            made = pbc.scf.addons.smearing_(made, sigma=self.smearing / units.Hartree, method="fermi")
        return made


def weighed(level: CrystalLevel, state: Any, memory: float) -> Any:
    """Return a converged field whose k-points all count alike, as PySCF's derivatives have it.

    Of k and -k one was solved for, and counts twice: here by its occupations. Densities and the real parts of sums
    over k-points, which are all that derivatives are made of, are the same as from both.
    """
    kpts = state.kpts
    made = level.mean_field(state.cell, kpts.kpts_ibz, memory, smeared=False)
    made._numint = made.with_df._numint = state._numint  # what was kept is kept on
    counts = np.asarray(kpts.weights_ibz) * len(kpts.kpts_ibz)
    made.mo_occ = [occupied * count for occupied, count in zip(state.mo_occ, counts, strict=True)]
    made.mo_energy, made.mo_coeff, made.converged = state.mo_energy, state.mo_coeff, state.converged
    return made
