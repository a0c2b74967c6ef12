"""Where a result comes from, how to make it again, and where it may be trusted."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, cast

import numpy as np

from eltanin.report.phrases import UNKNOWN, by_region, component, last, measured, number, part, quantity, statement
from eltanin.report.sections import Run, Section, Table
from eltanin.store import checked
from eltanin.store.durable import IntegrityError


def section(run: Run) -> Section:
    """Return the section on provenance. The command is the page's own to set."""
    versions = run.plugins or run.summary.get("versions") or {}
    rows = [[name, told] for name, told in flat(versions)]
    tables = [Table(["part", "comes from"], rows, "Distributions and versions")] if rows else []
    return Section("Provenance", f"Seed {run.config.get('seed', run.summary.get('seed', UNKNOWN))}.", tables=tables)


def command(run: Run) -> str:
    """Return the command that does the run again, or the one that goes on with it if none is known."""
    told = run.summary.get("command") or ["elt", "resume", str(run.path)]
    return told if isinstance(told, str) else shlex.join(told)


def configuration(run: Run) -> str:
    """Return the resolved configuration as it stands in the run folder."""
    path = run.path / "config.yaml"
    return path.read_text(encoding="utf-8") if path.exists() else json.dumps(run.config, indent=2, default=str)


def flat(tree: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Return the leaves of a tree, each with its path."""
    found: list[tuple[str, str]] = []
    for key, value in tree.items():
        name, below = f"{prefix}{key}", cast("Mapping[str, Any]", value)
        found += flat(below, f"{name}.") if isinstance(value, Mapping) else [(name, str(value))]
    return found


def guaranteed(run: Run) -> Sequence[str]:
    """Return what the model says to hold whatever it learned."""
    with suppress(FileNotFoundError, IntegrityError):
        return checked.read(run.path / "model" / "manifest.json")["guarantees"]
    return []


def card(run: Run) -> Section | None:
    """Return the model card; none where nothing was trained."""
    if run.data is None or not len(run.data):
        return None
    unit = measured(run.domain.measure).unit
    rows = [
        ["model", component(run.config, "model")],
        ["committee", f"{run.config.get('committee', UNKNOWN)} members"],
        ["learned from", f"{number(len(run.data))} labels"],
        *errors(part(run.summary, "validation") or last(run.rounds, "validation")),
        ["audits", statement(last(run.rounds, "audit"), unit)],
        *(["by construction", one] for one in guaranteed(run)),
    ]
    words = (
        "The committee is in the folder model/. It is to be trusted where it was explored and, outside of that, "
        "nowhere: look at its deviation there before you believe it."
    )
    tables = [Table(["what", "how"], rows)]
    where = explored(run)
    if where:
        tables.append(Table(["evidence", "of the labelled configurations"], where))
    return Section("Model card", words, tables=tables)


def errors(validation: Mapping[str, Any]) -> list[list[str]]:
    """Return the errors over the whole test set."""
    rows: list[list[str]] = []
    for base, regions in by_region(validation).items():
        what = quantity(base)
        rows.append([f"{what.name} on the test set", f"{number(validation[regions['']])} {what.unit}".strip()])
    return rows


def explored(run: Run) -> list[list[str]]:
    """Return between what the plain columns of the evidence lie."""
    assert run.data is not None
    rows: list[list[str]] = []
    for name, column in sorted(getattr(run.data.configurations, "evidence", {}).items()):
        told = span(column) if isinstance(column, np.ndarray) else ""
        if told:
            rows.append([name, told])
    return rows


def span(column: Any) -> str:
    """Say which numbers or words a column (n,) holds; nothing of what has more axes."""
    if column.ndim == 1 and column.dtype.kind == "f" and np.isfinite(column).any():
        least, most = float(np.nanmin(column)), float(np.nanmax(column))
        return number(least) if least == most else f"{number(least)} to {number(most)}"
    if column.ndim == 1 and column.dtype.kind == "U":
        kinds, counts = np.unique(column[~np.isin(column, ["", "nan"])], return_counts=True)
        return ", ".join(f"{k} ({n})" for k, n in zip(kinds[:12], counts, strict=False))
    return ""
