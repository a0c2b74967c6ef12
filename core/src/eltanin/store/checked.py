"""JSON that any reader takes, with a short checksum, ``"check"``, as its last entry: what is flipped is noticed."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from eltanin.store import durable
from eltanin.store.lines import DIGITS
from eltanin.store.sealed import canonical, damaged, sha256


def to_bytes(content: Mapping[str, Any]) -> bytes:
    """Return the file of a mapping."""
    plain = json.loads(json.dumps(finite(content)))
    return json.dumps({**plain, "check": _check(plain)}, indent=2).encode() + b"\n"


def write(path: Path, content: Mapping[str, Any]) -> None:
    """Put a mapping in the place of a file."""
    durable.replace(path, to_bytes(content))


def read(path: Path) -> dict[str, Any]:
    """Return the mapping of a file."""
    try:
        content = json.loads(durable.read(path))
        said = content.pop("check")
        if said == _check(content):
            return content
    except (ValueError, LookupError, AttributeError, TypeError, RecursionError):
        pass
    raise damaged(path)


def finite(tree: Any) -> Any:
    """Return a tree of plain data with null for NaN and infinities, which JSON does not have."""
    if isinstance(tree, Mapping):
        return {key: finite(value) for key, value in tree.items()}
    if isinstance(tree, Sequence) and not isinstance(tree, str):
        return [finite(value) for value in tree]
    return None if isinstance(tree, float) and not math.isfinite(tree) else tree


def _check(content: Any) -> str:
    return sha256(canonical(content))[:DIGITS]
