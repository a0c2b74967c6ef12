"""Who tells the user how a campaign goes: a live display on a terminal, a line for each round elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

from eltanin.report.phrases import by_region, duration, number, part, percent, plural, quantity, real, with_bar

RECENT = 5  # rounds that tell how long the next one takes


def watcher(stream: TextIO | None = None) -> object:
    """Return the observer that fits a stream, standard output by default."""
    there: TextIO = stream or sys.stdout
    if there.isatty():
        from rich.console import Console

        from eltanin.report.live import Display

        return Display(Console(file=there))
    from eltanin.report.log import RoundLog

    return RoundLog(there)


def time_left(rounds: int, labels: int | None, paces: Sequence[tuple[float, int]]) -> float:
    """Return the seconds until rounds or labels are spent, whichever comes first; NaN before the first round.

    rounds, labels: what is left.  paces: seconds and new labels of the last rounds.
    """
    if not paces:
        return float("nan")
    seconds, found = (sum(column) for column in zip(*paces[-RECENT:], strict=True))
    by_rounds = rounds * seconds / len(paces[-RECENT:])
    return by_rounds if labels is None or not found else min(by_rounds, labels * seconds / found)


def pace(record: Mapping[str, Any]) -> tuple[float, int]:
    """Return the seconds that a round took, and the labels it brought."""
    return sum(real(s) for s in record["seconds"].values()), record["labelled"]


def failed(record: Mapping[str, Any]) -> int:
    """Return how many labels of a round are missing."""
    return sum(record["failed"].values())


def waiting(labels: int, holder: str) -> str:
    """Return what is said while others make labels that this run wants too."""
    return f"{plural(labels, 'label')} of this round are being made by another run: {holder}"


def errors(validation: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Return name, value and unit of each error over the whole test set."""
    return [(quantity(k).name, stated(validation, k), quantity(k).unit) for k in by_region(validation)]


def stated(numbers: Mapping[str, Any], key: str) -> str:
    """Return a number, with its error bar where `key_error` says it."""
    return with_bar(numbers[key], numbers.get(f"{key}_error"))


def trained(record: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return name and value of what a training tells of with an error bar, such as an energy."""
    told = part(record, "training")
    return [(quantity(k).name, stated(told, k)) for k in told if f"{k}_error" in told]


def closing(summary: Mapping[str, Any], folder: Path | None) -> list[tuple[str, str]]:
    """Return what is said at the end: a name and a text for each line."""
    seconds = part(summary, "seconds")
    told = f"{number(summary.get('labelled'))} of {number(summary.get('explored'))} explored"
    if summary.get("labelled_fraction") is not None:
        told += f" ({percent(summary['labelled_fraction'])})"
    told += "".join(
        f", {number(summary[key])} {what}"
        for key, what in (("label_cache_hits", "from the store"), ("label_failures", "failed"))
        if summary.get(key)
    )
    lines = [
        ("status", str(summary.get("status", "unknown"))),
        ("reason", str(summary.get("stop_reason") or "none given")),
        ("rounds", f"{number(summary.get('rounds'))} in {duration(sum(real(s) for s in seconds.values()))}"),
        ("labels", told),
        *((name, f"{value} {unit}".strip()) for name, value, unit in errors(part(summary, "validation"))),
    ]
    if folder is None or summary.get("status") == "stopped":  # a stop is too short for a report
        return lines
    return [*lines, ("report", str(folder / "report.html"))]


def ahead(rounds: int, labels: int | None) -> str:
    """Say what a campaign may spend."""
    return f"at most {plural(rounds, 'round')}" + (f" and {plural(labels, 'label')}" if labels is not None else "")
