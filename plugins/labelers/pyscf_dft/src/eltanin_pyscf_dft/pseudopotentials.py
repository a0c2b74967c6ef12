"""Goedecker–Teter–Hutter pseudopotentials and the Gaussian basis sets made for them, from PySCF's own tables alone.

S. Goedecker, M. Teter, J. Hutter, Phys. Rev. B 54, 1703 (1996); C. Hartwigsen, S. Goedecker, J. Hutter, ibid. 58,
3641 (1998).  The tables are those of CP2K.  As for molecules (`basis.py`) names are looked up here, and PySCF is
given numbers: what it does with a name or a text of its own accord may open a file or evaluate it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from ase.data import chemical_symbols

from eltanin.store.sealed import canonical, sha256
from eltanin_pyscf_dft.basis import TABLES, spelled
from eltanin_pyscf_dft.closed import pyscf
from eltanin_pyscf_dft.names import meant

FOLDERS = {"basis": Path(TABLES._GTH_BASIS_DIR), "pseudopotential": Path(TABLES._GTH_PP_DIR)}
KNOWN: Mapping[str, Mapping[str, str]] = {"basis": TABLES.GTH_ALIAS, "pseudopotential": TABLES.PP_ALIAS}
LOADERS: Mapping[str, Callable[[str, str], Any]] = {
    "basis": TABLES.parse_cp2k.load,
    "pseudopotential": TABLES.parse_cp2k_pp.load,
}


def table(what: str, name: str) -> Path:
    """Return the file of PySCF's own that holds a basis or a pseudopotential; an unknown name is a ValueError."""
    found = KNOWN[what].get(spelled(name))
    path = FOLDERS[what] / str(found)
    if found is None or path.parent != FOLDERS[what] or not path.is_file():
        raise ValueError(
            f"{what}={name} is not one of the GTH tables that PySCF ships{meant(spelled(name), KNOWN[what])}: give a"
            f" name, such as {'gth-dzvp' if what == 'basis' else 'gth-pbe'}; no file and no text of numbers is read"
        )
    return path


@cache
def entry(what: str, name: str, symbol: str) -> list[Any] | None:
    """Return the numbers of an element in PySCF's internal format, or none if the table lacks it."""
    path = str(table(what, name))
    try:
        return LOADERS[what](path, symbol)
    except pyscf.lib.exceptions.BasisNotFoundError:
        return None


def entries(what: str, name: str, symbols: Sequence[str]) -> dict[str, list[Any]]:
    """Return the numbers of these elements; one that is not in the table is a ValueError."""
    found = {symbol: entry(what, name, symbol) for symbol in sorted(set(symbols))}
    if missing := [symbol for symbol, one in found.items() if one is None]:
        raise ValueError(
            f"{what}={name} has nothing for {', '.join(missing)}: choose another {what}, or another system"
        )
    return {symbol: one for symbol, one in found.items() if one is not None}


@cache
def contents(what: str, name: str) -> str:
    """Return the sha256 of all numbers of a table: another content under the same name is another method."""
    known = {symbol: entry(what, name, symbol) for symbol in chemical_symbols[1:]}
    return sha256(canonical({symbol: one for symbol, one in known.items() if one is not None}))


def valence(name: str, symbol: str) -> int:
    """Return the electrons of an atom that are not in the pseudopotential."""
    return sum(entries("pseudopotential", name, [symbol])[symbol][0])


def steepest(name: str, symbols: Sequence[str]) -> float:
    """Return the largest exponent of a basis for these elements, 1/bohr^2."""
    shells = [shell for one in entries("basis", name, symbols).values() for shell in one]
    return max(float(row[0]) for shell in shells for row in shell[1:] if not isinstance(row, int))
