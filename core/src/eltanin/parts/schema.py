"""The schema of a component is its dataclass: its fields as a configuration sees them.

OmegaConf takes a frozen dataclass for read-only, so the schema is a mirror of it: the same fields,
mutable, with the registered name beside them. Slots are open, and what is given from the top of the
campaign is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING as NOTHING
from dataclasses import Field, field, fields, make_dataclass
from enum import Enum
from functools import cache
from typing import Any, get_args, get_origin, get_type_hints

from eltanin.registry import MISSING


@cache
def hints(cls: type) -> dict[str, Any]:
    """Return the types of the fields, without the marks that Annotated carries."""
    return get_type_hints(cls)


@cache
def given(cls: type) -> dict[str, str]:
    """Return which fields are filled from the campaign, and with what of it."""
    marks = {name: get_args(hint) for name, hint in get_type_hints(cls, include_extras=True).items()}
    return {name: args[2] for name, args in marks.items() if args[1:2] == ("given",)}


def settings(cls: type) -> list[Field[Any]]:
    """Return the fields that a configuration may set itself, slots apart."""
    return [f for f in fields(cls) if f.name not in given(cls) and "slot" not in f.metadata]


def slots(cls: type) -> list[Field[Any]]:
    """Return the fields that other components fill."""
    return [f for f in fields(cls) if "slot" in f.metadata]


def several(spot: Field[Any]) -> bool:
    """Say whether a slot takes several components, each under a name."""
    return isinstance(spot.metadata["option"], Mapping)


def chosen_first(cls: type) -> list[tuple[str, str, str | None]]:
    """Return (group, place, option or none) for all that fills the slots before anybody chooses."""
    spots: list[tuple[str, str, str | None]] = []
    for spot in slots(cls):
        group, option = spot.metadata["slot"], spot.metadata["option"]
        if several(spot):
            spots += [(group, f"{spot.name}.{name}", one) for name, one in option.items()]
        else:
            spots.append((group, spot.name, None if option == MISSING else option))
    return spots


def is_required(spot: Field[Any]) -> bool:
    """Say whether a slot must be filled."""
    return spot.metadata["option"] is not None


@cache
def schema(cls: type, name: str | None = None) -> type:
    """Return the mirror of a dataclass; with a name, it holds that name and takes no other."""
    mirror: list[tuple[str, Any, Any]] = []
    if name:
        only: Any = Enum("Name", {name: name})
        mirror.append(("_name_", only, field(default=only[name])))
    for f in fields(cls):
        if "slot" in f.metadata:
            mirror.append((f.name, Any, field(default_factory=_nothing) if several(f) else field(default=None)))
        elif f.name not in given(cls):
            mirror.append((f.name, hints(cls)[f.name], _default(f)))
    return make_dataclass(cls.__name__, mirror, namespace={"component": cls})


def _nothing() -> dict[str, Any]:
    return {}


def _default(f: Field[Any]) -> Any:
    if f.default is NOTHING and f.default_factory is NOTHING:
        return field(default=MISSING)
    if f.default is NOTHING:
        return field(default_factory=f.default_factory)  # type: ignore[arg-type]
    return field(default=f.default)


def is_tuple(hint: Any) -> bool:
    """Say whether a field holds a tuple (or none)."""
    return tuple in (hint, get_origin(hint), *map(get_origin, get_args(hint)))
