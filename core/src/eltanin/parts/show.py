"""What is installed, told from metadata and sources alone; and one component in full, which imports it."""

from __future__ import annotations

import inspect
import json
import shutil
import sys
from collections.abc import Iterator
from dataclasses import MISSING as NOTHING
from dataclasses import asdict, astuple, dataclass, is_dataclass
from enum import Enum, EnumMeta
from importlib.metadata import EntryPoint
from typing import Any

from eltanin.conf import presets
from eltanin.errors import ConfigurationError
from eltanin.parts.schema import chosen_first, given, hints, settings
from eltanin.parts.synopsis import synopsis
from eltanin.registry import components, find, groups, load, nearest, options, origin


@dataclass(frozen=True)
class Row:
    """A component, or a preset (role `experiment`), that is installed."""

    role: str
    name: str
    domain: str
    distribution: str
    version: str
    about: str


def rows() -> list[Row]:
    """Return all that is installed, by role and name."""
    parts = [_row(role, point) for (role, _), points in components().items() for point in points]
    return sorted([*_marked(parts), *_presets()], key=lambda row: (row.role == presets.GROUP, row.role, row.name))


def _row(role: str, point: EntryPoint) -> Row:
    told = synopsis(point)
    return Row(role, point.name, told.domain, *_from(point), told.line)


def _from(point: EntryPoint) -> tuple[str, str]:
    return (point.dist.name, point.dist.version) if point.dist else ("", "")


def _marked(parts: list[Row]) -> Iterator[Row]:
    claims = [(row.role, row.name) for row in parts]
    for row in parts:
        twice = claims.count((row.role, row.name)) > 1
        about = f"CONFLICT: registered twice; {row.about}" if twice else row.about
        yield Row(row.role, row.name, row.domain, row.distribution, row.version, about)


def _presets() -> Iterator[Row]:
    for point in presets.packages():
        found = presets.files(point)
        for file in found:
            yield Row(presets.GROUP, file.stem, "", *_from(point), presets.about(file))
        if not found:
            broken = f"BROKEN: {point.value} has no {presets.GROUP}/*.yaml"
            yield Row(presets.GROUP, point.name, "", *_from(point), broken)


def installed(as_json: bool = False, role: str | None = None) -> str:
    """Return a table of all that is installed, or of what is for one role; or JSON, for programs."""
    listed = [row for row in rows() if role in (None, row.role)]
    if as_json:
        return json.dumps([asdict(row) for row in listed], indent=2, ensure_ascii=False)
    return table([("ROLE", "NAME", "DOMAIN", "DISTRIBUTION", "VERSION", ""), *map(astuple, listed)])


def table(lines: list[tuple[str, ...]]) -> str:
    """Return lines with their columns aligned; on a terminal, cut at its edge."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    limit = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    padded = ("  ".join(map(str.ljust, line, widths)) for line in lines)
    return "\n".join(line.rstrip()[:limit] for line in padded)


def show(role: str | None, name: str | None) -> str:
    """Return all that can be said of a component; without a name, what there is for the role."""
    if role is not None and role not in (*groups(), presets.GROUP):
        raise ConfigurationError(f"{role} is not a role{nearest(role, [*groups(), presets.GROUP])}")
    if role is None or name is None:
        return installed(role=role)
    return _preset(name) if role == presets.GROUP else _component(role, name)


def _component(role: str, name: str) -> str:
    cls, at = load(role, name), role.replace("/", ".")
    told = [
        f"{role}={name}   domain {cls.domain}, from {origin(find(role, name))}",
        inspect.getdoc(cls) or "",
        table([("SETTING", "TYPE", "DEFAULT"), *_settings(cls, at)]),
    ]
    for group, place, first in chosen_first(cls):
        how = f"{group}=NAME" if group.replace("/", ".") == f"{at}.{place}" else f"{group}@{at}.{place}=NAME"
        told.append(f"{how}: {', '.join(options(group)) or 'nothing is installed'}; at first {first or 'none'}")
    reads = sorted(set(given(cls).values()) - {"domain"})
    told += [f"Reads what is said at the top with {what}=…" for what in reads]
    return "\n\n".join(told)


def _settings(cls: type[Any], at: str) -> Iterator[tuple[str, str, str]]:
    for f in settings(cls):
        hint, place = hints(cls)[f.name], f"{at}.{f.name}"
        if is_dataclass(hint) and isinstance(hint, type):
            yield from _settings(hint, place)
        else:
            yield place, _type(hint), _default(f)


def _type(hint: Any) -> str:
    if isinstance(hint, EnumMeta):
        return " | ".join(hint.__members__)
    return inspect.formatannotation(hint)


def _default(f: Any) -> str:
    value = f.default_factory() if f.default_factory is not NOTHING else f.default
    if value is NOTHING:
        return "(must be given)"
    return value.name if isinstance(value, Enum) else str(value)


def _preset(name: str) -> str:
    found = presets.presets()
    if name not in found:
        raise ConfigurationError(f"{presets.GROUP}={name} is not installed{nearest(name, sorted(found))}")
    return found[name].read_text(encoding="utf-8")
