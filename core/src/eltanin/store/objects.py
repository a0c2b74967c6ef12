"""The objects of a store: a file for each label and failure, written once, whole, and never changed.

    objects/ab/<key>.safetensors              a label: its arrays, and JSON on how it was made
    objects/ab/<key>.failure-1.safetensors    why there was none, at the first attempt
    leases/<key>.lease-1                      who is making it just now

This is all that a worker needs to keep the label it made, wherever it runs: nothing here is locked,
and where several have made the same label, the first one stays, for all of them. Reading checks
every byte.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

from eltanin.store import durable, leases
from eltanin.store.durable import IntegrityError
from eltanin.store.folder import SHARDS
from eltanin.store.history import History
from eltanin.store.leases import Lease
from eltanin.store.records import NAME, Record, from_bytes, name_of, to_bytes

KEY = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Objects:
    """The files below `root`; cheap to hand to a worker."""

    root: Path

    @property
    def folder(self) -> Path:
        """Where the files are."""
        return self.root / "objects"

    @property
    def history(self) -> History:
        """What has happened to the store, apart from labels."""
        return History(self.root / "history.jsonl")

    def path(self, key: str, attempt: int = 0) -> Path:
        """Return the file of a label, or of a failed attempt."""
        if not KEY.fullmatch(key):
            raise ValueError(f"{key!r} is no key of a label: a key is the 64 hexadecimal digits of a sha256")
        return self.folder / key[:2] / name_of(key, attempt)

    def put(self, record: Record) -> Record:
        """Keep an answer; return what is now held, which is what others had before, if they had."""
        if record.failure is None:
            return self._put_label(replace(record, attempt=0))
        with suppress(FileNotFoundError):
            return self.read(self.path(record.key))  # a label outranks any failure
        for attempt in count(self.attempts(record.key) + 1):  # a free number is a new attempt, whoever else counts
            mine = replace(record, attempt=attempt)
            if durable.create(self.path(record.key, attempt), to_bytes(mine)):
                return mine
        raise AssertionError

    def _put_label(self, mine: Record) -> Record:
        path = self.path(mine.key)
        if not path.exists() and durable.create(path, to_bytes(mine)):
            return mine
        try:
            kept = self.read(path)
        except FileNotFoundError as error:
            raise IntegrityError(f"{path} was there and is gone: is somebody cleaning {self.root}?") from error
        if kept.bits != mine.bits:
            self.history.note("discrepancy", key=mine.key, kept=kept.bits, refused=mine.bits, origin=mine.origin)
        return kept

    def find(self, key: str) -> Record | None:
        """Return the label, or else the last failure, or none."""
        with suppress(FileNotFoundError):
            return self.read(self.path(key))
        if last := self.attempts(key):
            with suppress(FileNotFoundError):  # set aside meanwhile
                return self.read(self.path(key, last))
        return None

    def attempts(self, key: str) -> int:
        """Return how many failures are held of a key."""
        return next(n for n in count(1) if not self.path(key, n).exists()) - 1

    def all_of(self, key: str) -> list[Path]:
        """Return the files of a key: those of its failures, and of its label."""
        failures = [self.path(key, n + 1) for n in range(self.attempts(key))]
        return [*failures, self.path(key)] if self.path(key).exists() else failures

    def set_aside(self, key: str) -> list[int]:
        """Move failures away, and a label that is damaged; return their attempts, the last one first."""
        away = self.root / "set-aside"
        durable.make_folder(away)
        moved = [n for n in range(self.attempts(key), -1, -1) if n or self._is_damaged(key)]
        for attempt in moved:
            path = self.path(key, attempt)
            os.replace(path, away / f"{time.time_ns()}-{path.name}")  # noqa: PTH105  the tests count these calls
        durable.sync(away)
        durable.sync(self.path(key).parent)
        return moved

    def _is_damaged(self, key: str) -> bool:
        try:
            self.read(self.path(key))
        except FileNotFoundError:
            return False
        except IntegrityError:
            return True
        return False

    def claim(self, key: str) -> Lease:
        """Begin to make a label; raise `Held` if somebody else is at it. `find` it again afterwards."""
        return leases.take(self.root / "leases", self.path(key).stem)

    def files(self) -> Iterator[Path]:
        """Yield all files, in the order of their keys."""
        for shard in SHARDS:
            with suppress(FileNotFoundError):
                names = sorted(os.listdir(self.folder / shard))  # noqa: PTH208  a path of each is made when it is due
                yield from (self.folder / shard / name for name in names if NAME.fullmatch(name))

    def read(self, path: Path) -> Record:
        """Return the record of a file."""
        try:
            return from_bytes(path, durable.read(path))
        except IntegrityError as error:
            key = path.name.partition(".")[0]
            raise IntegrityError(
                f"{error}; or `elt store retry {self.root} {key}`, and it is asked for again"
            ) from error
