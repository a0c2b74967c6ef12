"""Files of the atomic domain: the name says the format, and no content is guessed at or executed."""

from __future__ import annotations

import warnings
from pathlib import Path

import ase.io
import numpy as np
from ase import Atoms

from eltanin.batch import Properties
from eltanin_atoms import deepmd_npy, extxyz
from eltanin_atoms.structures import Structures

FORMATS = {".extxyz": "extxyz", ".xyz": "extxyz", ".cif": "cif", ".vasp": "vasp", ".poscar": "vasp"}
NAMES = {"poscar": "vasp", "contcar": "vasp"}
KNOWN = "*.extxyz, *.xyz, *.cif, *.vasp, *.poscar, POSCAR, CONTCAR, or a folder of deepmd/npy"


def read(path: Path) -> tuple[Structures, Properties]:
    """Read structures and what labels there are."""
    path = Path(path)
    if not path.exists():
        raise ValueError(f"{path} does not exist (looked in {Path.cwd()}): correct the path")
    if path.is_dir():
        return deepmd_npy.read(path)
    form = format_of(path)
    if not path.is_file():
        raise ValueError(f"{path} is neither a file nor a folder: give structures in {KNOWN}")
    if form == "extxyz":
        return extxyz.read(path)
    x = Structures.from_ase([_read_crystal(path, form)])
    return x, Properties.none(len(x))


def write(path: Path, x: Structures, labels: Properties) -> None:
    """Write extended XYZ, or a folder of deepmd/npy where the name has no suffix; ``*.mixed`` of mixed systems."""
    path = Path(path)
    if path.suffix in {".extxyz", ".xyz"}:
        extxyz.write(path, x, labels)
    elif path.suffix in {"", ".mixed"}:
        deepmd_npy.write(path, x, labels, mixed=path.suffix == ".mixed")
    else:
        raise ValueError(
            f"{path}: labelled structures are written as *.extxyz or deepmd/npy folders (NAME, or NAME.mixed)"
        )


def format_of(path: Path) -> str:
    """Return the format that a file's name stands for."""
    form = NAMES.get(path.name.lower()) or FORMATS.get(path.suffix.lower())
    if form is None:
        raise ValueError(f"{path}: no format goes by this name. There is: {KNOWN}. Rename or convert.")
    return form


def _read_crystal(path: Path, form: str) -> Atoms:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of syntax that the parser repairs
            atoms = ase.io.read(path, format=form, index=-1)
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        raise ValueError(f"{path} cannot be read as {form}: {reason}. Mend it, or convert it.") from error
    if not isinstance(atoms, Atoms) or not len(atoms):
        raise ValueError(f"{path} holds no atoms")
    occupancies = [o for site in atoms.info.get("occupancy", {}).values() for o in site.values()]
    if occupancies and min(occupancies) < 1:
        raise ValueError(
            f"{path} has sites that are occupied in part ({min(occupancies):g}):"
            " a structure has an atom or none; make an ordered one of it"
        )
    if not (np.isfinite(atoms.positions).all() and atoms.cell.volume > 0):
        raise ValueError(f"{path}: positions are not finite, or the cell has no volume")
    return atoms
