"""Batches: what flows round the loop is columns with a sample axis.

A *column* is an array whose first axis counts samples, a ``Ragged`` array where samples differ in
size (atoms of structures, cells of a flow), or a mapping of names to columns. A batch is a frozen
dataclass of columns. Arrays may be of any Array-API library; torch tensors stay on their device.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from itertools import pairwise
from typing import Any, Self, TypeVar

import numpy as np
from array_api_compat import array_namespace

Array = Any  # of any Array-API library: numpy.ndarray, torch.Tensor, …
Column = Any  # Array | Ragged | Batch | Mapping[str, Column]
C = TypeVar("C")

# Positions that differ by less than this many decimals are one configuration.
DECIMALS = 8


@dataclass(frozen=True)
class Ragged:
    """Samples of different length, one behind the other: no padding, no ghosts.

    values: (sum of counts, ...).  counts: (n,) integers, rows of each sample.
    """

    values: Array
    counts: np.ndarray

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.counts)

    @property
    def offsets(self) -> np.ndarray:
        """Where each sample begins in ``values``, and where the last one ends, (n + 1,)."""
        return np.concatenate([[0], np.cumsum(self.counts)]).astype(np.int64)

    @property
    def owner(self) -> np.ndarray:
        """The sample that each row of ``values`` belongs to, (sum of counts,)."""
        return np.repeat(np.arange(len(self.counts)), self.counts)

    def __getitem__(self, index: Any) -> Ragged:
        """Return the samples named by an integer array, a mask or a slice."""
        chosen = np.arange(len(self))[index]
        starts, counts = self.offsets[chosen], self.counts[chosen]
        shift = np.repeat(starts - np.concatenate([[0], np.cumsum(counts)[:-1]]), counts)
        return Ragged(self.values[np.arange(counts.sum()) + shift.astype(np.int64)], counts)

    def rows(self) -> list[Array]:
        """Return the samples one by one, each (count, ...)."""
        return [self.values[begin:end] for begin, end in pairwise(self.offsets)]

    @classmethod
    def of(cls, rows: Sequence[Array]) -> Self:
        """Join samples, each (count, ...); at least one, or the row shape would be unknown."""
        counts = [len(row) for row in rows]
        return cls(join(rows, counts), np.array(counts, dtype=np.int64))


class Batch:
    """Base of frozen dataclasses whose fields are columns over the same samples."""

    def __len__(self) -> int:
        """Return the number of samples."""
        return length(columns_of(self))

    def __getitem__(self, index: Any) -> Self:
        """Return the samples named by an integer array, a mask or a slice."""
        return type(self)(**take(columns_of(self), index))

    @classmethod
    def concatenate(cls, parts: Sequence[Self]) -> Self:
        """Join batches of this type, at least one."""
        return cls(**join([columns_of(part) for part in parts], [len(part) for part in parts]))


@dataclass(frozen=True)
class Properties(Batch):
    """Named columns, present or not for each sample: labels (Y) and predictions (P).

    values: name to column.  present: name to (n,) booleans; where it is false the value is NaN
    (an empty row if ragged).  sigma: standard error of noisy values, by name.
    """

    values: Mapping[str, Column]
    present: Mapping[str, Array]
    sigma: Mapping[str, Column] = field(default_factory=dict)

    @classmethod
    def of(cls, **values: Column) -> Self:
        """Take every value as present."""
        return cls(values, {k: np.ones(length(v), dtype=bool) for k, v in values.items()})

    @classmethod
    def none(cls, n: int) -> Self:
        """Return n samples of which nothing is known."""
        return cls({}, {"nothing": np.zeros(n, dtype=bool)})

    def has(self, name: str) -> np.ndarray:
        """Return where the property is present, (n,) booleans."""
        return np.asarray(self.present.get(name, np.zeros(len(self), dtype=bool)))


def columns_of(batch: Any) -> dict[str, Column]:
    """Return the fields of a batch by name, as they are."""
    return {f.name: getattr(batch, f.name) for f in fields(batch)}


def length(column: Column) -> int:
    """Return the number of samples of a column; of a mapping, that of its first one that has any."""
    if not isinstance(column, Mapping):
        return len(column)
    return next((n for c in column.values() if (n := length(c))), 0)


def take(column: C, index: Any) -> C:
    """Return the samples of a column named by an integer array, a mask or a slice."""
    if isinstance(column, Mapping):
        return {name: take(c, index) for name, c in column.items()}  # type: ignore[return-value]
    return column[index]  # type: ignore[index]


def join(parts: Sequence[C], sizes: Sequence[int]) -> C:
    """Join columns of one kind, of so many samples; a name that a part lacks is `missing` there."""
    first: Any = parts[0]
    many: Any = parts
    if isinstance(first, Mapping):
        return _join_mappings(many, sizes)  # type: ignore[return-value]
    if isinstance(first, Ragged):
        rows = [len(p.values) for p in many]
        counts = np.concatenate([p.counts for p in many])
        return Ragged(join([p.values for p in many], rows), counts)  # type: ignore[return-value]
    if isinstance(first, Batch):
        return type(first).concatenate(many)  # type: ignore[return-value]
    return array_namespace(*many).concat(list(many))


def _join_mappings(parts: Sequence[Mapping[str, Column]], sizes: Sequence[int]) -> dict[str, Column]:
    examples = {name: c for part in reversed(parts) for name, c in part.items()}
    return {
        name: join([p[name] if name in p else missing(c, n) for p, n in zip(parts, sizes, strict=True)], sizes)
        for name, c in sorted(examples.items())
    }


def missing(like: Column, n: int) -> Column:
    """Return n samples of a column that has none: NaN, -1, false, no text, or an empty row."""
    if isinstance(like, Ragged):
        return Ragged(like.values[:0], np.zeros(n, dtype=np.int64))
    if isinstance(like, Mapping):
        return {name: missing(c, n) for name, c in like.items()}
    host = to_numpy(like)
    blank: Any = {"b": False, "i": -1, "u": 0, "U": ""}.get(host.dtype.kind, np.nan)
    return array_namespace(like).asarray(np.full((n, *host.shape[1:]), blank, dtype=host.dtype))


def to_numpy(array: Array) -> np.ndarray:
    """Bring an array to the host, detached from any graph."""
    return np.asarray(array.detach().cpu() if hasattr(array, "detach") else array)


def fingerprints(batch: Batch) -> list[str]:
    """Return a sha256 for each configuration: of its own fields, never of its evidence.

    Floats are rounded to ``DECIMALS`` and -0.0 is 0.0. Equal up to rotation, translation or
    permutation is not equal here: that is for a selector to judge.
    """
    digests = [hashlib.sha256(type(batch).__name__.encode()) for _ in range(len(batch))]
    for name, column in columns_of(batch).items():
        if name == "evidence":
            continue
        rows = column.rows() if isinstance(column, Ragged) else column
        for digest, row in zip(digests, rows, strict=True):
            value = to_numpy(row)
            if value.dtype.kind == "f":
                value = np.round(value.astype("<f8"), DECIMALS) + 0.0
            digest.update(f"{name}{value.dtype.str}{value.shape}".encode())
            digest.update(np.ascontiguousarray(value).tobytes())
    return [digest.hexdigest() for digest in digests]
