"""Isolated atoms: what the energies of structures are counted from.

An atom is labelled by the very method of its structures, in its ground state's spin after Hund, so
that E - sum_i E_atom(i) is an atomisation energy (of opposite sign) and numbers of different
structures can be compared. The energies are computed once in a process and stand in the evidence of
every label, beside its method: a label without them could not be moved to another scale.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from ase import units
from ase.data import chemical_symbols

from eltanin_atoms.structures import Structures
from eltanin_pyscf_dft.closed import pyscf
from eltanin_pyscf_dft.ladder import climbed
from eltanin_pyscf_dft.level import Level
from eltanin_pyscf_dft.molecules import molecule_of
from eltanin_pyscf_dft.perturbed import correlated

CAPACITY = (2, 6, 10, 14)  # electrons in a shell s, p, d, f


def unpaired(number: int) -> int:
    """Return the unpaired electrons of a neutral atom's ground state: Hund's first rule in its open shells.

    number: atomic number.  Configurations are PySCF's table of the observed ones.
    """
    elements: Any = pyscf.data.elements
    shells = zip(elements.CONFIGURATION[number], CAPACITY, strict=True)
    left = [(electrons % most, most) for electrons, most in shells]
    return sum(min(electrons, most - electrons) for electrons, most in left)


def isolated(number: int) -> Structures:
    """Return one neutral atom in free space with the spin of its ground state."""
    free = np.zeros((3, 3)), np.zeros(3, dtype=bool)
    return Structures.one(np.array([number]), np.zeros((1, 3)), *free, charge=0.0, spin=unpaired(number))


KNOWN: dict[tuple[str, int], float | None] = {}


def atomic_energies(level: Level, numbers: Sequence[int], memory: float) -> dict[str, float | None]:
    """Return the energies of isolated atoms by symbol, eV; none for one that does not converge.

    Each is computed once in a process, from nothing but level and atom.
    """
    paired = {"RKS": "KS", "RHF": "HF"}  # most atoms have electrons that are not
    free = replace(level, method=paired.get(level.method, level.method), charge=None, spin=None, stability="never")
    for number in numbers:
        if (key := (repr(free), number)) not in KNOWN:
            KNOWN[key] = atomic_energy(free, number, memory)
    return {chemical_symbols[number]: KNOWN[repr(free), number] for number in numbers}


def atomic_energy(level: Level, number: int, memory: float) -> float | None:
    """Return the energy of an isolated atom, eV, or none if it does not converge."""
    mol = molecule_of(isolated(number), level, io.StringIO())
    climb = climbed(lambda: level.mean_field(mol, memory), level.ladder)
    if not climb.converged:
        return None
    top = correlated(climb.field) if level.theory.perturbed else climb.field
    return float(top.e_tot) * units.Hartree
