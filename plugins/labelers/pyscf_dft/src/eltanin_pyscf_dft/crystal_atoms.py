"""Isolated atoms for crystals: what cohesive energies are counted from.

An atom in free space has the functional, the basis and the pseudopotential of its crystals, whole electrons in its
ground state's spin after Hund, and the grid of points around it that molecules have instead of a mesh. The energies
are computed once in a process and stand in the evidence of every label, beside its method.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from functools import cache
from typing import Any
from warnings import catch_warnings, simplefilter

from ase import units
from ase.data import atomic_numbers

from eltanin_pyscf_dft import pseudopotentials as tables
from eltanin_pyscf_dft.atoms import unpaired
from eltanin_pyscf_dft.blocks import Blocks
from eltanin_pyscf_dft.closed import pyscf
from eltanin_pyscf_dft.crystal_level import CrystalLevel
from eltanin_pyscf_dft.ladder import climbed


def atomic_energies(level: CrystalLevel, symbols: Sequence[str]) -> dict[str, float | None]:
    """Return the energies of isolated atoms by symbol, eV; none for one that does not converge."""
    names = (level.xc, level.basis, level.pseudopotential)
    return {
        symbol: atomic_energy(*names, symbol, level.conv_tol, level.max_cycle, tuple(level.ladder))
        for symbol in sorted(set(symbols))
    }


@cache
def atomic_energy(
    xc: str, basis: str, pseudopotential: str, symbol: str, conv_tol: float, max_cycle: int, ladder: tuple[str, ...]
) -> float | None:
    """Return the energy of an isolated atom, eV, or none if it does not converge."""
    mol = atom_of(basis, pseudopotential, symbol)

    def field() -> Any:
        made: Any = pyscf.dft.UKS(mol)
        made.xc, made._numint = xc, Blocks()
        made.conv_tol, made.max_cycle, made.init_guess, made.chkfile = conv_tol, max_cycle, "minao", None
        return made

    with catch_warnings():
        simplefilter("ignore", UserWarning)  # PySCF's table lacks the kind of an integral that it handles right
        climb = climbed(field, ladder)
    return float(climb.field.e_tot) * units.Hartree if climb.converged else None


def atom_of(basis: str, pseudopotential: str, symbol: str) -> Any:
    """Return PySCF's `Mole` of one neutral atom in the spin of its ground state."""
    mol: Any = pyscf.gto.Mole()
    mol.atom, mol.symmetry = [(symbol, (0.0, 0.0, 0.0))], False
    mol.basis = tables.entries("basis", basis, [symbol])
    mol.pseudo = tables.entries("pseudopotential", pseudopotential, [symbol])
    mol.spin = unpaired(atomic_numbers[symbol])
    mol.verbose, mol.stdout = 4, io.StringIO()
    mol.build(dump_input=False, parse_arg=False)
    return mol
