"""Checkpoints: trees and snapshots in files that are whole or not there, and checked on reading.

A tree is NAME.safetensors, its arrays, and NAME.json, the rest, with the checksum of both. A
snapshot is snapshot.json, which names the files it stands on. Rows of the dataset are written once,
in the round that brought them. A file is renamed into place when it is whole, snapshot.json last of
all, so that a crash at any moment leaves the snapshot before it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from eltanin.campaign import Snapshot
from eltanin.protocols import Dataset
from eltanin.store import durable
from eltanin.store.durable import IntegrityError
from eltanin.store.sealed import damaged, open_json, pack, seal_json, sha256, unpack
from eltanin.store.trees import decode, encode

FORMAT = 1
ARRAYS, REST, FRESH = ".safetensors", ".json", ".safetensors.new"
Files = tuple[bytes, bytes]  # arrays and rest
Rows = Dataset[Any, Any, Any]

__all__ = ["IntegrityError", "load_snapshot", "load_tree", "save_snapshot", "save_tree"]


def save_tree(path: Path, tree: Any) -> None:
    """Write a tree to `path` with the suffixes .safetensors and .json, in the place of an older one."""
    _write(path, _files(tree))


def load_tree(path: Path) -> Any:
    """Return the tree; an `IntegrityError` names a file that is not what was written."""
    rest = _with(path, REST)
    return _read(path, durable.read(rest))


def save_snapshot(folder: Path, snapshot: Snapshot) -> None:
    """Write a snapshot in the place of the last one: its state, and those rows that are new."""
    durable.make_folder(folder)
    before = _rows_before(folder)
    rows = [_save_rows(folder, number, part, before) for number, part in _by_round(snapshot.data)]
    arrays, rest = _files({f.name: getattr(snapshot, f.name) for f in fields(snapshot) if f.name != "data"})
    state = f"state-{sha256(rest)[:16]}"
    _write(folder / state, (arrays, rest))
    body = {"format": FORMAT, "state": {"name": state, "sha256": sha256(rest)}, "rows": rows}
    durable.replace(folder / "snapshot.json", seal_json(body))
    _clean(folder, {state, *(part["name"] for part in rows)})


def load_snapshot(folder: Path) -> Snapshot:
    """Return the last snapshot, whoever may be writing the next one."""
    path = folder / "snapshot.json"
    while True:
        content = durable.read(path)
        try:
            return _snapshot(folder, open_json(path, content))
        except IntegrityError:
            if durable.read(path) == content:
                raise


def _snapshot(folder: Path, body: Mapping[str, Any]) -> Snapshot:
    if body["format"] != FORMAT:
        raise _of_another_form(folder / "snapshot.json", body["format"])
    parts: list[Rows] = [_named(folder, part) for part in body["rows"]]
    data = Rows.concatenate(parts) if len(parts) > 1 else next(iter(parts), None)
    try:
        return Snapshot(data=data, **_named(folder, body["state"]))
    except TypeError as error:
        raise IntegrityError(f"{folder} is of another Eltanin ({error}): use the one that wrote it") from error


def _named(folder: Path, part: Mapping[str, Any]) -> Any:
    """Return the tree that a snapshot names, if it is the one it means."""
    path = folder / part["name"]
    try:
        rest = durable.read(_with(path, REST))
    except FileNotFoundError as error:
        raise _gone(_with(path, REST)) from error
    if sha256(rest) != part["sha256"]:
        raise damaged(_with(path, REST))
    return _read(path, rest)


def _by_round(data: Rows | None) -> Iterator[tuple[int, Rows]]:
    """Yield the rows of each round; what was written of a round is never written again."""
    if data is None:
        return
    if np.any(np.diff(data.round) < 0):
        raise ValueError("the rows of a dataset come in the order of their rounds, and these do not: sort by `round`")
    for number in np.unique(data.round) if len(data) else [0]:
        yield int(number), data[data.round == number]


def _save_rows(folder: Path, number: int, rows: Rows, before: Mapping[str, str]) -> dict[str, Any]:
    """Write the rows of a round if the last snapshot does not hold them; say what they are called."""
    files = _files(rows)
    digest, name = sha256(files[1]), f"rows-{number:06d}"
    if before.get(name, digest) != digest:  # of the last snapshot, which must stay whole until the next is
        name = f"{name}-{digest[:16]}"
    if name not in before or not all(_with(folder / name, suffix).exists() for suffix in (ARRAYS, REST)):
        _write(folder / name, files)
    return {"name": name, "rows": len(rows), "sha256": digest}


def _rows_before(folder: Path) -> dict[str, str]:
    """Return names and checksums of the rows that the last snapshot stands on."""
    path = folder / "snapshot.json"
    try:
        return {part["name"]: part["sha256"] for part in open_json(path, durable.read(path))["rows"]}
    except (FileNotFoundError, IntegrityError):  # there is none to protect
        return {}


def _clean(folder: Path, names: set[str]) -> None:
    """Remove what only an older snapshot, or one that was never finished, stood on."""
    kept = {name + suffix for name in names for suffix in (ARRAYS, REST)}
    for path in folder.iterdir():
        if path.name.startswith(("rows-", "state-")) and path.name not in kept:
            path.unlink()
    durable.sweep(folder, age=0.0)


def _files(tree: Any) -> Files:
    skeleton, arrays = encode(tree)
    content = pack(arrays)
    body = {"format": FORMAT, "arrays": {"sha256": sha256(content), "size": len(content)}, "tree": skeleton}
    return content, seal_json(body)


def _write(path: Path, files: Files) -> None:
    """Write both files, so that at any moment one pair of them is whole."""
    arrays, rest, fresh = _with(path, ARRAYS), _with(path, REST), _with(path, FRESH)
    if fresh.exists():
        _settle(path)
    if not rest.exists():
        durable.replace(arrays, files[0])
        durable.replace(rest, files[1])
        return
    durable.replace(fresh, files[0])
    durable.replace(rest, files[1])
    os.replace(fresh, arrays)  # noqa: PTH105  the tests count these calls
    durable.sync(path.parent)


def _settle(path: Path) -> None:
    """End a writing that was interrupted between the two files, if the new pair was in force already."""
    arrays, rest, fresh = _with(path, ARRAYS), _with(path, REST), _with(path, FRESH)
    with suppress(FileNotFoundError, IntegrityError):
        if _is(fresh, open_json(rest, durable.read(rest))["arrays"]):
            os.replace(fresh, arrays)  # noqa: PTH105


def _is(path: Path, about: Mapping[str, Any]) -> bool:
    return path.exists() and path.stat().st_size == about["size"] and sha256(durable.read(path)) == about["sha256"]


def _read(path: Path, rest: bytes) -> Any:
    body = open_json(_with(path, REST), rest)
    if body["format"] != FORMAT:
        raise _of_another_form(_with(path, REST), body["format"])
    content = _arrays(path, body["arrays"])
    try:
        return decode(body["tree"], unpack(_with(path, ARRAYS), content))
    except (KeyError, TypeError, ValueError) as error:
        raise damaged(_with(path, REST)) from error
    except LookupError as error:
        raise IntegrityError(f"{_with(path, REST)}: {error}") from error


def _arrays(path: Path, about: Mapping[str, Any]) -> bytes:
    """Return the arrays that belong to the rest: those just written, if their renaming is still due."""
    for candidate in (_with(path, FRESH), _with(path, ARRAYS)):
        try:
            content = durable.read(candidate)
        except FileNotFoundError:
            continue
        if len(content) == about["size"] and sha256(content) == about["sha256"]:
            return content
    raise damaged(_with(path, ARRAYS)) if _with(path, ARRAYS).exists() else _gone(_with(path, ARRAYS))


def _with(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _gone(path: Path) -> IntegrityError:
    return IntegrityError(f"{path} is missing: restore it from a copy")


def _of_another_form(path: Path, form: Any) -> IntegrityError:
    return IntegrityError(f"{path} is of form {form}, this Eltanin knows {FORMAT}: use the one that wrote it")
