"""PySCF, closed: it reads no settings of others, evaluates no string and leaves nothing behind.

`import pyscf` executes `.pyscf_conf.py` of the present folder, of the home folder, or what
PYSCF_CONFIG_FILE names; its parsers hand a number that is none to `eval`; a name of a basis or a
string of atoms is opened as a file if there is one of that name; checkpoints are evaluated too. So
every module of this package has its PySCF from here, where it is imported with our own settings:

    from eltanin_pyscf_dft.closed import pyscf

and the others keep to this: atoms are numbers (`molecule_of`), a basis is a name of PySCF's own
tables (`basis.py`), a functional a word (`functional.py`), and no checkpoint is read or written.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

SETTINGS = Path(__file__).with_name("pyscf_settings.txt")
EVALUATING = (
    "pyscf.gto.mole",
    "pyscf.gto.basis.parse_nwchem",
    "pyscf.gto.basis.parse_nwchem_ecp",
    "pyscf.gto.basis.parse_cp2k",
    "pyscf.gto.basis.parse_molpro",
)


def closed() -> Any:
    """Import PySCF with our settings; refuse one that was imported with somebody else's."""
    before = os.environ.get("PYSCF_CONFIG_FILE")
    os.environ["PYSCF_CONFIG_FILE"] = str(SETTINGS)
    try:
        package: Any = importlib.import_module("pyscf")
        for name in ("dft", "mp", "grad", "scf.cphf", "scf.ucphf"):
            importlib.import_module(f"pyscf.{name}")
    finally:
        os.environ.pop("PYSCF_CONFIG_FILE")
        if before is not None:
            os.environ["PYSCF_CONFIG_FILE"] = before
    executed = sys.modules["pyscf.__config__"].__dict__.get("conf_file")
    if executed is not None and not _ours(Path(executed)):
        raise ImportError(
            f"PySCF was imported before, and has executed {executed}: its settings bear on every label, and no label"
            " would tell. Remove that file, or import eltanin_pyscf_dft first"
        )
    for name in EVALUATING:  # one imported before without any settings
        vars(importlib.import_module(name))["DISABLE_EVAL"] = True
    return package


def _ours(executed: Path) -> bool:
    """Say whether a file of settings is ours, or one of the same words, as another of the project's packages has."""
    return executed == SETTINGS or (executed.is_file() and executed.read_bytes() == SETTINGS.read_bytes())


pyscf = closed()


@contextmanager
def scratch() -> Generator[str]:
    """Let PySCF's temporary files lie in a folder that goes with the calculation."""
    parameters = pyscf.lib.param
    before = parameters.TMPDIR
    with TemporaryDirectory(prefix="eltanin-") as folder:
        parameters.TMPDIR = folder
        try:
            yield folder
        finally:
            parameters.TMPDIR = before
