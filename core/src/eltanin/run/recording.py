"""What is written down while a campaign goes on: its rounds, its failures, and now and then a snapshot."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from eltanin.campaign import Snapshot
from eltanin.hooks import hookimpl
from eltanin.protocols import Failure
from eltanin.run.folder import FAILURES, ROUNDS, RunFolder

AT_RISK = 30.0  # seconds of work that may be lost to a sudden death


@dataclass(frozen=True)
class Recorder:
    """Writes a line for each round, and for each label that failed."""

    files: RunFolder

    @hookimpl
    def round_finished(self, record: dict[str, Any]) -> None:
        """Add the line."""
        self.files.append(ROUNDS, record)

    @hookimpl
    def labels_failed(self, round: int, failures: Sequence[Failure], keys: Sequence[str]) -> None:
        """Add the lines."""
        for failure, key in zip(failures, keys, strict=True):
            self.files.append(FAILURES, {"round": round, **failure._asdict(), "key": key})


class Keeper:
    """Has the last snapshot, and makes it durable when enough work is at risk."""

    def __init__(self, files: RunFolder, pools: bool) -> None:
        """Keep what is said of the pools only where labels are kept too."""
        self.files, self.pools, self.saved = files, pools, time.monotonic()
        self.now: Snapshot | None = None
        self.kept: tuple[int, str] | None = None

    def after_round(self, now: Snapshot) -> None:
        """Save what the report shows, and the snapshot if it is time."""
        self.now = now
        if self.pools:
            self.files.save_pool(now.round - 1, now.feedback)
        if time.monotonic() - self.saved > AT_RISK:
            self.save(now)

    def save(self, now: Snapshot | None) -> None:
        """Save a snapshot, once."""
        self.now = now
        if now is not None and (now.round, now.status) != self.kept:
            self.files.save(now)
            self.saved, self.kept = time.monotonic(), (now.round, now.status)
