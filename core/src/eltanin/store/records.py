"""What the store knows of a label: the answer and how it was made, in one self-describing file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from eltanin.protocols import Failure
from eltanin.store.durable import IntegrityError
from eltanin.store.method import label_key
from eltanin.store.sealed import damaged, open_arrays, seal_arrays
from eltanin.store.trees import decode, encode

FORMAT = "eltanin label 1"
# Failures of the place and not of the method. The same question may well be answered elsewhere, or
# later, so it is asked again; but not for ever, for a configuration can be what kills a program.
ACCIDENTS = frozenset({"crash", "timeout", "transient"})
ATTEMPTS = 3


@dataclass(frozen=True)
class Record:
    """An answer, and how it was made.

    answer: labels of one sample, or why there are none.  configuration: its fingerprint.  wanted:
    the properties asked for.  method: its description.  seconds: what it took.  origin: who asked
    (run, round, …).  versions: of the code that made it.  created: seconds since 1970.  attempt:
    how often it has been tried, of failures.
    """

    answer: Any
    configuration: str
    wanted: tuple[str, ...]
    method: Mapping[str, Any]
    seconds: float = 0.0
    origin: Mapping[str, Any] = field(default_factory=dict[str, Any])
    versions: Mapping[str, str] = field(default_factory=dict[str, str])
    created: float = 0.0
    attempt: int = 0

    @property
    def key(self) -> str:
        """What the answer depends on."""
        return label_key(self.configuration, self.method, frozenset(self.wanted))

    @property
    def failure(self) -> Failure | None:
        """Why there is no label, if there is none."""
        return self.answer if isinstance(self.answer, Failure) else None

    @property
    def settled(self) -> bool:
        """Whether asking again could bring nothing new."""
        return self.failure is None or self.failure.kind not in ACCIDENTS or self.attempt >= ATTEMPTS


def to_bytes(key: str, record: Record) -> bytes:
    """Return the file of a record."""
    labels, arrays = encode(None if record.failure else record.answer)
    about = {
        "key": key,
        "configuration": record.configuration,
        "wanted": list(record.wanted),
        "method": record.method,
        "failure": list(record.failure) if record.failure else None,
        "seconds": record.seconds,
        "origin": record.origin,
        "versions": record.versions,
        "created": record.created,
        "attempt": record.attempt,
        "labels": labels,
    }
    return seal_arrays(arrays, {"format": FORMAT, "record": json.dumps(about, allow_nan=False)})


def from_bytes(path: Path, key: str, content: bytes) -> Record:
    """Return the record of a file, which must be the one of this key."""
    arrays, header = open_arrays(path, content)
    if header.get("format") != FORMAT:
        raise IntegrityError(f"{path} says {header.get('format')!r}, not {FORMAT!r}: a newer Eltanin may read it")
    try:
        about = json.loads(header["record"])
        labels = decode(about.pop("labels"), arrays)
        failure, found = about.pop("failure"), about.pop("key")
        answer = labels if failure is None else Failure(*failure)
        record = Record(answer, wanted=tuple(about.pop("wanted")), **about)
    except (KeyError, TypeError, ValueError) as error:
        raise damaged(path) from error
    except LookupError as error:
        raise IntegrityError(f"{path}: {error}") from error
    if found != key or record.key != key:
        raise IntegrityError(f"{path} holds the label of another question, {found}: it was renamed; delete it")
    return record
