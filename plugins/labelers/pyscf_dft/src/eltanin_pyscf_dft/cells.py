"""A crystal as PySCF has it, made of numbers alone."""

from __future__ import annotations

from typing import Any

import numpy as np
from ase import units
from ase.data import chemical_symbols

from eltanin.protocols import Failure
from eltanin_atoms.structures import Structures
from eltanin_pyscf_dft import pseudopotentials as tables
from eltanin_pyscf_dft.periodic import pbc

# Of integrals between images, and of what they are cut off at; at 1e-6 and 1e-9 energies are the same to 1e-6 eV.
PRECISION = 1e-8


def symbols_of(one: Structures) -> list[str]:
    """Return the chemical symbols of a single structure."""
    return [chemical_symbols[z] for z in np.asarray(one.numbers.values)]


def not_a_crystal(one: Structures) -> Failure | None:
    """Return why a single structure is no crystal that could be calculated, or none."""
    if not one.pbc[0].all():
        told = f"pbc={[bool(p) for p in one.pbc[0]]}, and pyscf_crystal repeats a structure along all three vectors"
        return Failure("unknown", f"{told}: choose labeler=pyscf_molecule, or structures with pbc all true")
    if float(one.charge[0]):
        return Failure("unknown", f"charge={float(one.charge[0]):g}: pyscf_crystal labels neutral cells alone")
    if int(one.spin[0]) > 0:
        return Failure("unknown", f"spin={int(one.spin[0])}: pyscf_crystal labels crystals without magnetism alone")
    return None


def electrons_of(one: Structures, pseudopotential: str) -> int:
    """Return the valence electrons of a single structure."""
    return sum(tables.valence(pseudopotential, symbol) for symbol in symbols_of(one))


def wrapped(one: Structures) -> np.ndarray:
    """Return positions inside the cell, (atoms, 3) Å: sums over images are cut off from where the atoms are."""
    cell = np.asarray(one.cell[0])
    fractions = np.asarray(one.positions.values) @ np.linalg.inv(cell)
    return (fractions - np.floor(fractions)) @ cell


def cell_of(one: Structures, basis: str, pseudopotential: str, cutoff: float, log: Any) -> Any:
    """Return PySCF's `Cell` of a single structure.

    cutoff: of the density's plane waves, eV. It fixes the spacing of the mesh of points in space, not their number,
    so that cells of different volume are alike.
    """
    symbols = symbols_of(one)
    cell: Any = pbc.gto.Cell()
    cell.a = np.asarray(one.cell[0]) / units.Bohr
    cell.atom = list(zip(symbols, (wrapped(one) / units.Bohr).tolist(), strict=True))
    cell.unit = "Bohr"
    cell.basis = tables.entries("basis", basis, symbols)
    cell.pseudo = tables.entries("pseudopotential", pseudopotential, symbols)
    cell.ke_cutoff, cell.precision = cutoff / units.Hartree, PRECISION
    cell.spin = electrons_of(one, pseudopotential) % 2
    cell.verbose, cell.stdout = 4, log
    cell.build(dump_input=False, parse_arg=False)
    cell.stdout = log
    return cell
