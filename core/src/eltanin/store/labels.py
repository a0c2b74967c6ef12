"""The label store: labels cost hours, so one that was ever made is kept, and never made again.

    objects/ab/<key>.safetensors              a label: its arrays, and JSON on how it was made
    objects/ab/<key>.failure-1.safetensors    why there was none, at the first attempt
    index.db                                  SQLite, made from the objects, and again if need be

A file is written once, whole, and never changed; where several runs have the same label made at the
same time, the first one stays, for all of them. Reading checks every byte.

Failures are kept too: an unconverged calculation costs as much as one that converges, and its
random numbers are named by its key, so asking again would fail again, and pay again. Accidents of
the place (a killed worker, a timeout) are tried again in later asks, three times in all.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Self, TypeVar

from eltanin.store import durable
from eltanin.store.durable import IntegrityError
from eltanin.store.index import Index, Row
from eltanin.store.method import method_id
from eltanin.store.records import Record, from_bytes, to_bytes

T = TypeVar("T")
KEY = re.compile(r"[0-9a-f]{64}")
NAME = re.compile(r"([0-9a-f]{64})(?:\.failure-[1-9][0-9]*)?\.safetensors")
STALE = 3600.0  # seconds after which a half-written file has no writer any more


class LabelStore:
    """A folder of labels; any number of runs and processes may use it at the same time.

    root: made, for its owner alone, if it is not there.  retry_failures: answer nothing where all
    that is known is a failure, so that it is tried again.
    """

    def __init__(self, root: Path, retry_failures: bool = False) -> None:
        self.root, self.retry_failures = root, retry_failures
        self.objects = root / "objects"
        if not self.objects.exists():
            durable.make_folder(root, mode=0o700)
            durable.make_folder(self.objects)
        self._shards: set[str] = set()  # folders below `objects` that are known to be durable
        self._index: Index | None = None
        self._inherited: list[Index] = []
        self._indexed(Index.is_new)

    def get(self, keys: Iterable[str]) -> dict[str, Record]:
        """Return what is known: a label, or else the last failure."""
        found = {key: record for key in keys if (record := self._find(key))}
        strays = [r for k, r in found.items() if not self._indexed(lambda index, k=k, r=r: index.has(k, r.attempt))]
        if strays:  # a process died after it had written a file, and before it could enter it
            self._indexed(lambda index: index.add([self._row(record) for record in strays]))
        return found

    def answers(self, keys: Iterable[str]) -> dict[str, Record]:
        """Return what need not be asked again: labels, and failures that would only repeat themselves."""
        found = self.get(keys)
        return {k: r for k, r in found.items() if r.failure is None or (r.settled and not self.retry_failures)}

    def put(self, key: str, record: Record) -> Record:
        """Keep an answer; return what the store now holds, which is what others had before, if they had."""
        if record.key != key:
            raise ValueError(f"the label of {record.key} was to be kept as {key}: a key is made by label_key")
        if key[:2] not in self._shards:
            durable.make_folder(self._path(key).parent)
            self._shards.add(key[:2])
        mine = replace(record, attempt=0 if record.failure is None else 1)
        while not self._create(mine) and mine.attempt:  # a free number is a new attempt, whoever else counts
            mine = replace(mine, attempt=mine.attempt + 1)
        kept = self._find(key)
        if kept is None:
            raise IntegrityError(f"{self._path(key)} was written and is gone: is somebody cleaning {self.root}?")
        rows = [self._row(one) for one in (mine if mine.attempt else kept, kept)]
        self._indexed(lambda index: index.add(rows))
        return kept

    def rows(self) -> list[Row]:
        """Return what the index says of every label (attempt 0) and failure."""
        return self._indexed(Index.rows)

    def rebuild(self) -> list[str]:
        """Make the index again from the objects; return what is wrong with those that are damaged."""
        rows, wrong = self._read_all()
        there = {(row["key"], row["attempt"]) for row in rows}
        gone = [row for row in self.rows() if (row["key"], row["attempt"]) not in there and not self._has(row)]
        self._indexed(lambda index: index.remove([*gone, *rows]))
        self._indexed(lambda index: index.add(rows))
        for folder in self.objects.iterdir():
            durable.sweep(folder, STALE)
        return wrong

    def verify(self) -> list[str]:
        """Read every object and compare the index with them; return what is wrong, in words."""
        entered = {(row["key"], row["attempt"]): row for row in self.rows()}
        rows, wrong = self._read_all()
        for row in rows:
            if entered.get((row["key"], row["attempt"])) != row:
                wrong.append(f"{self._of(row)} is not in the index, or not as it is: `rebuild` mends that")
        lost = [self._of(row) for row in entered.values() if not self._has(row)]
        return wrong + [f"{path} is in the index, and gone: it will be asked again" for path in lost]

    def close(self) -> None:
        """Close the index; it is opened again when it is needed."""
        if self._index is not None:
            self._index.close()
        self._index = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *about: object) -> None:
        self.close()

    def _path(self, key: str, attempt: int = 0) -> Path:
        if not KEY.fullmatch(key):
            raise ValueError(f"{key!r} is no key of a label: a key is the 64 hexadecimal digits of a sha256")
        failure = f".failure-{attempt}" if attempt else ""
        return self.objects / key[:2] / f"{key}{failure}.safetensors"

    def _create(self, record: Record) -> bool:
        path = self._path(record.key, record.attempt)
        return not path.exists() and durable.create(path, to_bytes(record.key, record))

    def _find(self, key: str) -> Record | None:
        """Return the label, or else the last failure."""
        path = self._path(key)
        attempts = next(n for n in count(1) if not self._path(key, n).exists()) - 1
        try:
            return from_bytes(path, key, durable.read(path))
        except FileNotFoundError:
            last = self._path(key, attempts)
            return from_bytes(last, key, durable.read(last)) if attempts else None

    def _files(self) -> Iterator[tuple[Path, str]]:
        for path in sorted(self.objects.glob("??/*.safetensors")):
            if named := NAME.fullmatch(path.name):
                yield path, named[1]

    def _read_all(self) -> tuple[list[Row], list[str]]:
        """Return the rows of all objects, and what is wrong with those that have none."""
        rows, wrong = list[Row](), list[str]()
        for path, key in self._files():
            try:
                rows.append(self._row(from_bytes(path, key, durable.read(path))))
            except (IntegrityError, FileNotFoundError) as error:
                wrong.append(str(error))
        return rows, wrong

    def _of(self, row: Row) -> Path:
        return self._path(row["key"], row["attempt"])

    def _has(self, row: Row) -> bool:
        return self._of(row).exists()

    def _row(self, record: Record) -> Row:
        key, failure = record.key, record.failure
        return {
            "key": key,
            "attempt": record.attempt,
            "kind": failure.kind if failure else "",
            "message": failure.message if failure else "",
            "configuration": record.configuration,
            "wanted": " ".join(record.wanted),
            "method": method_id(record.method),
            "labeler": str(record.method.get("name", "")),
            "seconds": record.seconds,
            "created": record.created,
            "size": self._path(key, record.attempt).stat().st_size,
        }

    def _indexed(self, act: Callable[[Index], T]) -> T:
        """Do something with the index; one that is damaged is set aside and made again."""
        try:
            return act(self._opened())
        except sqlite3.DatabaseError as error:
            if type(error) is not sqlite3.DatabaseError:  # its subclasses tell of disks and locks, not of damage
                raise
        self._set_aside()
        self.rebuild()
        return act(self._opened())

    def _opened(self) -> Index:
        if self._index is not None and self._index.opened_by != os.getpid():
            self._inherited.append(self._index)  # a forked child must not even close what is its parent's
            self._index = None
        if self._index is None:
            self._index = Index(self.root / "index.db")
            if self._index.is_new() and next(self._files(), None):
                self.rebuild()
        return self._index

    def _set_aside(self) -> None:
        self.close()
        try:
            Index(self.root / "index.db").check()  # somebody else may have mended it
        except sqlite3.DatabaseError:
            for path in self.root.glob("index.db*"):
                path.rename(path.with_name(f"damaged-{path.name}"))
