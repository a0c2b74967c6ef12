"""The folder of a store: its form, who may write to it, and the folders in it."""

from __future__ import annotations

import os
from pathlib import Path

from eltanin.errors import ConfigurationError
from eltanin.store import durable
from eltanin.store.durable import IntegrityError
from eltanin.store.sealed import open_json, seal_json

VERSION = 2  # of how objects are laid out
SHARDS = [f"{number:02x}" for number in range(256)]


def prepare(root: Path) -> None:
    """Make what a store needs, for its owner alone; refuse what others could change, or what is newer."""
    if not root.exists():
        durable.make_folder(root, mode=0o700)
    for folder in (root, root / "objects"):
        if folder.exists():
            refuse_others(folder)
    _check_form(root)
    objects = root / "objects"
    objects.mkdir(exist_ok=True)
    for name in sorted(set(SHARDS) - set(os.listdir(objects))):  # noqa: PTH208
        (objects / name).mkdir(exist_ok=True)
    durable.sync(objects)
    durable.sync(root)


def refuse_others(folder: Path) -> None:
    """Raise a `ConfigurationError` if other users can change what is in a folder."""
    durable.closed(folder)
    owner = folder.stat().st_uid
    if os.name == "posix" and owner != os.geteuid():
        raise ConfigurationError(
            f"{folder} belongs to user {owner}, and you are {os.geteuid()}: whoever owns a store can change its labels."
            " Give a folder of your own with store=PATH, and take those labels over with `elt store merge`"
        )


def _check_form(root: Path) -> None:
    """Refuse a store of a newer form. Objects say their form themselves, so a file that is lost is written again."""
    path = root / "format.json"
    try:
        version = int(open_json(path, durable.read(path))["version"])
    except (FileNotFoundError, IntegrityError):
        durable.replace(path, seal_json({"format": "eltanin store", "version": VERSION}))
        return
    if version > VERSION:
        raise ConfigurationError(
            f"{root} is a store of form {version}, this Eltanin knows {VERSION}: use a newer one, or give another"
            " folder with store=PATH"
        )
