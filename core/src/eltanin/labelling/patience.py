"""Patience with a labeler: what a label may take, and when a labeler that fails is not asked any more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from eltanin.errors import EltaninError
from eltanin.labelling.listener import Listener
from eltanin.protocols import Failure
from eltanin.terms import Terms

ALIKE = 3  # failures that begin a campaign and are the same: there is nothing more to learn from another one
ALWAYS_ALLOWED = 10  # failures, before their part of all labels means anything


class LabelerBroken(EltaninError):
    """The labeler fails, or answers, such that asking it again would only cost money."""


@dataclass
class Limits:
    """What labels may take.

    seconds: wall time of one label; one that takes longer is ended, and tried once more with twice as long.
    gigabytes: memory of one label's process; the same.
    failed: part of the labels that may fail in a campaign; beyond it (and 10 failures) the campaign stops.
    """

    seconds: float | None = None
    gigabytes: float | None = None
    failed: float = 0.5

    def __post_init__(self) -> None:
        """Refuse settings that have no meaning."""
        for name in ("seconds", "gigabytes"):
            if (limit := getattr(self, name)) is not None and not limit > 0:
                raise ValueError(f"limits.{name}={limit}: nothing could be labelled; give more than 0, or leave it out")
        if not 0 <= self.failed <= 1:
            raise ValueError(f"limits.failed={self.failed} is a part of all labels: give a number from 0 to 1")

    @property
    def terms(self) -> Terms:
        """On what terms a label is made: it is worth ending even if the campaign has died, for it is kept."""
        return Terms(self.seconds, self.gigabytes, outlives=True)


class Patience:
    """Listens to the answers of a campaign, and ends when it is clear that the labeler is broken."""

    def __init__(self, allowed: float, spent: Mapping[str, int], listener: Listener) -> None:
        """Begin with what came before in the same campaign; `listener` is told all that is heard."""
        self.allowed, self.listener = allowed, listener
        self.labelled, self.failed = spent.get("labelled", 0), spent.get("failed", 0)
        self.alike, self.doubts = list[Failure](), list[Failure]()

    def pass_on(self, key: str, answer: Any, times: int) -> None:
        """Tell of an answer that cost nothing, which so many configurations have in common."""
        for _ in range(times):
            self.listener.answered(key, answer)

    def hear(self, key: str, answer: Any, times: int) -> None:
        """Tell of a new answer, and raise `LabelerBroken` if that was one failure too many."""
        self.pass_on(key, answer, times)
        if not isinstance(answer, Failure):
            self.labelled += 1
            return
        self.failed += 1
        self.alike = _joined(self.alike, answer)
        told = _told(key, answer)
        if len(self.alike) >= ALIKE and not self.labelled:
            raise LabelerBroken(f"no label came yet, and {ALIKE} failed in the same way; {told}")
        asked = self.labelled + self.failed
        if self.failed > max(ALWAYS_ALLOWED, self.allowed * asked):
            raise LabelerBroken(f"{self.failed} of {asked} labels failed, limits.failed={self.allowed:g}; {told}")

    def doubt(self, key: str, failure: Failure) -> None:
        """Tell of a failure that is asked again, for it may pass; if a campaign begins with so many alike, it will not.

        All are asked once before one is asked again, and each may take as long as it is allowed to.
        """
        self.doubts = _joined(self.doubts, failure)
        if len(self.doubts) > ALWAYS_ALLOWED and not self.labelled:
            told = _told(key, failure)
            raise LabelerBroken(f"no label came yet, and {len(self.doubts)} failed in the same way; {told}")


def _joined(alike: list[Failure], failure: Failure) -> list[Failure]:
    """Return the failures that are like the last one, and came right before it."""
    return [*alike, failure] if alike and alike[0][:2] == failure[:2] else [failure]


def _told(key: str, failure: Failure) -> str:
    return f"the last one: {failure.kind}: {failure.message}. `elt repeat RUN {key}` repeats it"
