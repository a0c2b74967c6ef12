"""What labels say they were made by: all of one method say the same, or they are of two methods."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from eltanin.protocols import Evidence, Failure
from eltanin.store import durable
from eltanin.store.method import method_id
from eltanin.store.sealed import open_json, seal_json


def otherwise_made(root: Path, method: Mapping[str, Any], evidence: Evidence) -> Failure | None:
    """Return a failure for a label that says something else than the first one of its method, in this store."""
    said = str(evidence.get("method", ""))
    path = root / "methods" / f"{method_id(method)}.json"
    if not path.exists():
        durable.make_folder(path.parent)
        if durable.create(path, seal_json({"method": method, "reported": said})):
            return None
    first = open_json(path, durable.read(path))["reported"]
    if said == first:
        return None
    return Failure(
        "method",
        f"made by {said or 'nothing that it names'}, while the first label of this method says {first or 'nothing'}:"
        f" labels of two methods are never mixed. If the first one is wrong, delete {path}",
    )
