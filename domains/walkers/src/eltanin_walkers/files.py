"""npz files of walkers and their labels: plain arrays by path, read without running code."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from eltanin.batch import Column, Properties, to_numpy
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
    with np.load(path, allow_pickle=False) as file:
        if "positions" not in file.files:
            raise ValueError(f"{path} has no positions: give an npz file of the walkers domain")
        positions = file["positions"]
        for name in file.files:
            family, _, column = name.partition("/")
            if column:
                found[family][column] = file[name]
    labels = Properties(found["values"], found["present"], found["sigma"])
    return Walkers(positions, found["evidence"]), labels
