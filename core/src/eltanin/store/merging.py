"""Taking over what another store holds: checked byte by byte, and what was here first stays."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby, islice
from pathlib import Path
from typing import NamedTuple

from eltanin.errors import ConfigurationError
from eltanin.store.durable import IntegrityError
from eltanin.store.objects import Objects
from eltanin.store.records import Record
from eltanin.store.reported import otherwise_made

WRITERS = 8  # each waits for the disk most of the time
CHUNK = 800  # keys


class Part(NamedTuple):
    """What became of a file of the other store: taken, known, differ or wrong, and then why."""

    outcome: str
    kept: Record | None = None
    told: str = ""


def taken_over(source: Objects, target: Objects) -> Iterator[list[Part]]:
    """Yield what became of the files, many at a time; failures are taken of keys of which nothing is known."""
    if source.folder.resolve() == target.folder.resolve():
        raise ConfigurationError(f"{source.root} is this store itself: there is nothing to merge")
    if not source.folder.is_dir():
        raise ConfigurationError(f"{source.root} is no store of labels: it has no folder `objects`")
    keys = (list(paths) for _, paths in groupby(source.files(), key=lambda path: path.name[:64]))
    with ThreadPoolExecutor(WRITERS) as writers:
        while some := list(islice(keys, CHUNK)):
            done = writers.map(lambda paths: list(_of_one_key(paths, source, target)), some)
            yield [part for parts in done for part in parts]


def _of_one_key(paths: list[Path], source: Objects, target: Objects) -> Iterator[Part]:
    key = paths[0].name[:64]
    unknown = not target.all_of(key)
    for path in paths:
        try:
            theirs = source.read(path)
            new = unknown if theirs.failure else not target.path(key).exists()
            if new and not theirs.failure:
                _refuse_other_method(target, theirs)
            kept = target.put(theirs) if new or not theirs.failure else theirs
        except (IntegrityError, FileNotFoundError) as error:
            yield Part("wrong", told=str(error))
            continue
        yield Part("taken", kept) if new else Part("known" if kept.bits == theirs.bits else "differ")


def _refuse_other_method(target: Objects, theirs: Record) -> None:
    if refusal := otherwise_made(target.root, theirs.method, theirs.evidence):
        raise IntegrityError(f"the label {theirs.key} is not taken over: {refusal.message}")
