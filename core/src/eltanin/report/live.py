"""The live display on a terminal: the last rounds as a table, and bars for what is under way."""

from __future__ import annotations

import atexit
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from eltanin.report.phrases import UNKNOWN, duration, last, number, real
from eltanin.report.progress import ahead, closing, errors, failed, pace, time_left, trained, waiting

SHOWN = 8  # rounds in the table
STYLES = {"converged": "bold green", "budget": "bold yellow", "stopped": "bold", "failed": "bold red"}

Record = Mapping[str, Any]


class Column(NamedTuple):
    """A column of the table. worth: the least go first where the terminal is narrow."""

    head: str
    worth: int
    told: Callable[[Record], str]
    style: str = ""


def count(key: str) -> Callable[[Record], str]:
    """Return what tells of one number of a record."""
    return lambda record: number(record[key])


def failures(record: Record) -> str:
    """Return how many labels of a round failed."""
    return number(failed(record))


def median(record: Record) -> str:
    """Return the median deviation of a round."""
    return number(real(record["deviation"].get("q50")))


def error(wanted: str) -> Callable[[Record], str]:
    """Return what tells of one error of a record."""
    return lambda r: next((value for name, value, _ in errors(r["validation"]) if name == wanted), UNKNOWN)


def outcome(wanted: str) -> Callable[[Record], str]:
    """Return what tells of one number of a training."""
    return lambda r: dict(trained(r)).get(wanted, UNKNOWN)


COLUMNS = (
    Column("round", 99, count("round"), "bold"),
    Column("explored", 90, count("explored")),
    Column("accurate", 80, count("accurate"), "green"),
    Column("candidate", 50, count("candidate"), "yellow"),
    Column("rejected", 40, count("rejected"), "red"),
    Column("labelled", 95, count("labelled")),
    Column("audits", 20, count("audited")),
    Column("stored", 30, count("cached")),
    Column("failed", 60, failures, "red"),
    Column("median\ndeviation", 70, median),
)


class Display:
    """Shows a campaign while it runs, and its summary at the end.

    Hooks only write down what happened: the display draws itself a few times a second, however
    many rounds there are.
    """

    def __init__(self, console: Console) -> None:
        """Draw on a console."""
        self.console = console
        self.live = Live(self, console=console, refresh_per_second=4)
        self.folder: Path | None = None
        self.rounds, self.labels = 0, None
        self.begun = time.monotonic()
        self.recent: tuple[Record, ...] = ()
        self.stage, self.round, self.tasks, self.tasks_done, self.stage_begun = "", 0, 0, 0, self.begun
        self.awaited = ""

    def campaign_started(self, folder: Path | None, rounds: int, labels: int | None) -> None:
        """Begin to draw; whatever ends the process, the terminal is given back."""
        self.folder, self.rounds, self.labels = folder, rounds, labels
        self.begun = time.monotonic()
        self.console.print(Text(f"{folder or 'campaign'}: {ahead(rounds, labels)}", style="bold"))
        atexit.register(self.live.stop)
        self.live.start()

    def stage_started(self, round: int, stage: str, tasks: int) -> None:
        """Note which stage runs."""
        self.round, self.stage, self.tasks, self.tasks_done = round, stage, tasks, 0
        self.stage_begun = time.monotonic()

    def task_finished(self) -> None:
        """Note that a task ended."""
        self.tasks_done, self.awaited = self.tasks_done + 1, ""

    def labels_awaited(self, labels: int, holder: str) -> None:
        """Note what is waited for."""
        self.awaited = waiting(labels, holder)

    def round_finished(self, record: Record) -> None:
        """Note what a round brought."""
        self.recent = (*self.recent, record)[-SHOWN:]
        self.stage = ""

    def campaign_finished(self, summary: Mapping[str, Any]) -> None:
        """Stop drawing, and print how it ended."""
        self.stage = ""
        self.live.stop()
        atexit.unregister(self.live.stop)
        self.console.print(summary_table(summary, self.folder))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw what is known now."""
        del console
        parts: list[Any] = [round_table(self.recent, options.max_width)] if self.recent else []
        yield Group(*parts, self.bars(options.max_width))

    def bars(self, width: int) -> Table:
        """Return a bar each for rounds, labels where they are limited, and the stage under way."""
        grid = Table.grid(padding=(0, 2))
        bar = max(10, min(40, width - 50))
        end = self.recent[-1] if self.recent else None
        done, found = (end["round"] + 1, end["labels_total"]) if end else (self.round, 0)
        left = time_left(
            max(0, self.rounds - done),
            None if self.labels is None else max(0, self.labels - found),
            [pace(record) for record in self.recent],
        )
        clock = f"{duration(round(time.monotonic() - self.begun))}, at most {duration(left)} left"
        row(grid, "rounds", bar, done, self.rounds, clock if end else "")
        if self.labels is not None:
            row(grid, "labels", bar, found, self.labels, "")
        if self.stage:
            since = duration(round(time.monotonic() - self.stage_begun))
            told = self.awaited or f"round {self.round}, {since}"
            row(grid, self.stage, bar, self.tasks_done, self.tasks, told)
        return grid


def row(grid: Table, name: str, width: int, done: int, total: int, told: str) -> None:
    """Add a line with a bar; of a total that nobody knows, a pulse."""
    pulse = ProgressBar(total=None, width=width, pulse=True)
    bar = ProgressBar(total=total, completed=min(done, total), width=width) if total else pulse
    count = f"{number(done)}/{number(total)}" if total else ""
    grid.add_row(Text(name, style="bold"), bar, Text(count, justify="right"), Text(told, style="dim"))


def round_table(records: Sequence[Record], width: int) -> Table:
    """Return the last rounds as a table, with as many columns as there is room for."""
    columns = fitting([*COLUMNS, *outcome_columns(records), *error_columns(records)], records, width)
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
    for column in columns:
        table.add_column(column.head, justify="right", style=column.style, no_wrap=True)
    for record in records:
        table.add_row(*(column.told(record) for column in columns))
    return table


def outcome_columns(records: Sequence[Record]) -> list[Column]:
    """Return a column for each number that trainings tell of with an error bar."""
    found = trained(records[-1]) if records else []
    return [Column(name, 88 - i, outcome(name), "cyan") for i, (name, _) in enumerate(found)]


def error_columns(records: Sequence[Record]) -> list[Column]:
    """Return a column for each error on the test set, the first being worth most."""
    found = errors(last(records, "validation"))
    return [Column(f"{name}\n{unit}", 85 - i, error(name), "cyan") for i, (name, _, unit) in enumerate(found)]


def fitting(columns: Sequence[Column], records: Sequence[Record], width: int) -> list[Column]:
    """Return the columns worth most that fit into a width, in their order."""
    padding = 3
    kept: set[str] = set()
    for column in sorted(columns, key=lambda c: -c.worth):
        told = [*column.head.split("\n"), *(column.told(record) for record in records)]
        width -= max(len(one) for one in told) + padding
        if width >= 0:
            kept.add(column.head)
    return [column for column in columns if column.head in kept]


def summary_table(summary: Mapping[str, Any], folder: Path | None) -> Table:
    """Return how a campaign ended."""
    table = Table(box=box.ROUNDED, show_header=False, padding=(0, 1))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, told in closing(summary, folder):
        table.add_row(name, Text(told, style=STYLES.get(told, "") if name == "status" else ""))
    return table
