"""The container ``*.dp``: HDF5 whose attribute ``json`` is a tree with the name of a dataset for each array.

Arrays stand below the keys ``@variables`` alone. Neither reading nor writing needs DeePMD-kit, and
reading runs no code and opens no other file.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

Tree = dict[str, Any]


def write(path: Path, tree: Mapping[str, Any]) -> None:
    """Write a tree, in the place of an older file."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        with h5py.File(partial, "w") as file:

            def stored(array: np.ndarray) -> str:
                return str(file.create_dataset(f"variable_{len(file):04d}", data=array).name)

            file.attrs["json"] = json.dumps(_mapped(tree, stored), separators=(",", ":"), allow_nan=False)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def read(path: Path) -> Tree:
    """Return the tree; a ValueError says what is wrong with the file."""
    try:
        with h5py.File(path, "r") as file:
            tree: Any = json.loads(str(file.attrs["json"]))
            if not isinstance(tree, dict):
                raise ValueError("its attribute json holds no mapping")
            taken = set[str]()
            return _mapped(tree, lambda name: _array(file, str(name), taken))
    except FileNotFoundError:
        raise ValueError(f"{path} does not exist (looked in {Path.cwd()}): correct the path") from None
    except (OSError, KeyError, ValueError, RecursionError) as error:
        raise ValueError(
            f"{path} is no model file of DeePMD-kit ({error}): give a *.dp, as `dp convert-backend MODEL FILE.dp`"
            " writes it"
        ) from error


def _array(file: h5py.File, name: str, taken: set[str]) -> np.ndarray:
    link = file.get(name, getlink=True)
    dataset = file[name] if isinstance(link, h5py.HardLink) else None
    # A link, external storage and a virtual dataset could each read another file of this machine.
    if not isinstance(dataset, h5py.Dataset) or dataset.external or dataset.is_virtual:
        raise ValueError(f"{name!r} is not an array in it")
    # What is packed, or never written, or named again and again could take far more memory than the file holds.
    if dataset.nbytes > dataset.id.get_storage_size() or name in taken:
        raise ValueError(f"{name!r} stands for more than the file holds")
    taken.add(name)
    return np.asarray(dataset[()])


def _mapped(node: Any, function: Callable[[Any], Any], variable: bool = False) -> Any:
    """Return a tree with a function of everything but None below @variables."""
    if isinstance(node, Mapping):
        return {key: _mapped(value, function, variable or key == "@variables") for key, value in node.items()}
    if isinstance(node, list):
        return [_mapped(item, function, variable) for item in node]
    return function(node) if variable and node is not None else node
