"""npz files of problems and labels: plain arrays by path, read without running code."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from eltanin.batch import Properties, Ragged, columns_of, to_numpy
from eltanin.store.arrays import load_npz
from eltanin_gas.problems import Problems


def write(path: Path, x: Problems, labels: Properties) -> None:
    """Write problems and labels to one npz file."""
    tree = {"problems": columns_of(x), "labels": columns_of(labels)}
    with path.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **dict(leaves(tree)))


def read(path: Path) -> tuple[Problems, Properties]:
    """Read what `write` wrote; refuse any other file by naming what it lacks."""
    tree = grown(load_npz(path))
    lacking = {"problems", "labels"} - tree.keys()
    if lacking:
        raise ValueError(f"{path} has no {' and no '.join(sorted(lacking))}: give an npz file of the gas domain")
    x: Any = tree["problems"]
    y: Any = tree["labels"]
    try:
        columns: dict[str, Any] = {"evidence": {}, **x}
        problems = Problems(**columns)
        return problems, Properties(y["values"], y["present"], y.get("sigma", {}))
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is no npz file of the gas domain: {error}") from error


def leaves(tree: Mapping[str, Any], above: str = "") -> list[tuple[str, np.ndarray]]:
    """Return the arrays of a tree of columns by their path, such as ``problems/fields/counts``."""
    found: list[tuple[str, np.ndarray]] = []
    for name, column in tree.items():
        path = f"{above}{name}"
        if isinstance(column, Ragged):
            column = columns_of(column)
        if isinstance(column, Mapping):
            found += leaves(column, f"{path}/")
        else:
            found.append((path, to_numpy(column)))
    return found


def grown(arrays: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Return the tree whose `leaves` these are."""
    tree: dict[str, Any] = {}
    for path, array in arrays.items():
        *branches, name = path.split("/")
        node: Any = tree
        for branch in branches:
            node = node.setdefault(branch, {}) if isinstance(node, dict) else None
        if not isinstance(node, dict):
            raise ValueError(f"{path} is below what is an array itself")
        node[name] = array
    return {name: _ragged_again(node) for name, node in tree.items()}


def _ragged_again(node: Any) -> Any:
    if not isinstance(node, dict):
        return node
    if node.keys() == {"values", "counts"}:
        return Ragged(node["values"], node["counts"])
    return {name: _ragged_again(child) for name, child in node.items()}
