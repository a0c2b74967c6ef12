"""Files that grow line by line: each line is JSON with a short checksum, ``"check"``, as its last key.

A line that a sudden death left half-written, or that was damaged since, is not taken for another:
it is dropped on reading, and counted. The lines around it are read as they are.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from eltanin.store import durable
from eltanin.store.sealed import sha256

DIGITS = 16
LINE = re.compile(rb'(\{.*?), "check": "([0-9a-f]{16})"\}')  # quotes within a string are escaped: no value ends so


def append(path: Path, record: Mapping[str, Any], fsync: bool = True) -> None:
    """Add a line; with `fsync` it is on the disk when this returns. Any number of processes may add lines."""
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags, 0o666)
    try:
        rest = memoryview((b"" if _ends_whole(descriptor) else b"\n") + sealed(record))
        while len(rest):
            rest = rest[os.write(descriptor, rest) :]
        if fsync:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def replace(path: Path, records: Iterable[Mapping[str, Any]]) -> None:
    """Put lines in the place of all there are: a reader sees the old or the new ones."""
    durable.replace(path, b"".join(map(sealed, records)))


def read(path: Path) -> tuple[list[dict[str, Any]], int]:
    """Return the records, and how many lines are torn or damaged; nothing of a file that is not there."""
    try:
        content = durable.read(path)
    except FileNotFoundError:
        return [], 0
    records, damaged = list[dict[str, Any]](), 0
    for line in content.split(b"\n"):
        whole = [match for match in LINE.finditer(line) if _check(match[1]) == match[2]]
        records += [json.loads(match[1] + b"}") for match in whole]
        rest = len(line) - sum(len(match[0]) for match in whole)
        damaged += rest > len(whole)  # after each one byte may stand that was the end of the line
    return records, damaged


def sealed(record: Mapping[str, Any]) -> bytes:
    """Return the line of a record, which is not empty."""
    text = json.dumps(record, allow_nan=False).encode()[:-1]
    return text + b', "check": "' + _check(text) + b'"}\n'


def _check(text: bytes) -> bytes:
    return sha256(text)[:DIGITS].encode()


def _ends_whole(descriptor: int) -> bool:
    """Say whether the last line is a whole one, so that the next does not become a part of it."""
    size = os.fstat(descriptor).st_size
    return size == 0 or os.pread(descriptor, 1, size - 1) == b"\n"
