"""The level of theory for molecules: its settings, and the mean field of PySCF that they make."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from math import isfinite
from typing import Any, NamedTuple

from eltanin_pyscf_dft import basis as tables
from eltanin_pyscf_dft.blocks import Blocks
from eltanin_pyscf_dft.closed import pyscf
from eltanin_pyscf_dft.functional import check_dispersion, check_functional, library_version
from eltanin_pyscf_dft.ladder import check_ladder
from eltanin_pyscf_dft.names import meant
from eltanin_pyscf_dft.resources import megabytes

IN_MEMORY = 150  # basis functions up to which the electron repulsion integrals are kept: 0.5 GB


class Theory(NamedTuple):
    """What a method is: Kohn–Sham or Hartree–Fock orbitals, restricted or not (none: by spin), MP2 on top or not."""

    kohn_sham: bool
    restricted: bool | None
    perturbed: bool = False


METHODS: Mapping[str, Theory] = {
    "KS": Theory(True, None),
    "RKS": Theory(True, True),
    "UKS": Theory(True, False),
    "HF": Theory(False, None),
    "RHF": Theory(False, True),
    "UHF": Theory(False, False),
    "MP2": Theory(False, None, True),
}
DEFAULT_LADDER = ("diis", "damping", "level_shift", "newton", "smearing", "other_guess")


@dataclass(frozen=True)
class Level:
    """A level of theory. The settings are told where they are set, in `eltanin_pyscf_dft.molecule.PyscfMolecule`."""

    method: str = "KS"
    xc: str = "pbe"
    basis: str = "def2-svp"
    cartesian: bool = False
    dispersion: str | None = None
    density_fit: str | None = None
    charge: int | None = None
    spin: int | None = None
    grid: int = 3
    grid_response: bool = True
    conv_tol: float = 1e-10
    max_cycle: int = 60
    ladder: list[str] = field(default_factory=lambda: list(DEFAULT_LADDER))
    stability: str = "small_gap"

    def __post_init__(self) -> None:
        """Check the settings."""
        if self.method not in METHODS:
            raise ValueError(
                f"method={self.method} is not one of {', '.join(METHODS)}{meant(self.method, map(str.lower, METHODS))}"
            )
        if not 0 <= self.grid <= 9:
            raise ValueError(f"grid={self.grid}: PySCF's grids have the levels 0 (coarse) to 9; 3 and 4 are usual")
        if not (isfinite(self.conv_tol) and 1e-14 <= self.conv_tol <= 1e-6):
            raise ValueError(f"conv_tol={self.conv_tol} hartree: give 1e-6 (forces to 1e-2 eV/Å) or less, to 1e-14")
        if self.max_cycle < 1:
            raise ValueError(f"max_cycle={self.max_cycle}: nothing converges without an iteration: give 1 or more")
        if self.spin is not None and self.spin < 0:
            raise ValueError(f"spin={self.spin} counts unpaired electrons: give 0 or more, or null")
        if self.stability not in ("small_gap", "always", "never"):
            raise ValueError(f"stability={self.stability} says when orbitals are examined: small_gap, always or never")
        check_ladder(self.ladder)
        self._check_names()

    def _check_names(self) -> None:
        tables.files_of(self.basis)
        if self.density_fit is not None:
            tables.files_of(self.density_fit)
            if self.theory.perturbed:
                raise ValueError("method=MP2 with density_fit has no forces in PySCF: leave density_fit out")
        if self.theory.kohn_sham:
            check_functional(self.xc)
        if self.dispersion is not None:
            if self.theory.perturbed:
                raise ValueError("method=MP2 has dispersion in itself: leave dispersion out")
            check_dispersion(self.dispersion, self.functional)

    @property
    def theory(self) -> Theory:
        """What the method is."""
        return METHODS[self.method]

    @property
    def functional(self) -> str:
        """The functional, or hf."""
        return self.xc if self.theory.kohn_sham else "hf"

    def examines(self, gap: float) -> bool:
        """Say whether orbitals with so large a gap, eV, are examined for a lower energy beside them.

        With `small_gap`, below 4.5 eV and 14 eV more times the part of exact exchange: where bonds of H2 and H2O
        are stretched, restricted orbitals of PBE lose their minimum at 4 eV, of B3LYP at 6, of Hartree–Fock at 17.
        """
        if self.stability != "small_gap":
            return self.stability == "always"
        exact = max(pyscf.dft.numint.NumInt().rsh_and_hybrid_coeff(self.xc)[1:]) if self.theory.kohn_sham else 1.0
        return gap < 4.5 + 14.0 * exact

    @property
    def told(self) -> str:
        """The method in one line: the same for all structures of a campaign."""
        of = f"{self.method} {self.xc}" if self.theory.kohn_sham else self.method
        shape = " (cartesian)" if self.cartesian else ""
        parts = [
            f"{of}/{self.basis}{shape}" + (f" with {self.dispersion}" if self.dispersion else ""),
            f"density fitting by {self.density_fit}" if self.density_fit else "",
            f"grid {self.grid} {'with' if self.grid_response else 'without'} response" if self.theory.kohn_sham else "",
            f"converged to {self.conv_tol:g} hartree",
            f"PySCF {version('pyscf')}",
        ]
        return ", ".join(part for part in parts if part)

    def contents(self) -> dict[str, str]:
        """Return what the settings name, for the method of a label: the numbers of the bases, versions of libraries."""
        found = {"basis": tables.contents(self.basis)}
        if self.density_fit:
            found["density_fit"] = tables.contents(self.density_fit)
        if self.theory.kohn_sham:
            found["libxc"] = library_version()
        if self.dispersion:
            found["pyscf-dispersion"] = version("pyscf-dispersion")
        return found

    def restricted(self, unpaired: int) -> bool:
        """Say whether orbitals are doubly occupied for so many unpaired electrons."""
        return unpaired == 0 if self.theory.restricted is None else self.theory.restricted

    def mean_field(self, mol: Any, memory: float) -> Any:
        """Return a fresh mean field of a molecule, which depends on nothing that was calculated before.

        Whether integrals are kept, and how grid points are blocked, are functions of the molecule, not of the
        memory that happens to be free: a sum depends on its order.
        """
        module = pyscf.dft if self.theory.kohn_sham else pyscf.scf
        name = ("R" if self.restricted(mol.spin) else "U") + ("KS" if self.theory.kohn_sham else "HF")
        made = getattr(module, name)(mol)
        if self.density_fit:
            symbols = [mol.atom_pure_symbol(i) for i in range(mol.natm)]
            made = made.density_fit(auxbasis=tables.orbitals(self.density_fit, symbols))
        if self.theory.kohn_sham:
            made.xc = self.xc
            made.grids.level = self.grid
            made._numint = Blocks()
        made.disp = self.dispersion
        made.conv_tol, made.max_cycle, made.init_guess, made.chkfile = self.conv_tol, self.max_cycle, "minao", None
        made.max_memory = megabytes(memory)
        kept = mol.nao <= IN_MEMORY
        made._is_mem_enough = lambda: kept
        return made
