"""Checkpoints: trees and snapshots in files that are whole or not there, and checked on reading.

A tree is NAME.safetensors, its arrays, and NAME.json, the rest, with the checksum of both. A
snapshot is snapshot.json, which names the files it stands on; before.json is the one before it, to
fall back on. Rows of the dataset are written once, in the round that brought them. A file is renamed
into place when it is whole, snapshot.json last of all, so that a crash at any moment leaves the
snapshot before it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from eltanin.campaign import Snapshot
from eltanin.protocols import Dataset
from eltanin.store import durable
from eltanin.store.durable import IntegrityError
from eltanin.store.names import within
from eltanin.store.sealed import damaged, open_json, pack, seal_json, sha256, unpack
from eltanin.store.trees import decode, encode

FORMAT = 1
ARRAYS, REST, FRESH = ".safetensors", ".json", ".safetensors.new"
LAST, BEFORE = "snapshot.json", "before.json"
DAMAGED = "damaged"  # the folder of what a snapshot that cannot be read stood on
Files = tuple[bytes, bytes]  # arrays and rest
Rows = Dataset[Any, Any, Any]

__all__ = ["IntegrityError", "find_snapshot", "load_snapshot", "load_tree", "save_snapshot", "save_tree", "set_aside"]


class Unfamiliar(IntegrityError):
    """A file is whole, and this Eltanin does not know what is in it."""


class Found(NamedTuple):
    """A snapshot, the file it came from, and what is wrong with those after it, in words."""

    snapshot: Snapshot | None
    name: str
    wrong: list[str]


def save_tree(path: Path, tree: Any) -> None:
    """Write a tree to `path` with the suffixes .safetensors and .json, in the place of an older one."""
    _write(path, _files(tree))


def load_tree(path: Path) -> Any:
    """Return the tree; an `IntegrityError` names a file that is not what was written."""
    rest = _with(path, REST)
    return _read(path, durable.read(rest))


def save_snapshot(folder: Path, snapshot: Snapshot) -> None:
    """Write a snapshot: its state, and those rows that are new. The last one becomes the one before."""
    durable.make_folder(folder)
    last, before = (_stands_on(folder / name) for name in (LAST, BEFORE))
    held = before | last
    rows = [_save_rows(folder, number, part, held) for number, part in _by_round(snapshot.data)]
    arrays, rest = _files({f.name: getattr(snapshot, f.name) for f in fields(snapshot) if f.name != "data"})
    state = f"state-{sha256(rest)[:16]}"
    _write(folder / state, (arrays, rest))
    content = seal_json({"format": FORMAT, "state": {"name": state, "sha256": sha256(rest)}, "rows": rows})
    if last and (there := durable.read(folder / LAST)) != content:
        durable.replace(folder / BEFORE, there)
        before = last
    durable.replace(folder / LAST, content)
    _clean(folder, {state, *(part["name"] for part in rows), *before})


def load_snapshot(folder: Path, name: str = LAST) -> Snapshot:
    """Return the last snapshot, or the one before, whoever may be writing the next one."""
    path = folder / name
    while True:
        content = durable.read(path)
        try:
            return _snapshot(path, open_json(path, content))
        except IntegrityError:
            if durable.read(path) == content:
                raise


def find_snapshot(folder: Path) -> Found:
    """Return the last snapshot that is whole, and what is wrong with those after it."""
    wrong = list[str]()
    for name in (LAST, BEFORE):
        try:
            return Found(load_snapshot(folder, name), name, wrong)
        except FileNotFoundError:
            if name == LAST and (folder / BEFORE).exists():
                wrong.append(str(_gone(folder / LAST)))
        except Unfamiliar:
            raise
        except (IntegrityError, OSError) as error:
            wrong.append(str(error))
    return Found(None, "", wrong)


def set_aside(folder: Path, found: Found) -> None:
    """Move what is wrong out of the way, so that nothing is built on it; somebody may be able to mend it."""
    kept = {found.name, *_files_of(_stands_on(folder / found.name))} if found.name else set[str]()
    aside = folder / DAMAGED
    durable.make_folder(aside)
    for path in sorted(folder.iterdir(), key=lambda path: path.name == BEFORE):  # as long as it is there, it counts
        if path.name.startswith((LAST, BEFORE, "rows-", "state-")) and path.name not in kept:
            os.replace(path, aside / path.name)  # noqa: PTH105
    if found.name == BEFORE:
        durable.replace(folder / LAST, durable.read(folder / BEFORE))
    durable.sync(folder)


def _snapshot(path: Path, body: Mapping[str, Any]) -> Snapshot:
    if body["format"] != FORMAT:
        raise _of_another_form(path, body["format"])
    parts: list[Rows] = [_named(path, part) for part in body["rows"]]
    data = Rows.concatenate(parts) if len(parts) > 1 else next(iter(parts), None)
    try:
        return Snapshot(data=data, **_named(path, body["state"]))
    except TypeError as error:
        raise Unfamiliar(f"{path.parent} is of another Eltanin ({error}): use the one that wrote it") from error


def _named(snapshot: Path, part: Mapping[str, Any]) -> Any:
    """Return the tree that a snapshot names, if it is the one it means."""
    path = within(snapshot.parent, part["name"], snapshot)
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


def _save_rows(folder: Path, number: int, rows: Rows, held: Mapping[str, str]) -> dict[str, Any]:
    """Write the rows of a round if no snapshot that is there holds them; say what they are called."""
    files = _files(rows)
    digest, plain = sha256(files[1]), f"rows-{number:06d}"
    name = next((name for name, known in held.items() if known == digest and name.startswith(plain)), plain)
    if held.get(name, digest) != digest:  # of a snapshot, which must stay whole until it is replaced
        name = f"{plain}-{digest[:16]}"
    if name not in held or not all(_with(folder / name, suffix).exists() for suffix in (ARRAYS, REST)):
        _write(folder / name, files)
    return {"name": name, "rows": len(rows), "sha256": digest}


def _stands_on(path: Path) -> dict[str, str]:
    """Return names and checksums of what a snapshot stands on; nothing if there is none to protect."""
    try:
        body = open_json(path, durable.read(path))
        return {part["name"]: part["sha256"] for part in (body["state"], *body["rows"])}
    except (FileNotFoundError, IntegrityError):
        return {}


def _files_of(names: Iterable[str]) -> set[str]:
    return {name + suffix for name in names for suffix in (ARRAYS, REST)}


def _clean(folder: Path, names: set[str]) -> None:
    """Remove what only an older snapshot, or one that was never finished, stood on."""
    kept = _files_of(names)
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
        raise Unfamiliar(f"{_with(path, REST)}: {error}") from error


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
    return Unfamiliar(f"{path} is of form {form}, this Eltanin knows {FORMAT}: use the one that wrote it")
