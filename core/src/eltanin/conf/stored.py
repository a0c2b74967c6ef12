"""YAML that may come from a stranger: small, shallow, without aliases, and data alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from eltanin.errors import ConfigurationError
from eltanin.store import durable

LARGEST = 2**20  # bytes
DEEPEST = 50
LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
OPENING = (yaml.MappingStartEvent, yaml.SequenceStartEvent)
CLOSING = (yaml.MappingEndEvent, yaml.SequenceEndEvent)


def load(path: Path) -> dict[str, Any]:
    """Return the mapping that a YAML file holds, with its interpolations as they stand."""
    check(path)
    try:
        loaded: Any = OmegaConf.to_container(OmegaConf.create(durable.read(path).decode()))
    except (OmegaConfBaseException, yaml.YAMLError, ValueError, RecursionError) as error:
        raise _unreadable(path, " ".join(str(error).split())) from error
    if not isinstance(loaded, dict):
        raise _unreadable(path, "it holds no settings, KEY: VALUE")
    return {str(key): value for key, value in loaded.items()}


def check(path: Path) -> None:
    """Refuse a file that could take all memory, or that is no YAML, before anything is made of it."""
    size = path.stat().st_size
    if size > LARGEST:
        raise _unreadable(path, f"it has {size} bytes, and no configuration needs more than {LARGEST}")
    depth = 0
    try:
        for event in yaml.parse(durable.read(path).decode(), Loader=LOADER):
            depth += isinstance(event, OPENING) - isinstance(event, CLOSING)
            if depth > DEEPEST:
                raise _unreadable(path, f"it is nested more than {DEEPEST} deep")
            if isinstance(event, yaml.AliasEvent):
                raise _unreadable(path, f"*{event.anchor} is an alias, which can stand for very much: write it out")
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise _unreadable(path, " ".join(str(error).split())) from error


def _unreadable(path: Path, why: str) -> ConfigurationError:
    return ConfigurationError(f"{path} cannot be read: {why}. Restore it from a copy, or write it anew.")
