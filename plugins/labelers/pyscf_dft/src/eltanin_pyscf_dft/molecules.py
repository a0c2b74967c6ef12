"""A molecule as PySCF has it, made of numbers alone."""

from __future__ import annotations

from typing import Any

import numpy as np
from ase import units
from ase.data import chemical_symbols
from scipy.spatial.distance import pdist

from eltanin.protocols import Failure
from eltanin_atoms.structures import Structures
from eltanin_pyscf_dft import basis as tables
from eltanin_pyscf_dft.closed import pyscf
from eltanin_pyscf_dft.level import Level

CLOSEST = 0.1  # Å; nearer nuclei are a slip, though PySCF finds an energy: 144 keV of two protons at 1e-4 Å


def unsuitable(one: Structures, charge: int | None, spin: int | None) -> Failure | None:
    """Return why a single structure is no molecule that could be calculated, or none.

    charge, spin: settings that overrule; a structure that says something else itself is refused.
    """
    if one.pbc.any():
        told = "the structure is periodic, and pyscf_molecule would ignore that: choose labeler=pyscf_crystal"
        return Failure("unknown", f"{told}, or structures with pbc all false")
    positions = np.asarray(one.positions.values)
    if len(positions) > 1 and (near := float(pdist(positions).min())) < CLOSEST:
        return Failure("unphysical", f"atoms on top of each other: {near:.3g} Å apart, nearer than {CLOSEST} Å")
    for name, setting, said in (("charge", charge, float(one.charge[0])), ("spin", spin, float(one.spin[0]))):
        silent = said == 0 if name == "charge" else said < 0
        if setting is not None and not silent and said != setting:
            return Failure("unknown", f"{name}={setting} is asked for, and the structure says {said:g}: leave one out")
    if float(one.charge[0]) != round(float(one.charge[0])):
        return Failure("unphysical", f"a charge of {float(one.charge[0]):g} is no whole number of electrons")
    electrons, unpaired = electrons_of(one, charge, spin)
    if electrons < 1:
        return Failure("unphysical", f"a charge of {charge_of(one, charge)} leaves no electron")
    if unpaired > electrons or (electrons - unpaired) % 2:
        told = f"{electrons} electrons cannot have {unpaired} unpaired"
        return Failure("unphysical", f"{told}: correct charge or spin (spin counts unpaired electrons)")
    return None


def charge_of(one: Structures, charge: int | None) -> int:
    """Return the charge of a single structure, e."""
    return round(float(one.charge[0])) if charge is None else charge


def electrons_of(one: Structures, charge: int | None, spin: int | None) -> tuple[int, int]:
    """Return how many electrons a single structure has, and how many of them are unpaired."""
    electrons = int(np.asarray(one.numbers.values).sum()) - charge_of(one, charge)
    said = int(one.spin[0]) if spin is None else spin
    return electrons, electrons % 2 if said < 0 else said


def molecule_of(one: Structures, level: Level, log: Any) -> Any:
    """Return PySCF's `Mole` of a single structure, with the basis and core potentials as parsed numbers."""
    numbers = np.asarray(one.numbers.values)
    symbols = [chemical_symbols[z] for z in numbers]
    mol: Any = pyscf.gto.Mole()
    mol.atom = list(zip(symbols, (np.asarray(one.positions.values) / units.Bohr).tolist(), strict=True))
    mol.unit, mol.symmetry = "Bohr", False
    mol.basis, mol.ecp = tables.orbitals(level.basis, symbols), tables.core_potentials(level.basis, symbols)
    mol.cart = level.cartesian
    mol.charge, mol.spin = charge_of(one, level.charge), electrons_of(one, level.charge, level.spin)[1]
    mol.verbose, mol.stdout = 4, log
    mol.build(dump_input=False, parse_arg=False)
    return mol
