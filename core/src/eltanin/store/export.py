"""Labels of one method as a file of their domain, for whoever has no store."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eltanin.errors import ConfigurationError
from eltanin.registry import find, load, options
from eltanin.store.labels import LabelStore
from eltanin.store.records import Record


def export(store: LabelStore, path: Path, method: str | None = None) -> int:
    """Write all labels of a method, in the order of their keys; return how many.

    method: how its id begins; it may be left out where there is but one.
    """
    if path.exists():
        raise ConfigurationError(f"{path} is there already: remove it, or choose another name")
    records = _labels(store, method)
    domain = load("domain", _domain(records[0]))()
    configurations: Any = [record.x for record in records]
    labels: Any = [record.answer for record in records]
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        joined = type(configurations[0]).concatenate(configurations), type(labels[0]).concatenate(labels)
        domain.write(path, *joined)
    except ValueError as error:  # the domain's: a name that no format has
        raise ConfigurationError(str(error)) from error
    return len(records)


def _labels(store: LabelStore, method: str | None) -> Sequence[Record]:
    rows = [row for row in store.rows() if row["attempt"] == 0]
    there = {row["method"]: row["labeler"] for row in rows}
    chosen = [one for one in there if one.startswith(method or "")]
    known = ", ".join(f"{one[:12]} ({labeler})" for one, labeler in sorted(there.items()))
    if not there:
        raise ConfigurationError(f"{store.root} holds no label: there is nothing to export")
    if len(chosen) != 1:
        meant = f"method={method} means {len(chosen)} of them" if method else "labels of two methods are never mixed"
        raise ConfigurationError(f"{store.root} holds labels of {known}: {meant}; choose one with --method ID")
    return [store.objects.read(store.objects.path(row["key"])) for row in rows if row["method"] == chosen[0]]


def _domain(record: Record) -> str:
    """Return the domain of a label: its labeler's, or of one that serves all, the configuration's."""
    name: str = load("labeler", str(record.method["name"])).domain
    if name != "any":
        return name
    package = str(record.content.nodes["x"]["batch"]["type"]).partition(":")[0]
    for one in options("domain"):
        if find("domain", one).module.partition(".")[0] == package:
            return one
    raise ConfigurationError(f"labels of configurations of {package}, and no domain of it is installed: install it")
