"""The name of the random stream of a whole batch: of its values and the seed of the campaign."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from eltanin.batch import Batch, Ragged, columns_of, to_numpy


def entropy(x: Batch, seed: int) -> int:
    """Return a number that no other batch and seed have."""
    digest = hashlib.sha256(str(seed).encode())
    for array in _arrays(columns_of(x)):
        digest.update(to_numpy(array).tobytes())
    return int.from_bytes(digest.digest(), "big")


def _arrays(column: Any) -> Iterable[Any]:
    match column:
        case Mapping():
            parts = column.values()
        case Ragged():
            parts = (column.values, column.counts)
        case Batch():
            parts = columns_of(column).values()
        case _:
            return [column]
    return [array for part in parts for array in _arrays(part)]
