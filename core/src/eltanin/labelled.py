"""Labelled data that exist already: a file, or parts of a folder, read by the domain."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eltanin.batch import Batch
from eltanin.locating import locate


def find(data: str | None, parts: Sequence[str]) -> list[Path]:
    """Return what `parts` (relative paths or globs) name below `data`, which is a path or package:PACKAGE/FOLDER."""
    if not data:
        raise ValueError("no labelled data are given: say where they are with data=PATH")
    try:
        root = locate(data)
    except ValueError as error:
        raise ValueError(f"data={error}, or give data=PATH") from None
    for part in parts:
        if Path(part).is_absolute() or ".." in Path(part).parts:
            raise ValueError(f"{part!r} lies outside of data={data}: parts are relative paths below it")
    found = [sorted(root.glob(part)) for part in parts] or [[root]]
    for part, paths in zip(parts, found, strict=False):
        if not paths:
            there = ", ".join(sorted(p.name for p in root.iterdir())) if root.is_dir() else "one file"
            raise ValueError(f"nothing in data={data} is called {part!r}; there is: {there}")
    return [path for paths in found for path in paths]


def read(domain: Any, data: str | None, parts: Sequence[str]) -> tuple[Any, Any]:
    """Return configurations and labels of all that `find` finds, joined in order."""
    batches = [domain.read(path) for path in find(data, parts)]
    xs: list[Batch] = [x for x, _ in batches]
    ys: list[Batch] = [y for _, y in batches]
    return type(xs[0]).concatenate(xs), type(ys[0]).concatenate(ys)
