"""Exchange-correlation functionals by name, and dispersion beside them."""

from __future__ import annotations

import re
from importlib.util import find_spec
from typing import Any

from eltanin_pyscf_dft.closed import pyscf
from eltanin_pyscf_dft.names import meant

WORD = re.compile(r"[A-Za-z0-9_.,+*\- ()]{1,200}")
SUFFIX = re.compile(r"-d[34]|_d[34]?$|-3c$|d3bj", re.IGNORECASE)
DISPERSIONS = ("d3bj", "d3zero", "d4")


def check_functional(xc: str) -> None:
    """Refuse, by a ValueError, what the library of functionals does not know."""
    library = pyscf.dft.libxc
    if not WORD.fullmatch(xc) or "__" in xc:
        raise ValueError(
            f"xc={xc!r:.80} is no functional: give a name such as pbe, b3lyp or pbe0, or pbe,pbe for parts"
        )
    if SUFFIX.search(xc):
        raise ValueError(f"xc={xc}: the functional and its dispersion are told apart: xc=pbe dispersion=d3bj")
    try:
        hybrid, parts = library.parse_xc(xc)
    except (KeyError, ValueError, IndexError, AssertionError, NotImplementedError) as error:
        known = sorted({*map(str.lower, library.XC_CODES), *map(str.lower, library.XC_ALIAS)})
        raise ValueError(f"xc={xc} is no functional that libxc knows{meant(xc, known)}") from error
    if library.is_nlc(xc):
        raise ValueError(f"xc={xc} has non-local correlation, of which PySCF lacks the response: take dispersion=d3bj")
    if not parts and not any(hybrid):
        raise ValueError(f"xc={xc} has neither exchange nor correlation: name a functional, such as pbe")


def check_dispersion(dispersion: str, xc: str) -> None:
    """Refuse a dispersion that is unknown, not installed, or not parametrised for the functional."""
    if dispersion not in DISPERSIONS:
        raise ValueError(f"dispersion={dispersion} is not known: choose of {', '.join(DISPERSIONS)}, or null")
    if find_spec("pyscf.dispersion") is None:
        raise ValueError(
            f"dispersion={dispersion} needs a package that is missing: pip install eltanin-pyscf-dft[dispersion]"
        )
    atom = pyscf.gto.M(atom=[(2, (0.0, 0.0, 0.0))], basis={"He": [[0, [1.0, 1.0]]]}, verbose=0, parse_arg=False)
    try:
        dispersion_model(atom, dispersion, xc)
    except RuntimeError as error:
        raise ValueError(f"dispersion={dispersion} has no parameters for xc={xc}: {error}") from error


def dispersion_model(mol: Any, dispersion: str, xc: str) -> Any:
    """Return the model that the calculation itself will use."""
    from pyscf.dispersion import dftd3, dftd4

    if dispersion == "d4":
        return dftd4.DFTD4Dispersion(mol, xc=xc)
    return dftd3.DFTD3Dispersion(mol, xc=xc, version=dispersion)


def library_version() -> str:
    """Return the version of the library of functionals."""
    return str(pyscf.dft.libxc.__version__)
