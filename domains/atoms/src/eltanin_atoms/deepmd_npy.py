"""DeePMD-kit's folders of arrays, ``deepmd/npy``.

A system is a folder with ``type.raw`` (an integer per atom), ``type_map.raw`` (elements by that
integer), an empty file ``nopbc`` where there is no cell, and sets ``set.*`` of arrays with a row per
frame: ``coord`` (3 N) Å, ``box`` (9) Å with the vectors as rows, ``energy`` eV, ``force`` (3 N) eV/Å,
``virial`` (9) eV = -dE/dh h, ``dipole`` (3) e·Å, ``polarizability`` (9) Å³. In a *mixed* system
``real_atom_types`` gives each frame its own elements, -1 for none. What is missing is not present. Written in float64.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase.data import atomic_numbers, chemical_symbols

from eltanin.batch import Column, Properties, Ragged, to_numpy
from eltanin.store.arrays import load_npy
from eltanin_atoms.quantities import TENSORS
from eltanin_atoms.structures import Structures

# property: its file
FILES = {"energy": "energy", "forces": "force", "virial": "virial", **{name: name for name in TENSORS}}


@dataclass(frozen=True)
class System:
    """What the frames of one folder have in common: elements of each atom, and whether periodic."""

    folder: Path
    elements: list[int]
    types: np.ndarray
    periodic: bool


def read(folder: Path) -> tuple[Structures, Properties]:
    """Read a system, or every system below a folder, in the order of their names."""
    here = (folder / "type.raw").is_file()
    systems = [folder] if here else sorted(p.parent for p in folder.rglob("type.raw"))
    if not systems:
        raise ValueError(
            f"{folder} is no deepmd/npy data: there is no type.raw in it nor below it;"
            " name the folder of a system, or one that holds systems"
        )
    parts = [part for system in systems for part in _read_system(system)]
    xs, ys = zip(*parts, strict=True)
    return Structures.concatenate(xs), Properties.concatenate(ys)


def write(folder: Path, x: Structures, labels: Properties, mixed: bool = False) -> None:
    """Write a folder ``system.000``, … for each sequence of elements and set of labels.

    Mixed: for each number of atoms instead, which models that know elements by numbers (DPA-1 and later) learn from.
    """
    if x.charge.any() or (x.spin >= 0).any():
        raise ValueError("deepmd/npy has no place for charges and spins: write *.extxyz")
    groups: dict[tuple[object, ...], list[int]] = {}
    periodic = np.all(x.pbc, axis=1)
    if slabs := np.flatnonzero(periodic != x.pbc.any(axis=1)).tolist():
        raise ValueError(f"deepmd/npy knows periodic or not, and structures {slabs} are so in part")
    for i, row in enumerate(x.numbers.rows()):
        flags = tuple(bool(labels.has(name).item(i)) for name in FILES)
        groups.setdefault((bool(periodic[i]), flags, len(row) if mixed else row.tobytes()), []).append(i)
    for number, rows in enumerate(groups.values()):
        _write_system(folder / f"system.{number:03d}", x[np.array(rows)], labels[np.array(rows)], mixed)


def _read_system(folder: Path) -> Iterator[tuple[Structures, Properties]]:
    system = _system(folder)
    sets = sorted(p for p in folder.glob("set.*") if p.is_dir())
    if not sets:
        raise ValueError(f"{folder} has no set.*: there are no frames in it")
    for one in sets:
        yield _read_set(one, system)


def _system(folder: Path) -> System:
    try:
        types = np.array([int(t) for t in (folder / "type.raw").read_text().split()])
        names = (folder / "type_map.raw").read_text().split()
    except FileNotFoundError:
        raise ValueError(f"{folder} has no type_map.raw: write its elements into it, one a line") from None
    except ValueError as error:
        raise ValueError(f"{folder}/type.raw should hold an integer per atom: {error}") from None
    if unknown := [name for name in names if not atomic_numbers.get(name)]:
        raise ValueError(f"{folder}/type_map.raw: no element is called {', '.join(unknown)}")
    if not len(types) or types.min() < 0 or types.max() >= len(names):
        raise ValueError(f"{folder}/type.raw should hold integers 0 … {len(names) - 1}, one per atom")
    elements = [atomic_numbers[name] for name in names]
    return System(folder, elements, types, not (folder / "nopbc").exists())


def _read_set(folder: Path, system: System) -> tuple[Structures, Properties]:
    atoms = len(system.types)
    coord = _array(folder / "coord.npy", (atoms, 3))
    if coord is None:
        raise ValueError(f"{folder} has no coord.npy: there are no frames in it")
    n = len(coord)
    types = _array(folder / "real_atom_types.npy", (atoms,), n)
    types = np.broadcast_to(system.types, (n, atoms)) if types is None else types
    odd = (types < -1) | (types >= len(system.elements)) | (types % 1 != 0)
    if odd.any():
        raise ValueError(f"{folder}: type {types[odd][0]:g} is not in type_map.raw, and -1 for no atom is not meant")
    types, real = types.astype(np.int64), types >= 0
    if not real.any(axis=1).all():
        raise ValueError(f"{folder}/real_atom_types.npy: a frame has no atoms; leave it out")
    counts = real.sum(axis=1)
    x = Structures(
        positions=Ragged(coord[real], counts),
        numbers=Ragged(np.array(system.elements, dtype=np.int64)[types[real]], counts),
        cell=_box(folder, system, n),
        pbc=np.full((n, 3), system.periodic),
        charge=np.zeros(n),
        spin=np.full(n, -1),
    )
    return x, _labels(folder, real, counts)


def _box(folder: Path, system: System, n: int) -> np.ndarray:
    box = _array(folder / "box.npy", (3, 3), n) if system.periodic else np.zeros((n, 3, 3))
    if box is None:
        raise ValueError(f"{folder} has no box.npy: if there is no cell, say so by an empty file {system.folder}/nopbc")
    return box


def _labels(folder: Path, real: np.ndarray, counts: np.ndarray) -> Properties:
    n, atoms = real.shape
    energy = _array(folder / "energy.npy", (), n)
    force = _array(folder / "force.npy", (atoms, 3), n)
    virial = _array(folder / "virial.npy", (3, 3), n)
    values: dict[str, Column] = {}
    if energy is not None:
        values["energy"] = energy
    if force is not None:
        values["forces"] = Ragged(force[real], counts)
    if virial is not None:
        values["virial"] = virial
    for name, shape in TENSORS.items():
        if (tensor := _array(folder / f"{name}.npy", shape, n)) is not None:
            values[name] = tensor
    return Properties.of(**values) if values else Properties.none(n)


def _array(path: Path, shape: tuple[int, ...], n: int | None = None) -> np.ndarray | None:
    """Return the array of a file as float64, (frames, *shape), or None where there is no file."""
    if not path.exists():
        return None
    array = load_npy(path)
    if array.dtype.kind not in "fiu":
        raise ValueError(f"{path} holds {array.dtype}, and not numbers")
    array = array.astype(np.float64)
    if not np.isfinite(array).all():
        raise ValueError(f"{path}: not every number is finite; leave out the frames that have no such value")
    frames = len(array) if array.ndim else 0
    size = int(np.prod(shape))
    if frames == 0 or array.size != frames * size or n not in {None, frames}:
        expected = f"({n or 'frames'}, {size})"
        raise ValueError(f"{path} has the shape {array.shape}, and not {expected}")
    return array.reshape(frames, *shape)


def _write_system(folder: Path, x: Structures, labels: Properties, mixed: bool) -> None:
    elements, types = np.unique(x.numbers.values, return_inverse=True)
    types = types.reshape(len(x), -1)
    store = folder / "set.000"
    store.mkdir(parents=True)
    _lines(folder / "type.raw", np.zeros_like(types[0]) if mixed else types[0])
    _lines(folder / "type_map.raw", [chemical_symbols[z] for z in elements])
    if mixed:
        np.save(store / "real_atom_types.npy", types.astype(np.int32))
    np.save(store / "coord.npy", x.positions.values.reshape(len(x), -1))
    if x.pbc.all():
        np.save(store / "box.npy", x.cell.reshape(len(x), 9))
    else:
        (folder / "nopbc").touch()
    for name, file in FILES.items():
        if labels.has(name).all():
            column = labels.values[name]
            values = to_numpy(column.values if isinstance(column, Ragged) else column)
            np.save(store / f"{file}.npy", values.astype(np.float64).reshape(len(x), -1))


def _lines(path: Path, lines: Iterable[object]) -> None:
    path.write_text("".join(f"{line}\n" for line in lines))
