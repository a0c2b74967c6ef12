"""The registry: which components are installed, known from metadata alone.

A component is a frozen dataclass named by an entry point of a group ``eltanin.ROLE``; the group
``eltanin.model.descriptor`` holds what fits the slot ``model/descriptor``. Nothing is imported
before it is chosen.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import field
from difflib import get_close_matches
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from eltanin.errors import ConfigurationError

MISSING = "???"  # a slot with this option must be filled by whoever runs the campaign
PREFIX = "eltanin."
APART = {"eltanin.presets", "eltanin.observer"}  # entry-point groups that hold no components


def slot(group: str, option: str | Mapping[str, str] | None = MISSING) -> Any:
    """Declare a field that another component fills: any of `group`, at first the one named `option`.

    With None the slot may stay empty. With a mapping it takes several, each under a name.
    """
    about = {"slot": group, "option": option}
    if option is None:
        return field(default=None, kw_only=True, metadata=about)
    return field(kw_only=True, metadata=about)


@cache
def components() -> dict[tuple[str, str], list[EntryPoint]]:
    """Return the entry points of every component by (group, name); more than one is a conflict."""
    found = entry_points()
    table: dict[tuple[str, str], list[EntryPoint]] = {}
    for group in found.groups:
        if group.startswith(PREFIX) and group not in APART:
            for point in found.select(group=group):
                role = group.removeprefix(PREFIX).replace(".", "/")
                table.setdefault((role, point.name), []).append(point)
    return table


def groups() -> list[str]:
    """Return every group that has a component."""
    return sorted({group for group, _ in components()})


def options(group: str) -> list[str]:
    """Return the names of what is installed for a group."""
    return sorted(name for g, name in components() if g == group)


def nearest(name: str, known: list[str]) -> str:
    """Return how a message about an unknown name ends: what may have been meant, and what there is."""
    close = get_close_matches(name, known, n=1)
    hint = f"; did you mean {close[0]}?" if close else "."
    return f"{hint} There is: {', '.join(known) or 'nothing'}."


def find(group: str, name: str) -> EntryPoint:
    """Return the one entry point of a component."""
    points = components().get((group, name), [])
    if not points:
        raise ConfigurationError(
            f"{group}={name} is not installed{nearest(name, options(group))} `elt plugins` lists what is installed."
        )
    if len(points) > 1:
        who = " and ".join(sorted(f"{origin(p)} ({p.value})" for p in points))
        raise ConfigurationError(f"{group}={name} is registered twice, by {who}: uninstall one of them.")
    return points[0]


def load(group: str, name: str) -> type[Any]:
    """Import a component; this is the only place where one is imported."""
    point = find(group, name)
    try:
        return point.load()
    except (ImportError, AttributeError) as error:
        raise ConfigurationError(
            f"{group}={name} of {origin(point)} cannot be imported: {type(error).__name__}: {error}."
            " Install what it asks for, or choose another."
        ) from error


def origin(point: EntryPoint) -> str:
    """Return the distribution and version that an entry point came with."""
    return f"{point.dist.name} {point.dist.version}" if point.dist else "an unknown distribution"


def name_of(cls: type) -> str:
    """Return the registered name of a class, or where it is defined if it has none."""
    for (_, name), points in components().items():
        for point in points:
            if getattr(sys.modules.get(point.module), point.attr, None) is cls:
                return name
    return f"{cls.__module__}.{cls.__qualname__}"
