"""How much memory a label of a crystal takes, before it is computed."""

from __future__ import annotations

import numpy as np
from ase import units

from eltanin_atoms.structures import Structures
from eltanin_pyscf_dft import pseudopotentials as tables
from eltanin_pyscf_dft.cells import symbols_of
from eltanin_pyscf_dft.crystal_level import KEPT, CrystalLevel
from eltanin_pyscf_dft.kpoints import divisions
from eltanin_pyscf_dft.orbitals import BLOCK, COMPLEX, kept_bytes
from eltanin_pyscf_dft.periodic import pbc

MATRICES = 60  # functions x functions for each k-point: the history of DIIS, Fock, densities, orbitals, derivatives
FIELDS = 60  # numbers at each point: densities and their strain derivatives, waves, potentials
ATOMIC = 4  # numbers at each point for each atom: phases and pseudopotentials
PROJECTED = 4  # functions at each point at once, for one k-point: Fourier transforms for the nonlocal pseudopotential


def size_of(level: CrystalLevel, one: Structures) -> tuple[int, int, int]:
    """Return grid points, basis functions and k-points of a single structure, without building it."""
    cell = np.asarray(one.cell[0])
    shells = tables.entries("basis", level.basis, symbols_of(one))
    each = {symbol: sum((2 * s[0] + 1) * (len(s[-1]) - 1) for s in shells[symbol]) for symbol in shells}
    mesh = pbc.tools.cutoff_to_mesh(cell / units.Bohr, level.cutoff / units.Hartree)
    waves = int(np.prod(divisions(cell, level.kpoint_spacing)))
    return int(np.prod(mesh.astype(float))), sum(each[symbol] for symbol in symbols_of(one)), waves


def gigabytes(level: CrystalLevel, one: Structures, memory: float) -> float:
    """Return the memory of one label beside PySCF itself, in GB: the largest arrays of each step."""
    points, functions, waves = size_of(level, one)
    kept = kept_bytes(points, functions, waves)
    numbers = MATRICES * waves * float(functions) ** 2 + points * (FIELDS + ATOMIC * len(one.numbers.values))
    numbers += PROJECTED * float(points) * functions
    return 1e-9 * (COMPLEX * numbers + 2 * BLOCK + (kept if kept < KEPT * memory * 1e9 else 0.0))


def lacking(level: CrystalLevel, one: Structures, needed: float, memory: float) -> str:
    """Return what to do about a cell that is too large."""
    points, functions, waves = size_of(level, one)
    return (
        f"{len(one.numbers.values)} atoms in {float(one.volume[0]):.0f} Å^3 are {functions} basis functions on {points}"
        f" grid points and {waves} k-points, which need about {needed:.2g} GB for one label, and there are"
        f" {max(memory, 0.0):.2g}: choose smaller cells or a smaller basis, or raise labeler.memory (and"
        " limits.gigabytes, if there is that limit)"
    )
