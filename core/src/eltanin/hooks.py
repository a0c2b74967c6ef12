"""What a campaign tells to whoever listens: progress, logs, reports and the observers of others.

An observer is any object with methods of these names that take the arguments they need, by name;
``@hookimpl(tryfirst=True)`` and the like say when it is called. A distribution registers one as an
entry point of the group ``eltanin.observer``.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pluggy

from eltanin.errors import ConfigurationError
from eltanin.protocols import Failure

if TYPE_CHECKING:
    from eltanin.report.sections import Run, Section

hookspec = pluggy.HookspecMarker("eltanin")
hookimpl = pluggy.HookimplMarker("eltanin")
UNMARKED = pluggy.HookimplOpts(
    wrapper=False, hookwrapper=False, optionalhook=False, tryfirst=False, trylast=False, specname=None
)


@hookspec
def campaign_started(folder: Path | None, rounds: int, labels: int | None) -> None:
    """Tell that a campaign begins or goes on, with at most so many rounds and labels."""


@hookspec
def stage_started(round: int, stage: str, tasks: int) -> None:
    """Tell that a stage (explore, select, label, train, validate) of a round begins."""


@hookspec
def task_finished(round: int, stage: str) -> None:
    """Tell that one task of the present stage has ended."""


@hookspec
def labels_failed(round: int, failures: Sequence[Failure], keys: Sequence[str]) -> None:
    """Tell as it happens which labels of a round are missing, why, and their keys; a key is empty without a store."""


@hookspec
def labels_awaited(round: int, labels: int, holder: str) -> None:
    """Tell now and then that so many labels are being made by another run, and by whom."""


@hookspec
def round_finished(record: Mapping[str, Any]) -> None:
    """Hand over the line that a round adds to ``rounds.jsonl``."""


@hookspec
def campaign_finished(summary: Mapping[str, Any]) -> None:
    """Hand over ``summary.json`` when a campaign ends, in whatever way."""


@hookspec
def report_sections(run: Run) -> Sequence[Section]:  # type: ignore[empty-body]
    """Return sections of one's own for the report of a run."""


class Observers(pluggy.PluginManager):
    """Takes a method by its name: one that is not marked is never passed over in silence."""

    def parse_hookimpl_opts(self, plugin: object, name: str) -> pluggy.HookimplOpts | None:
        """Return how a method wants to be called, None if it answers no hook."""
        options = super().parse_hookimpl_opts(plugin, name)
        if options is None and name in vars(self.hook) and callable(getattr(plugin, name)):
            return UNMARKED
        return options


def relay(observers: Iterable[object] = ()) -> pluggy.HookRelay:
    """Return the caller of the hooks, which reaches these observers and every installed one."""
    manager = Observers("eltanin")
    manager.add_hookspecs(sys.modules[__name__])
    for point in entry_points(group="eltanin.observer"):
        register(manager, load(point), f"observer {point.name!r}")
    for observer in observers:
        register(manager, observer, f"observer {type(observer).__name__}")
    return manager.hook


def load(point: EntryPoint) -> object:
    """Return the observer that an entry point names; of a class, an instance."""
    try:
        found = point.load()
    except Exception as error:
        raise ConfigurationError(
            f"the observer {point.name!r} ({point.value}) of {distribution(point)} cannot be loaded: "
            f"{error!r}. Mend or uninstall {distribution(point)}."
        ) from error
    return found() if isinstance(found, type) else found


def distribution(point: EntryPoint) -> str:
    """Return the name of the distribution that declares an entry point."""
    return point.dist.name if point.dist else "an unknown distribution"


def register(manager: pluggy.PluginManager, observer: object, name: str) -> None:
    """Register an observer, refusing one that waits for what never happens."""
    known = ", ".join(sorted(vars(manager.hook)))
    try:
        manager.register(observer)
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        raise ConfigurationError(f"{name} does not fit: {error}. The hooks are {known}.") from error
