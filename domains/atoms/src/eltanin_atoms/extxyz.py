"""Extended XYZ of the atomic domain: what its keys and columns mean, in full precision.

Labels are ``energy`` (eV), ``forces`` (eV/Å, a column), and ``virial`` (eV) or ``stress`` (eV/Å^3 in
ASE's sign), with virial = -volume * stress; ``dipole`` (e·Å) and ``polarizability`` (Å³).
``energy_error`` (eV) is the standard error of a noisy energy.
``charge`` and ``spin`` belong to the configuration; where it came from stands in ``region``,
``temperature`` (K), ``pressure`` (GPa), ``trajectory``, ``time`` (fs), and in the column ``velocities`` (Å/fs).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ase.data import atomic_numbers, chemical_symbols

from eltanin.batch import Column, Properties, Ragged, to_numpy
from eltanin_atoms.labelling import ENERGY_ERROR
from eltanin_atoms.quantities import TENSORS
from eltanin_atoms.structures import Structures
from eltanin_atoms.xyz_frames import Frame, parse, text_of

# What evidence is kept, and what stands for none.
ORIGIN: dict[str, Any] = {"region": "", "temperature": np.nan, "pressure": np.nan, "trajectory": -1, "time": np.nan}


def read(path: Path) -> tuple[Structures, Properties]:
    """Read structures, where they came from, and what labels there are."""
    frames = list(parse(path))
    if not frames:
        raise ValueError(f"{path} is empty: there is no structure in it")
    cells = np.array([_cell(f) for f in frames])
    x = Structures(
        positions=Ragged.of([_vectors(f, "pos") for f in frames]),
        numbers=Ragged.of([_atomic_numbers(f) for f in frames]),
        cell=cells,
        pbc=np.array([_periodic(f) for f in frames]),
        charge=np.array([_number(f, "charge", 0.0) for f in frames]),
        spin=np.array([int(_number(f, "spin", -1)) for f in frames]),
        evidence=_evidence(frames),
    )
    return x, _labels(frames, x)


def write(path: Path, x: Structures, labels: Properties) -> None:
    """Write structures, where they came from, and labels, as numbers that read back the same."""
    blocks = [_block(x[np.array([i])], labels[np.array([i])]) for i in range(len(x))]
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(text_of(blocks))


def _cell(frame: Frame) -> np.ndarray:
    return _matrix(frame, "Lattice") if "Lattice" in frame.keys else np.zeros((3, 3))


def _matrix(frame: Frame, name: str) -> np.ndarray:
    given = np.asarray(frame.keys[name])
    if given.shape != (3, 3) or given.dtype.kind not in "fi" or not np.isfinite(given).all():
        raise ValueError(f'{frame.where}: {name} should be nine finite numbers, as in {name}="3 0 0 0 3 0 0 0 3"')
    return given.T.astype(float)  # ASE's parser hands it over with the vectors as columns


def _periodic(frame: Frame) -> np.ndarray:
    pbc = np.array(frame.keys.get("pbc", ["Lattice" in frame.keys] * 3))
    if pbc.shape != (3,) or pbc.dtype != bool:
        raise ValueError(f"{frame.where}: pbc={frame.keys['pbc']} should be three of T or F")
    return pbc


def _vectors(frame: Frame, name: str) -> np.ndarray:
    column = frame.columns.get(name)
    if column is None or column.shape[1] != 3 or column.dtype.kind not in "fi":
        raise ValueError(f"{frame.where}: {name} is missing or no vector; Properties needs {name}:R:3")
    if not np.isfinite(column).all():
        row = int(np.flatnonzero(~np.isfinite(column).all(axis=1))[0])
        raise ValueError(f"{frame.where}: {name} of atom {row} is not finite; leave out what is not known")
    return column.astype(float)


def _atomic_numbers(frame: Frame) -> np.ndarray:
    if "species" not in frame.columns:
        if "Z" in frame.columns and frame.columns["Z"].dtype.kind == "i":
            return _known(frame, frame.columns["Z"][:, 0].astype(np.int64))
        raise ValueError(f"{frame.where}: there are no elements; Properties needs species:S:1")
    symbols = [str(s) for s in frame.columns["species"][:, 0]]
    if unknown := sorted(set(symbols) - atomic_numbers.keys()):
        raise ValueError(f"{frame.where}: no element is called {', '.join(unknown)}")
    return _known(frame, np.array([atomic_numbers[s] for s in symbols], dtype=np.int64))


def _known(frame: Frame, numbers: np.ndarray) -> np.ndarray:
    if numbers.min() < 1 or numbers.max() >= len(chemical_symbols):
        raise ValueError(f"{frame.where}: atomic numbers are 1 … {len(chemical_symbols) - 1}, and X is no element")
    return numbers


def _number(frame: Frame, name: str, default: float) -> float:
    value = frame.keys.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float | np.number):
        raise ValueError(f"{frame.where}: {name}={value!r} is not a number")
    if name in frame.keys and name not in ORIGIN and not np.isfinite(value):
        raise ValueError(f"{frame.where}: {name}={value} is not finite; leave out what is not known")
    return float(value)


def _evidence(frames: Sequence[Frame]) -> dict[str, Column]:
    evidence: dict[str, Column] = {}
    for name, blank in ORIGIN.items():
        if any(name in f.keys for f in frames):
            cast: Any = str if name == "region" else type(blank)
            evidence[name] = np.array(
                [cast(f.keys.get(name, blank)) if name == "region" else cast(_number(f, name, blank)) for f in frames]
            )
    if any("velocities" in f.columns for f in frames):
        evidence["velocities"] = _ragged(frames, "velocities")
    return evidence


def _ragged(frames: Sequence[Frame], name: str) -> Ragged:
    return Ragged.of([_vectors(f, name) if name in f.columns else np.zeros((0, 3)) for f in frames])


def _labels(frames: Sequence[Frame], x: Structures) -> Properties:
    virials = [_virial(f, v) for f, v in zip(frames, x.volume, strict=True)]
    present = {
        "energy": np.array(["energy" in f.keys for f in frames]),
        "forces": np.array(["forces" in f.columns for f in frames]),
        "virial": np.array([v is not None for v in virials]),
    }
    blank = np.full((3, 3), np.nan)
    values: dict[str, Column] = {
        "energy": np.array([_number(f, "energy", np.nan) for f in frames]),
        "forces": _ragged(frames, "forces"),
        "virial": np.array([blank if v is None else v for v in virials]),
    }
    for name, shape in TENSORS.items():
        there = np.array([name in f.keys for f in frames])
        if there.any():
            rows = [
                _tensor(f, name, shape) if t else np.full(shape, np.nan) for f, t in zip(frames, there, strict=True)
            ]
            values[name], present[name] = np.array(rows), there
    errors = np.array([_number(f, ENERGY_ERROR, np.nan) for f in frames])
    return Properties(values, present, {"energy": errors} if np.isfinite(errors).any() else {})


def _tensor(frame: Frame, name: str, shape: tuple[int, ...]) -> np.ndarray:
    given = np.asarray(frame.keys[name])
    if given.size != np.prod(shape) or given.dtype.kind not in "fi" or not np.isfinite(given).all():
        expected = 'three finite numbers, as in "0 0 0.39"' if shape == (3,) else "nine finite numbers, row by row"
        raise ValueError(f"{frame.where}: {name} should be {expected}")
    return given.astype(float).reshape(shape)


def _virial(frame: Frame, volume: float) -> np.ndarray | None:
    given = [_matrix(frame, "virial")] if "virial" in frame.keys else []
    if "stress" in frame.keys:
        given.append(-volume * _matrix(frame, "stress"))
    if len(given) == 2 and not np.allclose(*given, rtol=1e-4, atol=1e-3):
        raise ValueError(f"{frame.where}: virial and -volume * stress differ; leave one of them out (eV, eV/Å^3)")
    return given[0] if given else None


def _block(x: Structures, labels: Properties) -> list[str]:
    """Return the lines of a frame, the key line first, of one structure."""
    columns: dict[str, list[list[Any]]] = {
        "species:S:1": [[chemical_symbols[z]] for z in x.numbers.values],
        "pos:R:3": _rows(x.positions),
    }
    if labels.has("forces")[0]:
        columns["forces:R:3"] = _rows(labels.values["forces"])
        if (found := len(columns["forces:R:3"])) != x.counts[0]:
            raise ValueError(f"forces of {found} atoms cannot be written with {x.counts[0]} atoms")
    if "velocities" in x.evidence and (rows := _rows(x.evidence["velocities"])):
        columns["velocities:R:3"] = rows
    lines = zip(*columns.values(), strict=True)
    return [
        _head(x, labels, ":".join(columns)),
        *(" ".join(str(cell) for cells in line for cell in cells) for line in lines),
    ]


def _rows(column: Column) -> list[list[Any]]:
    return to_numpy(column.values).astype(float).tolist()  # type: ignore[union-attr]


def _head(x: Structures, labels: Properties, layout: str) -> str:
    keys: dict[str, Any] = {"Lattice": _numbers(x.cell)} if x.cell.any() else {}
    keys |= {"Properties": layout, "pbc": " ".join("T" if p else "F" for p in x.pbc[0])}
    keys |= {"charge": float(x.charge[0])} if x.charge[0] else {}
    keys |= {"spin": int(x.spin[0])} if x.spin[0] >= 0 else {}
    keys |= {n: _numbers(labels.values[n]) for n in ("energy", "virial", *TENSORS) if labels.has(n)[0]}
    error = float(to_numpy(labels.sigma["energy"])[0]) if "energy" in labels.sigma else np.nan
    keys |= {ENERGY_ERROR: error} if labels.has("energy")[0] and np.isfinite(error) else {}
    for name, blank in ORIGIN.items():
        value = to_numpy(x.evidence[name])[0].item() if name in x.evidence else blank
        keys |= {name: value} if value == value and value != blank else {}
    return " ".join(f"{key}={_quoted(str(value))}" for key, value in keys.items())


def _numbers(array: Any) -> str:
    return " ".join(str(v) for v in to_numpy(array).astype(float).ravel().tolist())


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"' if set(text) & set(" \t\"'{}[]=\\") else text
