"""npz files of walkers and their labels: plain arrays by path, read without running code."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from eltanin.batch import Column, Properties, to_numpy
from eltanin.store.arrays import load_npz
from eltanin_walkers.walkers import Walkers

FAMILIES = ("evidence", "values", "present", "sigma")


def write(path: Path, x: Walkers, labels: Properties) -> None:
    """Write walkers and labels to one npz file."""
    mappings = (x.evidence, labels.values, labels.present, labels.sigma)
    arrays = {
        f"{family}/{name}": to_numpy(column)
        for family, columns in zip(FAMILIES, mappings, strict=True)
        for name, column in columns.items()
    }
    with path.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, positions=to_numpy(x.positions), **arrays)


def read(path: Path) -> tuple[Walkers, Properties]:
    """Read what `write` wrote; refuse any other file."""
    found: dict[str, dict[str, Column]] = {family: {} for family in FAMILIES}
    arrays = load_npz(path)
    positions = arrays.pop("positions", np.zeros(0))
    if positions.ndim != 3 or positions.dtype.kind != "f":
        raise ValueError(f"{path} has no positions (walkers, particles, dimensions): give an npz file of walkers")
    for name, array in arrays.items():
        family, _, column = name.partition("/")
        if family not in found or not column or len(array) != len(positions):
            raise ValueError(f"{path}: {name} is nothing of {len(positions)} walkers: give an npz file of walkers")
        found[family][column] = array
    labels = Properties(found["values"], found["present"], found["sigma"])
    return Walkers(positions, found["evidence"]), labels
