"""The history of a store: a line for whatever happened to it that its labels cannot tell."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eltanin.store import lines


@dataclass(frozen=True)
class History:
    """A file that lines are only ever added to, by any number of processes at once."""

    path: Path

    def note(self, event: str, **about: Any) -> None:
        """Add an event: discrepancy, index set aside, merged, rebuilt, retried."""
        lines.append(self.path, {"event": event, "time": time.time(), **about})

    def events(self, event: str | None = None) -> list[Mapping[str, Any]]:
        """Return what happened, in the order it was written; or only the events of one name."""
        return [one for one in lines.read(self.path)[0] if event in (None, one.get("event"))]

    def damaged(self) -> int:
        """Return how many lines cannot be read."""
        return lines.read(self.path)[1]
