"""Labels that failed: written down as they happen, and told in the report by kind."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from eltanin.protocols import Failure
from eltanin.report.phrases import number, percent, plural
from eltanin.report.sections import Run, Section, Table

FILE = "failures.jsonl"
EXAMPLES = 3


class FailureLog:
    """Adds a line to ``failures.jsonl`` in the run folder for each label that failed."""

    folder: Path | None = None

    def campaign_started(self, folder: Path | None) -> None:
        """Remember where to write."""
        self.folder = folder

    def labels_failed(self, round: int, failures: Sequence[Failure]) -> None:
        """Add the lines."""
        if self.folder is None:
            return
        lines = [json.dumps({"round": round, "kind": f.kind, "message": f.message}) + "\n" for f in failures]
        with (self.folder / FILE).open("a", encoding="utf-8") as file:
            file.writelines(lines)


def section(run: Run) -> Section | None:
    """Return the section on failed labels; none where none failed."""
    counts: Counter[str] = Counter()
    for record in run.rounds:
        counts.update(record["failed"])
    if not counts.total():
        return None
    asked = counts.total() + sum(record["labelled"] for record in run.rounds)
    said = messages(run.path / FILE)
    rows = [[kind, number(n), "\n".join(said.get(kind, ["–"]))] for kind, n in counts.most_common()]
    words = (
        f"{plural(counts.total(), 'label')} of {number(asked)} asked for failed ({percent(counts.total() / asked)}). "
        "Nothing of them was learned from."
    )
    return Section("Labels that failed", words, tables=[Table(["kind", "labels", "for example"], rows)])


def messages(path: Path) -> dict[str, list[str]]:
    """Return a few different messages for each kind, the first ones; a round done again repeats its own."""
    if not path.exists():
        return {}
    found: dict[str, list[str]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            entry = json.loads(line)
        except json.JSONDecodeError:  # a sudden death leaves half a line
            continue
        known = found.setdefault(entry["kind"], [])
        if entry["message"] not in known and len(known) < EXAMPLES:
            known.append(entry["message"])
    return found
