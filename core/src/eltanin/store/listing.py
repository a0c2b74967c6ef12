"""What a store holds, method by method; and what it could not have, key by key."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from eltanin.protocols import Failure
from eltanin.store.attempts import settled
from eltanin.store.durable import IntegrityError
from eltanin.store.index import Row
from eltanin.store.labels import LabelStore


@dataclass(frozen=True)
class Method:
    """What was paid for one method. failures: keys without a label, by the kind of their last failure."""

    method: str
    labeler: str
    labels: int
    failures: dict[str, int]
    hours: float
    bytes: int
    description: dict[str, Any]


@dataclass(frozen=True)
class Failed:
    """A key without a label. quarantined: it is not asked again."""

    key: str
    kind: str
    attempts: int
    quarantined: bool
    labeler: str
    method: str
    message: str
    output: str


def methods(store: LabelStore) -> list[Method]:
    """Return all methods that were paid for."""
    rows = sorted(store.rows(), key=lambda row: (row["labeler"], row["method"], row["key"], row["attempt"]))
    return [_method(store, list(own)) for _, own in groupby(rows, key=lambda row: row["method"])]


def _method(store: LabelStore, rows: list[Row]) -> Method:
    description: dict[str, Any] = {}
    with suppress(IntegrityError, FileNotFoundError):
        description = dict(store.objects.read(store.objects.path(rows[0]["key"], rows[0]["attempt"])).method)
    return Method(
        method=rows[0]["method"],
        labeler=rows[0]["labeler"],
        labels=sum(row["attempt"] == 0 for row in rows),
        failures=dict(sorted(Counter(row["kind"] for row in _last_failures(rows)).items())),
        hours=sum(row["seconds"] for row in rows) / 3600,
        bytes=sum(row["size"] for row in rows),
        description=description,
    )


def failed(store: LabelStore) -> list[Failed]:
    """Return the keys that have no label, and why."""
    return [_failed(store, row) for row in _last_failures(store.rows())]


def _failed(store: LabelStore, row: Row) -> Failed:
    failure = Failure(row["kind"], row["message"])
    with suppress(IntegrityError, FileNotFoundError):
        failure = store.objects.read(store.objects.path(row["key"], row["attempt"])).failure or failure
    told = {name: row[name] for name in ("key", "kind", "labeler", "method", "message")}
    return Failed(attempts=row["attempt"], quarantined=settled(failure, row["attempt"]), output=failure.output, **told)


def _last_failures(rows: Iterable[Row]) -> list[Row]:
    """Return the last row of each key that has no label; rows come sorted by key and attempt."""
    keys = [list(own) for _, own in groupby(rows, key=lambda row: row["key"])]
    return [own[-1] for own in keys if own[0]["attempt"]]
