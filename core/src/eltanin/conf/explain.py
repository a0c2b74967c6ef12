"""What OmegaConf and Hydra complain of, in words that name the value, the reason and the remedy."""

from __future__ import annotations

import re
from typing import Any

from hydra.errors import MissingConfigException, OverrideParseException
from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, MissingMandatoryValue, OmegaConfBaseException

from eltanin.errors import EltaninError
from eltanin.parts.schema import given
from eltanin.registry import groups, nearest, options


def explain(error: BaseException, at: str = "") -> str:
    """Return one message for an error and what lies behind it, in the part at this place."""
    preset = re.match(r"In '(experiment/[^']*)'", str(error))
    if preset:
        return (
            f"{preset[1]}: {_message(error, at)} It may be that the preset does not fit a part chosen instead of its"
            " own: choose another preset with experiment=NAME, or none with experiment=null."
        )
    return _message(error, at)


def _message(error: BaseException, at: str) -> str:
    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        return _no_such_option(error)
    if isinstance(error, OverrideParseException):
        return f"{error.override} cannot be read: write KEY=VALUE, and quote what is special: 'KEY=\"a, b\"'."
    cause = error if isinstance(error, OmegaConfBaseException) else error.__cause__ or error.__context__
    if isinstance(error, EltaninError) or not isinstance(cause, OmegaConfBaseException):
        return str(error)
    place = ".".join(str(part) for part in (at, cause.full_key or cause.key) if part not in (None, ""))
    if isinstance(cause, (ConfigKeyError, ConfigAttributeError)) and cause.parent_node is not None:
        return _no_such_key(cause, place)
    if isinstance(cause, MissingMandatoryValue):
        return f"{place} is missing: give {place}=VALUE."
    return _wrong_value(cause, place)


def _no_such_option(error: MissingConfigException) -> str:
    group, _, name = str(error.missing_cfg_file).rpartition("/")
    return f"{group}={name} is not installed{nearest(name, sorted(error.options or options(group)))}"


def _no_such_key(cause: OmegaConfBaseException, place: str) -> str:
    node: Any = cause.parent_node
    key, owner = str(cause.key), place.rpartition(".")[0] or "a campaign"
    if "/" in key:
        return f"{key} is no slot of the parts that are chosen{nearest(key, groups())}"
    component = getattr(node._metadata.object_type, "component", None)
    if component and key in given(component):
        return f"{place} is not set here: it is said once, at the top, with {given(component)[key]}=VALUE."
    known = [str(k) for k in node if k not in ("_name_", "hydra")]
    if owner in groups() and not known and not component:
        return f"{place} cannot be set, for {owner} is empty: choose it first, with {owner}=NAME."
    return f"{place} is not a setting: {owner} has no {key!r}{nearest(key, known)}"


def _wrong_value(cause: OmegaConfBaseException, place: str) -> str:
    reason = str(cause.msg or cause).splitlines()[0].rstrip(".")
    if not place:
        return f"{reason}."
    kinds = {"Float": "a number", "Integer": "a whole number", "Boolean": "true or false"}
    kind = kinds.get(reason.rpartition(" ")[2], "a value that fits")
    return f"{place}: {reason}. Give {place}=VALUE, {kind}{_as_now(cause, place)}."


def _as_now(cause: OmegaConfBaseException, place: str) -> str:
    """Return the present value as an example."""
    parent: Any = cause.parent_node
    there = isinstance(parent, DictConfig) and cause.key in parent
    if not there or OmegaConf.is_interpolation(parent, cause.key):
        return ""
    now = parent.get(cause.key)
    return "" if now is None or isinstance(now, (DictConfig, ListConfig)) else f", as in {place}={now}"
