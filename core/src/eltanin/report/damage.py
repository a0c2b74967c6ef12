"""What of a run folder is damaged: a report without it must say so."""

from __future__ import annotations

from eltanin.report.sections import Run, Section


def section(run: Run) -> Section | None:
    """Return the section on damage; none where all is whole."""
    if not run.damaged:
        return None
    words = "Some of what this run wrote cannot be read any more, and is left out above:"
    return Section("Damaged files", "\n\n".join([words, *run.damaged]))
