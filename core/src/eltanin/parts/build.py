"""Plain data become components: checked against schema and domain, and given what is said at the top."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import Field
from typing import Any, NamedTuple, cast

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from eltanin.conf.explain import explain
from eltanin.errors import ConfigurationError
from eltanin.parts.schema import given, hints, is_required, is_tuple, schema, settings, several, slots
from eltanin.registry import find, load, options, origin

Plain = Mapping[str, Any]
FIRST = ("domain", "system", "executor")  # made in this order, before all others, for these may ask for them


class Choice(NamedTuple):
    """A component that a configuration names, and where."""

    at: str
    group: str
    name: str
    cls: type[Any]

    @property
    def said(self) -> str:
        """How it is said on the command line."""
        return f"{self.group}={self.name}"


def build(root: type[Any], raw: Plain) -> tuple[Any, dict[str, str]]:
    """Return the root dataclass with all its components, and the distributions they came from."""
    _construct(root, _settings(root, raw) | dict.fromkeys(spot.name for spot in slots(root)))  # the quick check first
    raw = with_domain(root, raw)
    found = list(choices(root, raw))
    domain_of(found)
    used = {choice.said: origin(find(choice.group, choice.name)) for choice in found}
    known = {"data": raw.get("data"), **dict.fromkeys(FIRST)}
    at_top = {choice.at: choice for choice in found}
    for place in FIRST:
        if choice := at_top.get(place):
            known[place] = make(choice.cls, raw[place], known, place, choice.name)
    return make(root, raw, known), used


def with_domain(root: type[Any], raw: Plain) -> Plain:
    """Return a configuration that names its domain: the one that its parts belong to, where none is chosen."""
    if raw.get("domain") is not None:
        return raw
    name = domain_of(list(choices(root, raw)))
    default: Any = OmegaConf.structured(schema(load("domain", name), name))
    return {**raw, "domain": OmegaConf.to_container(default, enum_to_str=True)}


def choices(cls: type[Any], raw: Plain, at: str = "") -> Iterator[Choice]:
    """Walk through all components that a configuration names, from the top down."""
    for spot in slots(cls):
        group, filling = spot.metadata["slot"], _filling(spot, raw.get(spot.name))
        if not filling and is_required(spot):
            raise ConfigurationError(_nothing_chosen(group, _path(at, spot.name)))
        for key, one in filling.items():
            place = _path(at, spot.name, key)
            if not isinstance(one, Mapping) or "_name_" not in one:
                raise ConfigurationError(f"{place}={one} is no component. {_nothing_chosen(group, place)}")
            component: Plain = cast("Plain", one)
            choice = Choice(place, group, str(component["_name_"]), load(group, str(component["_name_"])))
            yield choice
            yield from choices(choice.cls, component, place)


def domain_of(found: list[Choice]) -> str:
    """Return the one domain that all components belong to, generic ones apart."""
    for choice in found:
        if not isinstance(getattr(choice.cls, "domain", None), str):
            raise ConfigurationError(
                f"{choice.said}: {choice.cls.__name__} names no domain; its class needs a line domain: ClassVar[str]."
            )
    special = [choice for choice in found if choice.cls.domain != "any"]
    domains = {choice.cls.domain for choice in special}
    if len(domains) > 1:
        each = ", ".join(f"{choice.said} ({choice.cls.domain})" for choice in special)
        raise ConfigurationError(
            f"parts of different domains cannot work together: {each}. Choose all of one domain (`elt plugins`"
            " lists them); experiment=null leaves out the preset."
        )
    if not domains:
        raise ConfigurationError("no part names its domain: choose an explorer, a labeler and a model of one domain.")
    return domains.pop()


def make(cls: type[Any], raw: Plain, known: Plain, at: str = "", name: str | None = None) -> Any:
    """Return ``cls(**raw)``: keys and types checked, slots filled, the rest given from the top."""
    return _construct(cls, _settings(cls, raw, at, name) | _parts(cls, raw, known, at) | _given(cls, known, at), at)


def _construct(cls: type[Any], values: Plain, at: str = "") -> Any:
    try:
        return cls(**values)
    except (ValueError, OSError) as error:  # what the component itself has to say; anything else is a bug
        message = str(error)
        raise ConfigurationError(message if message.startswith(at) else f"{at}: {message}") from error


def _settings(cls: type[Any], raw: Plain, at: str = "", name: str | None = None) -> dict[str, Any]:
    try:
        node: Any = OmegaConf.merge(OmegaConf.structured(schema(cls, name)), dict(raw))
        OmegaConf.to_container(node, throw_on_missing=True)
        values = {f.name: node[f.name] for f in settings(cls)}
        plain = {k: OmegaConf.to_object(v) if OmegaConf.is_config(v) else v for k, v in values.items()}
    except (OmegaConfBaseException, ValueError) as error:
        raise ConfigurationError(explain(error, at)) from error
    if absent := [_path(at, key) for key in values if key not in raw]:
        raise ConfigurationError(f"{', '.join(absent)} not given: a stored configuration holds every setting.")
    return {k: tuple(v) if is_tuple(hints(cls)[k]) and v is not None else v for k, v in plain.items()}


def _parts(cls: type[Any], raw: Plain, known: Plain, at: str) -> dict[str, Any]:
    parts: dict[str, Any] = {}
    for spot in slots(cls):
        group, filling = spot.metadata["slot"], _filling(spot, raw.get(spot.name))
        built = {key: _part(group, one, known, _path(at, spot.name, key)) for key, one in filling.items()}
        parts[spot.name] = built if several(spot) else built.get("")
    return parts


def _part(group: str, raw: Plain, known: Plain, at: str) -> Any:
    name = str(raw["_name_"])
    return known[at] if at in FIRST else make(load(group, name), raw, known, at, name)


def _given(cls: type[Any], known: Plain, at: str) -> dict[str, Any]:
    """Return what the campaign gives; where it has nothing, the component's default serves."""
    asked = given(cls)
    for name, what in asked.items():
        if known[what] is None and not hasattr(cls, name):
            how = f"system=NAME at the top. There is: {', '.join(options(what))}" if what == "system" else "data=PATH"
            raise ConfigurationError(f"{at} needs {what}, and none is given: say {how}.")
    return {name: known[what] for name, what in asked.items() if known[what] is not None}


def _filling(spot: Field[Any], value: Any) -> dict[str, Any]:
    """Return what fills a slot by its name there; in a slot for one its name is empty."""
    return dict(value or {}) if several(spot) else {} if value is None else {"": value}


def _path(*parts: str) -> str:
    return ".".join(part for part in parts if part)


def _nothing_chosen(group: str, at: str) -> str:
    how = f"{group}=NAME" if group.replace("/", ".") == at else f"{group}@{at}=NAME"
    there = ", ".join(options(group)) or "nothing; install a plugin that offers one"
    return f"{at} is missing: choose it with {how}, or take a preset with experiment=NAME. There is: {there}."
