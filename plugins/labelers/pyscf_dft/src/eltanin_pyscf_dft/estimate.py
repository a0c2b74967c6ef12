"""How much memory a label of a molecule takes, before it is computed."""

from __future__ import annotations

from typing import Any

from eltanin_pyscf_dft import basis as tables
from eltanin_pyscf_dft.blocks import POINTS
from eltanin_pyscf_dft.level import IN_MEMORY, Level

MATRICES = 60  # n x n in all: the history of DIIS, Fock, densities, orbitals, and what derivatives need
COMPONENTS = 11  # a function on a grid, its first and second derivatives, and a copy
AT_AN_ATOM = 20_000  # points of a grid of level 3 at an atom, unpruned at most


def gigabytes(level: Level, mol: Any) -> float:
    """Return the memory of one label beside PySCF itself, in GB: the largest arrays of each step."""
    n, occupied = int(mol.nao), (mol.nelectron + mol.spin + 1) // 2
    spins = 1 if level.restricted(mol.spin) else 2
    numbers = float(spins * MATRICES * n**2)
    if level.density_fit:
        symbols = [mol.atom_pure_symbol(i) for i in range(mol.natm)]
        numbers += 1.5 * functions(level.density_fit, symbols) * n * (n + 1) / 2
    elif n <= IN_MEMORY:
        numbers += n**4 / 8
    if level.theory.kohn_sham:
        at_once = AT_AN_ATOM * (1 + max(level.grid - 3, 0)) if level.grid_response else POINTS
        numbers += COMPONENTS * n * max(POINTS, at_once) + 3.0 * mol.natm**2 * at_once
    if level.theory.perturbed:
        numbers += 6.0 * spins * occupied**2 * (n - occupied) ** 2 + n**4 / 4
    return 8e-9 * numbers


def functions(name: str, symbols: list[str]) -> int:
    """Return how many functions a basis has on these atoms."""
    shells = tables.orbitals(name, symbols)
    each = {symbol: sum((2 * one[0] + 1) * (len(one[-1]) - 1) for one in shells[symbol]) for symbol in shells}
    return sum(each[symbol] for symbol in symbols)


def lacking(mol: Any, needed: float, memory: float) -> str:
    """Return what to do about a molecule that is too large."""
    return (
        f"{mol.natm} atoms with {mol.nao} basis functions need about {needed:.2g} GB for one label, and there are"
        f" {max(memory, 0.0):.2g}: raise labeler.memory (and limits.gigabytes, if there is that limit), or choose a"
        " smaller basis, or density_fit, or a smaller structure"
    )
