"""Molecules as text: symbols and numbers, and nothing that could be run."""

from __future__ import annotations

import math
from pathlib import Path
from typing import NamedTuple

import numpy as np

ELEMENTS = "H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr"
SYMBOLS = ELEMENTS.split()
BOHR = 0.529177210903  # Å, CODATA 2018
UNITS = {"bohr": 1.0, "angstrom": 1 / BOHR}
CLOSEST = 0.1  # bohr


class Geometry(NamedTuple):
    """charges: (atoms,).  positions: (atoms, 3) bohr."""

    charges: np.ndarray
    positions: np.ndarray


def parse(text: str, unit: str) -> Geometry:
    """Return the atoms of "H 0 0 0; H 0 0 1.4": a symbol and three coordinates each, with ; or a new line between them.

    A text that ends in .xyz is the path of such a file, which is in Å.
    """
    if unit not in UNITS:
        raise ValueError(f"system.unit={unit}: give one of {', '.join(UNITS)}")
    if text.strip().endswith(".xyz"):
        text, unit = _xyz(Path(text.strip())), "angstrom"
    rows = [row.split() for row in text.replace("\n", ";").split(";") if row.strip()]
    if not rows:
        raise ValueError("system.atoms is empty: give atoms as 'H 0 0 0; H 0 0 1.4'")
    charges = np.array([_charge(row) for row in rows])
    positions = np.array([_place(row) for row in rows]) * UNITS[unit]
    _refuse_collisions(positions)
    return Geometry(charges, positions)


def _xyz(path: Path) -> str:
    if not path.is_file():
        raise ValueError(f"system.atoms={path}: there is no such file; give atoms as 'H 0 0 0; H 0 0 1.4', or a file")
    lines = path.read_text().splitlines()
    if not lines or not lines[0].strip().isdecimal() or len(lines) < 2 + int(lines[0]):
        raise ValueError(
            f"system.atoms={path} is no xyz file: its first line counts the atoms, the second is a comment"
        )
    return ";".join(" ".join(line.split()[:4]) for line in lines[2 : 2 + int(lines[0])])


def _charge(row: list[str]) -> int:
    if row[0] not in SYMBOLS:
        raise ValueError(f"system.atoms: {row[0]} is no element from H to Kr; give a symbol such as He, then x y z")
    return SYMBOLS.index(row[0]) + 1


def _place(row: list[str]) -> list[float]:
    try:
        place = [float(word) for word in row[1:]]
    except ValueError:
        place = []
    if len(place) != 3 or not all(map(math.isfinite, place)):
        raise ValueError(f"system.atoms: '{' '.join(row)}' is no symbol with three numbers; give it as 'H 0 0 1.4'")
    return place


def _refuse_collisions(positions: np.ndarray) -> None:
    distance = np.linalg.norm(positions[:, None] - positions, axis=-1) + 1e9 * np.eye(len(positions))
    if distance.min() < CLOSEST:
        first, second = np.unravel_index(distance.argmin(), distance.shape)
        raise ValueError(
            f"system.atoms: atoms {first} and {second} are {distance.min():.3g} bohr apart; give them places of their"
            " own, and the unit they are in (system.unit)"
        )
