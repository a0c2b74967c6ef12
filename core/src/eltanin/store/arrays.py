"""NumPy's files from strangers: no object is made of them, and no more memory is taken than they hold."""

from __future__ import annotations

import stat
import zipfile
from collections.abc import Callable
from math import prod
from pathlib import Path
from typing import IO, TypeVar

import numpy as np
from numpy.lib import format as npy

T = TypeVar("T")

INFLATED = 300  # times the size of a file, at most, beyond the first
FREE = 2**26  # bytes
WRONG = (OSError, EOFError, ValueError, TypeError, KeyError, SyntaxError, MemoryError, RuntimeError, zipfile.BadZipFile)


def load_npy(path: Path) -> np.ndarray:
    """Return the array of an npy file."""
    return _told(path, "an npy file", lambda: _npy(path))


def load_npz(path: Path) -> dict[str, np.ndarray]:
    """Return the arrays of an npz file by name."""
    return _told(path, "an npz file", lambda: _npz(path))


def _told(path: Path, form: str, act: Callable[[], T]) -> T:
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise ValueError("it is no regular file")
        return act()
    except WRONG as error:
        why = str(error) or type(error).__name__
        raise ValueError(
            f"{path} cannot be read as {form} of plain arrays: {why}. Restore it, or convert it."
        ) from error


def _npy(path: Path) -> np.ndarray:
    with path.open("rb") as file:
        return _array(file, path.stat().st_size, path.name)


def _npz(path: Path) -> dict[str, np.ndarray]:
    with zipfile.ZipFile(path) as archive:
        inside = archive.infolist()
        size = sum(one.file_size for one in inside)
        if size > FREE + INFLATED * path.stat().st_size:
            raise ValueError(f"it would unpack to {size} bytes, from {path.stat().st_size}")
        names = [one.filename.removesuffix(".npy") for one in inside]
        if len(set(names)) < len(names):
            raise ValueError("a name is in it twice")
        arrays: dict[str, np.ndarray] = {}
        for name, one in zip(names, inside, strict=True):
            with archive.open(one) as file:
                arrays[name] = _array(file, one.file_size, name)
        return arrays


def _array(file: IO[bytes], size: int, name: str) -> np.ndarray:
    """Return an array, if its header agrees with the size of the file."""
    version = npy.read_magic(file)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"{name} is of version {version}")
    header = npy.read_array_header_1_0(file) if version == (1, 0) else npy.read_array_header_2_0(file)
    shape, fortran, dtype = header
    if dtype.hasobject:
        raise ValueError(f"{name} holds Python objects, which are not opened")
    expected = prod(shape) * dtype.itemsize
    if min(shape, default=0) < 0 or file.tell() + expected != size:
        raise ValueError(f"{name} has {size} bytes, and its header announces {file.tell() + expected}")
    flat = np.frombuffer(bytearray(file.read(expected)), dtype=dtype, count=prod(shape))
    return flat.reshape(shape, order="F" if fortran else "C")
