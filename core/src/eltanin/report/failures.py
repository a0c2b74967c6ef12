"""Labels that failed, told by kind, with the command that repeats one. A run writes them down as they happen."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from eltanin.report.phrases import number, percent, plural
from eltanin.report.sections import Run, Section, Table
from eltanin.store import lines

FILE = "failures.jsonl"
EXAMPLES = 3
SHOWN = 12  # digits of a key


def section(run: Run) -> Section | None:
    """Return the section on failed labels; none where none failed."""
    counts: Counter[str] = Counter()
    for record in run.rounds:
        counts.update(record["failed"])
    if not counts.total():
        return None
    asked = counts.total() + sum(record["labelled"] for record in run.rounds)
    said = examples(run.path / FILE)
    rows = [[kind, number(n), *told(run, said.get(kind, []))] for kind, n in counts.most_common()]
    words = (
        f"{plural(counts.total(), 'label')} of {number(asked)} asked for failed ({percent(counts.total() / asked)}). "
        "Nothing of them was learned from."
    )
    table = Table(["kind", "labels", "for example", "to repeat one"], rows)
    return Section("Labels that failed", words, tables=[table])


def told(run: Run, found: list[dict[str, Any]]) -> tuple[str, str]:
    """Return what entries say, and the command that asks for one of them again."""
    said = "\n".join(one["message"] for one in found)
    key = next((one["key"] for one in found if one["key"]), "")
    return said or "–", f"elt repeat {run.path} {key[:SHOWN]}" if key else "–"


def examples(path: Path) -> dict[str, list[dict[str, Any]]]:
    """Return a few entries for each kind that say different things, the first ones."""
    found: dict[str, list[dict[str, Any]]] = {}
    for entry in lines.read(path)[0]:
        known = found.setdefault(entry["kind"], [])
        if len(known) < EXAMPLES and entry["message"] not in (one["message"] for one in known):
            known.append(entry)
    return found
