"""Basis sets and effective core potentials by name, from PySCF's own tables alone, and what is in them.

PySCF takes a name for a file if there is one of that name, and for a text of numbers (which it may
evaluate) if it contains line breaks: so names are looked up here, and PySCF is given the numbers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from ase.data import chemical_symbols

from eltanin.store.sealed import canonical, sha256
from eltanin_pyscf_dft.closed import pyscf
from eltanin_pyscf_dft.names import meant

TABLES: Any = pyscf.gto.basis
FOLDER = Path(TABLES.__file__).parent
POPLE = re.compile(r"\d{3,4}\+{0,2}g(\*{0,2}|\([a-z0-9,]+\))")  # 6-31G*, 6-311++G(2d,2p), spelled without hyphens
Shells = list[Any]  # as PySCF's internal format has them: [angular momentum, [exponent, coefficients …], …]


def spelled(name: str) -> str:
    """Return a name as the tables have it: case, hyphens, underscores and spaces are of no account."""
    return name.lower().replace("-", "").replace("_", "").replace(" ", "")


@cache
def files_of(name: str) -> tuple[str, ...]:
    """Return the tables that make a basis, in PySCF's own folder; an unknown name is a ValueError."""
    known: Mapping[str, Any] = TABLES.ALIAS
    found = known.get(spelled(name))
    if found is None and POPLE.fullmatch(spelled(name)):
        try:
            found = TABLES._parse_pople_basis(spelled(name), "H")
        except (KeyError, ValueError, IndexError):
            found = None
    names = (found,) if isinstance(found, str) else tuple(found or ())
    if not names or not all(one.endswith(".dat") and (FOLDER / one).is_file() for one in names):
        tabulated = sorted(one for one, of in known.items() if isinstance(of, str) and of.endswith(".dat"))
        raise ValueError(
            f"basis={name} is no basis set that PySCF ships{meant(spelled(name), tabulated)}: give a name, such as"
            " def2-svp; no file and no text of numbers is read"
        )
    return names


@cache
def shells(name: str, symbol: str) -> Shells | None:
    """Return the basis functions of an element in PySCF's internal format, or none if the basis lacks it."""
    found: Shells = []
    for table in _tables(name, symbol):
        try:
            found += TABLES.parse_nwchem.load(str(FOLDER / table), symbol)
        except pyscf.lib.exceptions.BasisNotFoundError:
            return None
    return found


@cache
def core_potential(name: str, symbol: str) -> Sequence[Any] | None:
    """Return the effective core potential that belongs to a basis for an element, or none if there is none."""
    for table in _tables(name, symbol):
        try:
            found = TABLES.parse_nwchem_ecp.load(str(FOLDER / table), symbol)
        except pyscf.lib.exceptions.BasisNotFoundError:
            continue
        if found:
            return found
    return None


def _tables(name: str, symbol: str) -> tuple[str, ...]:
    files_of(name)  # refuses a name that is none
    if spelled(name) in TABLES.ALIAS:
        return files_of(name)
    return tuple(TABLES._parse_pople_basis(spelled(name), symbol))  # hydrogen has polarisation of its own


def orbitals(name: str, symbols: Sequence[str]) -> dict[str, Shells]:
    """Return the basis of the elements; one that the basis lacks is a ValueError."""
    found = {symbol: shells(name, symbol) for symbol in sorted(set(symbols))}
    if missing := [symbol for symbol, one in found.items() if one is None]:
        raise ValueError(f"basis={name} has no functions for {', '.join(missing)}: choose another basis, or system")
    return {symbol: one for symbol, one in found.items() if one is not None}


def core_potentials(name: str, symbols: Sequence[str]) -> dict[str, Sequence[Any]]:
    """Return the effective core potentials of those elements that have one."""
    found = {symbol: core_potential(name, symbol) for symbol in sorted(set(symbols))}
    return {symbol: one for symbol, one in found.items() if one is not None}


@cache
def contents(name: str) -> str:
    """Return the sha256 of all numbers of a basis, for all its elements, with its effective core potentials.

    It is a part of the method of a label: another content under the same name is another method.
    """
    known = {symbol: [shells(name, symbol), core_potential(name, symbol)] for symbol in chemical_symbols[1:]}
    return sha256(canonical({symbol: one for symbol, one in known.items() if one[0] is not None}))
