"""Who listens while labels are made."""

from __future__ import annotations

from typing import Any, Protocol


class Listener(Protocol):
    """Hears of every configuration once, and of what is waited for."""

    def answered(self, key: str, answer: Any) -> None:
        """Hear a label, or the failure in its place; the key is empty where there is no store."""

    def awaited(self, labels: int, holder: str) -> None:
        """Hear that so many labels are being made by others, and who one of them is."""


class Nobody:
    """Listens to nothing."""

    def answered(self, key: str, answer: Any) -> None:
        """Go on."""

    def awaited(self, labels: int, holder: str) -> None:
        """Go on."""


NOBODY = Nobody()
