"""The label store: labels cost hours, so one that was ever made is kept, and never made again.

    format.json       which form of store this is
    objects/          a file for each label and failure; see `objects`
    leases/           who is making one just now
    methods/          what the first label of each method said it was made by
    set-aside/        failures that were to be asked again
    history.jsonl     what else happened: discrepancies, mergers, damage
    index.db          SQLite, made from the objects, and again if need be

Whoever makes a label writes its object; the index is for listing, and whoever drives a campaign
enters into it what has come.

Failures are kept too: an unconverged calculation costs as much as one that converges, and its
random numbers are named by its key, so asking again would fail again, and pay again. Accidents of
the place (a killed worker, a timeout) are tried again; see `attempts`.
"""

from __future__ import annotations

import os
import sqlite3
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import NamedTuple, Self, TypeVar

from eltanin.errors import ConfigurationError
from eltanin.store import durable, folder, leases
from eltanin.store.attempts import settled
from eltanin.store.durable import IntegrityError
from eltanin.store.index import Index, Row
from eltanin.store.merging import taken_over
from eltanin.store.method import method_id
from eltanin.store.objects import KEY, Objects
from eltanin.store.records import Record, name_of

T = TypeVar("T")
STALE = 3600.0  # seconds after which a half-written file has no writer any more


class Merged(NamedTuple):
    """What came of taking over another store."""

    taken: int
    known: int
    differ: int  # of those known, which have other bits
    wrong: list[str]


class LabelStore:
    """A folder of labels, made if it is not there; any number of runs and processes may use it at once."""

    def __init__(self, root: Path) -> None:
        folder.prepare(root)
        self.root, self.objects = root, Objects(root)
        self._index: Index | None = None
        self._inherited: list[Index] = []
        self._indexed(Index.is_new)

    def get(self, keys: Iterable[str]) -> dict[str, Record]:
        """Return what is known: a label, or else the last failure."""
        found = {key: record for key in keys if (record := self.objects.find(key))}
        strays = [k for k, r in found.items() if not self._indexed(lambda index, k=k, r=r: index.has(k, r.attempt))]
        if strays:  # a process died after it had written a file, and before it could enter it
            self.enter([self.objects.read(path) for key in strays for path in self.objects.all_of(key)])
        return found

    def answers(self, keys: Iterable[str]) -> dict[str, Record]:
        """Return what need not be asked again: labels, and failures that would only repeat themselves."""
        found = self.get(keys)
        return {k: r for k, r in found.items() if r.failure is None or settled(r.failure, r.attempt)}

    def put(self, record: Record) -> Record:
        """Keep an answer and enter it; return what is now held, which is what others had before."""
        kept = self.objects.put(record)
        self.enter([kept])
        return kept

    def enter(self, records: Iterable[Record]) -> None:
        """Enter into the index what is kept already."""
        rows = [self._row(record) for record in records]
        self._indexed(lambda index: index.add(rows))

    def rows(self) -> list[Row]:
        """Return what the index says of every label (attempt 0) and failure."""
        return self._indexed(Index.rows)

    def rebuild(self) -> list[str]:
        """Make the index again from the objects; return what is wrong with those that are damaged."""
        rows, wrong = self._read_all()
        there = {(row["key"], row["attempt"]) for row in rows}
        gone = [row for row in self.rows() if (row["key"], row["attempt"]) not in there and not self._has(row)]
        self._indexed(lambda index: index.replace([*gone, *rows], rows))
        for place in (*self.objects.folder.iterdir(), self.root, self.root / "leases"):
            durable.sweep(place, STALE)
        leases.sweep(self.root / "leases")
        self.objects.history.note("rebuilt", rows=len(rows), damaged=len(wrong))
        return wrong

    def verify(self) -> list[str]:
        """Read every object and compare the index with them; return what is wrong, in words."""
        rows, wrong = self._read_all()
        entered = {(row["key"], row["attempt"]): row for row in self.rows()}  # last: others may be adding labels
        for row in rows:
            if entered.get((row["key"], row["attempt"])) != row:
                wrong.append(f"{self._of(row)} is not in the index, or not as it is: `elt store rebuild` mends that")
        gone = [(row["key"], name_of(row["key"], row["attempt"])) for row in entered.values() if not self._has(row)]
        lost = [self.objects.folder / key[:2] / name for key, name in gone]  # a key of a damaged index need not be one
        return wrong + [f"{path} is in the index, and gone: it will be asked again" for path in lost]

    def merge(self, other: Objects) -> Merged:
        """Take over what another store holds and this one does not; what was here first stays."""
        counts, wrong = Counter[str](), list[str]()
        for parts in taken_over(other, self.objects):
            self.enter([part.kept for part in parts if part.kept])
            counts.update(part.outcome for part in parts)
            wrong += [part.told for part in parts if part.told]
        merged = Merged(counts["taken"], counts["known"], counts["differ"], wrong)
        self.objects.history.note("merged", source=str(other.root), **{**merged._asdict(), "wrong": len(wrong)})
        return merged

    def retry(self, keys: Collection[str] = (), kinds: Collection[str] = ()) -> list[str]:
        """Set failures aside, so that they are asked again: of these keys, or all; of these kinds, or all.

        A label is never set aside, unless its file is damaged and its key is named. Return the keys.
        """
        known = keys or {row["key"] for row in self.rows() if row["attempt"]}
        chosen = [key for key in sorted(known) if self._is_to_be_retried(key, kinds, named=bool(keys))]
        moved = {key: self.objects.set_aside(key) for key in chosen}
        self._indexed(lambda index: index.remove({"key": k, "attempt": n} for k, all_ in moved.items() for n in all_))
        if chosen:
            self.objects.history.note("retried", keys=chosen)
        return chosen

    def close(self) -> None:
        """Close the index; it is opened again when it is needed."""
        if self._index is not None:
            self._index.close()
        self._index = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *about: object) -> None:
        self.close()

    def _is_to_be_retried(self, key: str, kinds: Collection[str], named: bool) -> bool:
        """Say whether all that is known of a key is a failure of some kinds."""
        try:
            record = self.objects.find(key)
        except IntegrityError:
            return named
        if named and (record is None or not record.failure):
            what = "has a label, which is kept for ever" if record else "is not in the store"
            raise ConfigurationError(
                f"{key} {what}: only failures can be asked again; `elt store ls --failed` lists them"
            )
        return record is not None and record.failure is not None and (not kinds or record.failure.kind in kinds)

    def _read_all(self) -> tuple[list[Row], list[str]]:
        """Return the rows of all objects, and what is wrong with those that have none."""
        rows, wrong = list[Row](), list[str]()
        for path in self.objects.files():
            try:
                rows.append(self._row(self.objects.read(path)))
            except (IntegrityError, FileNotFoundError) as error:
                wrong.append(str(error))
        return rows, wrong

    def _of(self, row: Row) -> Path:
        return self.objects.path(row["key"], row["attempt"])

    def _has(self, row: Row) -> bool:
        return KEY.fullmatch(row["key"]) is not None and self._of(row).exists()

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
            "size": self.objects.path(key, record.attempt).stat().st_size,
        }

    def _indexed(self, act: Callable[[Index], T]) -> T:
        """Do something with the index; one that is damaged, or of an older form, is made again."""
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
            if self._index.is_new() and next(self.objects.files(), None):
                self.rebuild()
        return self._index

    def _set_aside(self) -> None:
        """Set a damaged index aside, one process at a time: the next one finds a new one in its place."""
        self.close()
        path = self.root / "index.db"
        lease = leases.wait_for(self.root / "leases", "index")
        try:
            try:
                Index(path).check()
            except sqlite3.DatabaseError as error:
                for one in self.root.glob("index.db*"):
                    one.rename(one.with_name(f"damaged-{one.name}"))
                self.objects.history.note("index set aside", reason=str(error))
            self._index = Index(path)
        finally:
            lease.remove()
