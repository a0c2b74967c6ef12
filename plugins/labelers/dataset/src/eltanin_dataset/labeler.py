"""The labeler: labels are looked up by the configuration's fingerprint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, ClassVar

import numpy as np

from eltanin import labelled
from eltanin.batch import Batch, Properties, fingerprints
from eltanin.protocols import Data, Failure, Labels, OwnDomain, Rng


@dataclass(frozen=True)
class Lookup:
    """Labels that exist already, looked at only when they are asked for.

    parts: files or folders below the campaign's data, as relative paths or globs; all of it if none
    are named.  Of a configuration that occurs twice, the first label counts.
    """

    domain: ClassVar[str] = "any"
    revision: ClassVar[int] = 1
    outside: ClassVar[tuple[str, ...]] = ()

    data: Data
    reader: OwnDomain
    parts: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Check that the data are there, without reading them."""
        labelled.find(self.data, self.parts)

    def label(self, x: Batch, wanted: frozenset[str], rng: Rng) -> Labels[Properties]:
        """Return the labels of the configurations that are in the data; others are unknown."""
        del rng  # nothing is drawn
        rows, labels = _table(self.reader, self.data, tuple(self.parts), self._newest())
        found = np.array([rows.get(key, -1) for key in fingerprints(x)], dtype=np.int64)
        unknown = Failure("unknown", f"the configuration is not in data={self.data}")
        failures = {int(i): unknown for i in np.flatnonzero(found < 0)}
        # The rows of failures are never read: any label will do for them.
        return Labels(_only(labels[np.maximum(found, 0)], wanted), failures)

    def _newest(self) -> int:
        """Return when any of the files was last changed, ns."""
        roots = labelled.find(self.data, self.parts)
        files = [f for root in roots for f in (root.rglob("*") if root.is_dir() else [root])]
        return max(f.stat().st_mtime_ns for f in files)


@cache
def _table(reader: Any, data: str, parts: tuple[str, ...], newest: int) -> tuple[Mapping[str, int], Properties]:
    """Read the data once in a process, as long as they do not change: fingerprint to row, labels."""
    del newest  # it is there to tell changed files apart
    x, labels = labelled.read(reader, data, parts)
    rows: dict[str, int] = {}
    for row, key in enumerate(fingerprints(x)):
        rows.setdefault(key, row)
    return rows, labels


def _only(labels: Properties, wanted: frozenset[str]) -> Properties:
    """Keep the properties that were asked for."""
    keep = wanted & labels.values.keys()
    if not keep:
        return Properties.none(len(labels))
    return replace(
        labels,
        values={name: labels.values[name] for name in sorted(keep)},
        present={name: labels.present[name] for name in sorted(keep)},
        sigma={name: s for name, s in labels.sigma.items() if name in keep},
    )
