"""Where a campaign begins: a crystal that is built, or structures from files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import isfinite
from typing import ClassVar

import numpy as np
from ase.build import bulk

from eltanin.locating import locate
from eltanin.registry import nearest
from eltanin_atoms import files
from eltanin_atoms.structures import Structures

CUBIC = ["sc", "fcc", "bcc", "diamond", "zincblende", "rocksalt", "cesiumchloride", "fluorite"]
STRUCTURES = [*CUBIC, "hcp", "wurtzite"]


@dataclass(frozen=True)
class Crystal:
    """A perfect crystal.

    name: element or formula, such as Cu or NaCl.  structure: sc, fcc, bcc, hcp, diamond, zincblende,
    rocksalt, cesiumchloride, fluorite or wurtzite.  a: lattice constant, Å; left out, that of the
    element at room temperature.  c: second lattice constant of hcp and wurtzite, Å; left out, the
    ideal one.  cubic: the cubic cell rather than the primitive one, where there is one.
    repeat: cells along each lattice vector.
    """

    domain: ClassVar[str] = "atoms"
    revision: ClassVar[int] = 1

    name: str = "Cu"
    structure: str = "fcc"
    a: float | None = None
    c: float | None = None
    cubic: bool = True
    repeat: list[int] = field(default_factory=lambda: [1, 1, 1])

    def __post_init__(self) -> None:
        """Check the settings by building the crystal."""
        if self.structure not in STRUCTURES:
            known = nearest(self.structure, STRUCTURES)
            raise ValueError(f"structure={self.structure} is not known{known}")
        for name, length in {"a": self.a, "c": self.c}.items():
            if length is not None and not (isfinite(length) and length > 0):
                raise ValueError(f"{name}={length} is no length: give a positive one, in Å")
        _check_repeat(self.repeat)
        self.structures()

    def structures(self) -> Structures:
        """Return the crystal, a batch of one."""
        cubic = self.cubic and self.structure in CUBIC
        try:
            atoms = bulk(self.name, self.structure, a=self.a, c=self.c, cubic=cubic)
        except (ValueError, KeyError, RuntimeError, NotImplementedError) as error:
            raise ValueError(
                f"name={self.name} cannot be built as structure={self.structure}, a={self.a}: {error}."
                " Give an element or formula that has this structure, and its lattice constant a in Å."
            ) from error
        return Structures.from_ase([atoms.repeat(tuple(self.repeat))])


@dataclass(frozen=True)
class StructureFiles:
    """Structures from files: CIF, POSCAR, extended XYZ or deepmd/npy.

    paths: the files, from the working directory, or package:PACKAGE/FILE for one that an installed
    package ships.  repeat: cells along each lattice vector of every structure.
    """

    domain: ClassVar[str] = "atoms"
    revision: ClassVar[int] = 1

    paths: list[str] = field(default_factory=list)
    repeat: list[int] = field(default_factory=lambda: [1, 1, 1])

    def __post_init__(self) -> None:
        """Check the settings by reading the files."""
        _check_repeat(self.repeat)
        if not self.paths:
            raise ValueError("paths=[] names no structures: give files, such as system.paths=[copper.cif]")
        self.structures()

    def structures(self) -> Structures:
        """Return all structures of all files, repeated, in order."""
        x = Structures.concatenate([files.read(locate(path))[0] for path in self.paths])
        return repeated(x, self.repeat)


def repeated(x: Structures, repeat: Sequence[int]) -> Structures:
    """Return every structure repeated along its lattice vectors; where it came from is dropped."""
    x = replace(x, evidence={})
    cells = int(np.prod(repeat))
    if cells == 1:
        return x
    if not x.pbc[:, np.array(repeat) > 1].all():
        raise ValueError(f"repeat={list(repeat)} along a direction that is not periodic: give 1 there")
    larger = Structures.from_ase([atoms.repeat(tuple(repeat)) for atoms in x.to_ase()])
    spin = np.where(x.spin > 0, x.spin * cells, x.spin)
    return replace(larger, charge=x.charge * cells, spin=spin)


def _check_repeat(repeat: Sequence[int]) -> None:
    if len(repeat) != 3 or min(repeat) < 1:
        raise ValueError(f"repeat={list(repeat)} should be three numbers of cells, each 1 or more")
