"""What a label depends on: its configuration, the method, and which properties were wanted.

The method is described by the labeler itself: its registered name and revision, its settings with
all that is nested in them, the contents of the files that they name, what else it says that they
name (`contents()`: the numbers of a basis set, say), and the versions of the code outside that it
says it stands on. A field that does not bear on the value of a label (a folder for
scratch, a number of cores) says so: ``field(metadata={"method": False})``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import fields, is_dataclass
from enum import Enum
from importlib.metadata import PackageNotFoundError, version
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np

from eltanin.batch import to_numpy
from eltanin.errors import ConfigurationError
from eltanin.locating import PACKAGE, locate
from eltanin.parts.schema import given
from eltanin.registry import name_of
from eltanin.store.sealed import canonical, sha256

NOTHING = "not there"
MOST_FILES = 10_000  # in a folder whose contents are hashed


def label_key(fingerprint: str, method: Mapping[str, Any], wanted: AbstractSet[str]) -> str:
    """Return the key of a label: a sha256 of all that it depends on."""
    return sha256(canonical({"configuration": fingerprint, "method": method_id(method), "wanted": sorted(wanted)}))


def method_id(method: Mapping[str, Any]) -> str:
    """Return the sha256 of the description of a method."""
    return sha256(canonical(method))


def method_of(labeler: Any) -> dict[str, Any]:
    """Return the description of a labeler's method, in plain data."""
    return _component(labeler, "labeler")


def differences(before: Any, after: Any, at: str = "labeler") -> list[str]:
    """Return what is not the same in two descriptions of a method, field by field, in words."""
    if before == after and canonical(before) == canonical(after):  # 1 == 1.0 == True, and they are not the same
        return []
    match before, after:
        case dict(), dict():
            names = sorted({*_entries(before), *_entries(after)})
            sides = [(name, _entries(before).get(name, NOTHING), _entries(after).get(name, NOTHING)) for name in names]
            return [line for name, one, two in sides for line in differences(one, two, f"{at}.{name}")]
        case list(), list() if len(before) == len(after):
            pairs = enumerate(zip(before, after, strict=True))
            return [line for place, (one, two) in pairs for line in differences(one, two, f"{at}[{place}]")]
        case _:
            return [f"{at} was {_told(before)}, now {_told(after)}"]


def _entries(about: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a description says by the names that a user knows: settings are named by themselves."""
    entries = {name: value for name, value in about.items() if name != "settings"}
    settings = about.get("settings", {})
    return {**entries, **settings} if isinstance(settings, dict) else {**entries, "settings": settings}


def _told(value: Any) -> str:
    return value if value is NOTHING else json.dumps(value)


def versions_of(labeler: Any) -> dict[str, str]:
    """Return what code made a label, for the record: it does not bear on the key."""
    package = type(labeler).__module__.partition(".")[0]
    names = ("eltanin-core", "numpy", package.replace("_", "-"))
    return {name: found for name in names if (found := _version(name))}


def _component(part: Any, at: str) -> dict[str, Any]:
    cls: type[Any] = type(part)
    about: dict[str, Any] = {"name": name_of(cls), "revision": getattr(cls, "revision", 1)}
    about["settings"] = {
        name: _plain(value, f"{at}.{name}", data=what == "data") for name, value, what in _bearing(part)
    }
    if callable(contents := getattr(part, "contents", None)):
        about["contents"] = _plain(contents(), at)
    outside: tuple[str, ...] = getattr(cls, "outside", ())
    if outside:
        about["outside"] = {name: _required_version(name, at) for name in outside}
    return about


def _bearing(part: Any) -> Iterator[tuple[str, Any, str | None]]:
    """Yield name, value and origin of fields that bear on labels; domain and executor do not."""
    filled = given(type(part))
    for field in fields(part):
        if field.metadata.get("method", True) and filled.get(field.name) not in ("domain", "executor"):
            yield field.name, getattr(part, field.name), filled.get(field.name)


def _plain(value: Any, at: str, data: bool = False) -> Any:
    match value:
        case Enum():
            return value.name
        case None | bool() | int():
            return value
        case float():
            return float(value) if isfinite(value) else repr(float(value))
        case str() | Path():
            return _text(str(value), at, data or isinstance(value, Path))
        case _:
            return _composed(value, at, data)


def _composed(value: Any, at: str, data: bool) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return _component(value, at)
    if isinstance(value, Mapping):
        return {str(name): _plain(item, f"{at}.{name}", data) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, f"{at}[{place}]", data) for place, item in enumerate(value)]
    if isinstance(value, AbstractSet):
        return sorted((_plain(item, at, data) for item in value), key=canonical)
    if hasattr(value, "__array__"):
        return _array(to_numpy(value))
    raise ConfigurationError(
        f"{at} is a {type(value).__qualname__}, which says nothing about the method of a label: make it plain data or a"
        ' dataclass; if it does not bear on labels, declare it with metadata={"method": False}'
    )


def _array(array: np.ndarray) -> dict[str, Any]:
    whole = np.ascontiguousarray(array)
    return {"dtype": whole.dtype.str, "shape": list(array.shape), "sha256": sha256(whole.tobytes())}


def _text(text: str, at: str, path: bool) -> Any:
    """Return a string as it is, or the contents of what it names.

    A bare word keeps its name beside the contents: `PBE` is a functional, even where a file is
    called so.
    """
    named = locate(text) if text.startswith(PACKAGE) else Path(text).expanduser()
    path = path or "/" in text or "." in text
    if not text or not _is_there(named):
        return text
    contents = {"sha256": _folder(named, at) if named.is_dir() else _file(named)}
    return contents if path else {"name": text, **contents}


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # too long for a name, a NUL in it: no path
        return False


def _file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _folder(folder: Path, at: str) -> str:
    files: list[Path] = []
    for path in folder.rglob("*"):
        if path.is_file():
            files.append(path)
        if len(files) > MOST_FILES:
            raise ConfigurationError(
                f"{at}={folder} is a folder of more than {MOST_FILES} files, and what is in it could bear on labels:"
                ' name a smaller one; if it does not bear on them, declare the field with metadata={"method": False}'
            )
    return sha256(canonical({path.relative_to(folder).as_posix(): _file(path) for path in files}))


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def _required_version(distribution: str, at: str) -> str:
    found = _version(distribution)
    if found is None:
        raise ConfigurationError(
            f"{at} says that its labels depend on the version of {distribution}, which is not installed: install it"
        )
    return found
