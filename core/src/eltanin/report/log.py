"""A plain line for each round: for files, pipes and batch systems."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

from eltanin.report.phrases import duration, number, percent, real
from eltanin.report.progress import ahead, closing, errors, failed, pace, trained, waiting

FIRST = 100  # rounds that get a line each, whatever they take
INTERVAL = 1.0  # seconds between lines after that
WAITING = 60.0  # seconds between lines that say what is waited for


class RoundLog:
    """Writes a line when a round has ended, and a few at the end of the campaign."""

    def __init__(self, stream: TextIO) -> None:
        """Write to a stream."""
        self.stream = stream
        self.folder: Path | None = None
        self.lines, self.said, self.told_of_waiting = 0, 0.0, -WAITING

    def write(self, line: str) -> None:
        """Write a line at once, in letters that the stream has. That its reader left must not end a campaign."""
        letters = self.stream.encoding or "utf-8"
        plain = line.replace("\u202f", "").encode(letters, "replace").decode(letters)
        try:
            self.stream.write(plain + "\n")
            self.stream.flush()
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.stream.fileno())

    def campaign_started(self, folder: Path | None, rounds: int, labels: int | None) -> None:
        """Say where, and how far at most."""
        self.folder = folder
        self.write(f"{folder or 'campaign'}: {ahead(rounds, labels)}")

    def labels_awaited(self, labels: int, holder: str) -> None:
        """Say what is waited for, now and then."""
        now = time.monotonic()
        if now - self.told_of_waiting >= WAITING:
            self.told_of_waiting = now
            self.write(waiting(labels, holder))

    def round_finished(self, record: Mapping[str, Any]) -> None:
        """Say what the round brought; of many quick rounds, only of one in a second."""
        now = time.monotonic()
        if self.lines < FIRST or now - self.said >= INTERVAL:
            self.lines, self.said = self.lines + 1, now
            self.write(line_of(record))

    def campaign_finished(self, summary: Mapping[str, Any]) -> None:
        """Say how it ended."""
        lines = closing(summary, self.folder)
        width = max(len(name) for name, _ in lines) + 2
        for name, told in lines:
            self.write(f"{name + ':':{width}}{told}")


def line_of(record: Mapping[str, Any]) -> str:
    """Return a round in one line."""
    n = record["explored"]
    verdicts = [f"{number(record[k])} {k}" for k in ("accurate", "candidate", "rejected") if record[k]]
    share = f" ({percent(record['accurate'] / n)} accurate)" if n and record["accurate"] else ""
    extra = [(record["audited"], "audits"), (record["cached"], "from the store"), (failed(record), "failed")]
    labels = [f"{number(record['labelled'])} labelled", *(f"{number(k)} {what}" for k, what in extra if k)]
    parts = [
        f"{number(n)} explored: {', '.join(verdicts) or 'none judged'}{share}",
        f"{', '.join(labels)}, {number(record['labels_total'])} in all",
    ]
    if record["deviation"]:
        parts.append(f"median deviation {number(real(record['deviation'].get('q50')))}")
    parts += [f"{name} {value}" for name, value in trained(record)]
    parts += [f"{name} {value} {unit}".strip() for name, value, unit in errors(record["validation"])]
    return f"round {record['round']}: {'; '.join([*parts, duration(pace(record)[0])])}"
