"""What the store knows of a label: the answer and how it was made, in one self-describing file."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, Self

from eltanin.protocols import Failure
from eltanin.store.durable import IntegrityError
from eltanin.store.method import label_key
from eltanin.store.sealed import canonical, damaged, open_arrays, seal_arrays, sha256
from eltanin.store.trees import Arrays, Node, decode, encode

FORMAT = "eltanin label 2"
NAME = re.compile(r"([0-9a-f]{64})(?:\.failure-([1-9][0-9]{0,5}))?\.safetensors")

PARTS: dict[str, Any] = {
    "configuration": str,
    "wanted": list,
    "method": dict,
    "failure": (list, type(None)),
    "seconds": (float, int),
    "origin": dict,
    "versions": dict,
    "created": (float, int),
    "attempt": int,
    "content": dict,
}


class Content(NamedTuple):
    """Trees as they are in a file: opened only when asked for, since their types belong to plugins."""

    nodes: Mapping[str, Node]
    arrays: Arrays


@dataclass(frozen=True)
class Record:
    """An answer, and how it was made; `Record.of` makes one.

    content: the answer, the configuration and the labeler's evidence.  failure: why there is no label,
    if there is none.  configuration: its fingerprint.  wanted: the properties asked for.  method: its
    description.  seconds: what it took.  origin: who asked (run, round, …).  versions: of the code that
    made it.  created: seconds since 1970.  attempt: how often it has been tried, of failures.
    """

    content: Content = field(repr=False)
    failure: Failure | None
    configuration: str
    wanted: tuple[str, ...]
    method: Mapping[str, Any]
    seconds: float = 0.0
    origin: Mapping[str, Any] = field(default_factory=dict[str, Any])
    versions: Mapping[str, str] = field(default_factory=dict[str, str])
    created: float = 0.0
    attempt: int = 0

    @classmethod
    def of(cls, answer: Any, x: Any, *, evidence: Mapping[str, Any] | None = None, **about: Any) -> Self:
        """Return the record of an answer: the label of one configuration `x`, or why there is none."""
        failure = answer if isinstance(answer, Failure) else None
        labels = None if failure else answer
        tree, arrays = encode({"answer": labels, "x": x, "evidence": dict(evidence or {})})
        return cls(Content(tree["dict"], arrays), failure, **about)

    @cached_property
    def key(self) -> str:
        """What the answer depends on."""
        return label_key(self.configuration, self.method, frozenset(self.wanted))

    @cached_property
    def answer(self) -> Any:
        """The labels of one sample, or why there are none."""
        return self.failure or self._decoded("answer")

    @cached_property
    def x(self) -> Any:
        """The configuration, one sample without its evidence."""
        return self._decoded("x")

    @cached_property
    def evidence(self) -> Mapping[str, Any]:
        """What the labeler said of how it reached the answer."""
        found = self._decoded("evidence")
        if not isinstance(found, dict):
            raise IntegrityError(f"the label {self.key} cannot be opened: its evidence is {found!r}, which is none")
        return found

    @cached_property
    def bits(self) -> str:
        """A sha256 of the answer alone: the same for two that agree to the last bit."""
        arrays = {
            name: [array.dtype.str, list(array.shape), sha256(array.tobytes())]
            for name, array in self.content.arrays.items()
            if name.split("/")[0].rstrip("'") == "answer"
        }
        return sha256(canonical([self.failure, self.content.nodes["answer"], arrays]))

    def _decoded(self, part: str) -> Any:
        try:
            return decode(self.content.nodes[part], self.content.arrays)
        except (LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
            raise IntegrityError(f"the label {self.key} cannot be opened: {error}") from error


def name_of(key: str, attempt: int) -> str:
    """Return the name of the file of a label (attempt 0), or of a failure."""
    return f"{key}.failure-{attempt}.safetensors" if attempt else f"{key}.safetensors"


def to_bytes(record: Record) -> bytes:
    """Return the file of a record."""
    about = {
        "key": record.key,
        "configuration": record.configuration,
        "wanted": list(record.wanted),
        "method": record.method,
        "failure": list(record.failure) if record.failure else None,
        "seconds": record.seconds,
        "origin": record.origin,
        "versions": record.versions,
        "created": record.created,
        "attempt": record.attempt,
        "content": record.content.nodes,
    }
    return seal_arrays(record.content.arrays, {"format": FORMAT, "record": json.dumps(about, allow_nan=False)})


def from_bytes(path: Path, content: bytes) -> Record:
    """Return the record of a file, which must be the one that its name says; no plugin is needed."""
    try:
        arrays, header = open_arrays(path, content)
        if header.get("format") != FORMAT:
            raise IntegrityError(
                f"{path} says {header.get('format')!r}, not {FORMAT!r}: use the Eltanin that wrote it, or set the file"
                " aside with `elt store retry STORE KEY`, and it is asked again"
            )
        record = _record(header["record"], arrays)
        name = name_of(record.key, record.attempt)
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise damaged(path) from error
    if name != path.name:
        raise IntegrityError(f"{path} holds the label of another question, {name}: it was renamed; delete it")
    return record


def _record(text: str, arrays: Arrays) -> Record:
    """Return what a file says, if each part is what it must be: whoever can write files can write checksums."""
    about = json.loads(text)
    for part, kind in PARTS.items():
        if not isinstance(about[part], kind):
            raise TypeError(f"{part} is {about[part]!r}")
    json.dumps(about, allow_nan=False, ensure_ascii=False).encode()  # nothing that an index or a screen refuses
    failure = about["failure"] and Failure(*map(str, about["failure"]))
    content = Content({part: about["content"][part] for part in ("answer", "x", "evidence")}, arrays)
    told: dict[str, Any] = {part: about[part] for part in ("configuration", "method", "origin", "versions", "attempt")}
    told |= {"seconds": float(about["seconds"]), "created": float(about["created"])}
    return Record(content, failure, wanted=tuple(map(str, about["wanted"])), **told)
