"""What is kept: labels, shared by all runs, and the checkpoints of one."""

from __future__ import annotations

from pathlib import Path

from platformdirs import user_data_path

from eltanin.errors import ConfigurationError
from eltanin.store.durable import IntegrityError
from eltanin.store.labels import LabelStore
from eltanin.store.method import label_key, method_of, versions_of
from eltanin.store.objects import Objects
from eltanin.store.records import Record

__all__ = [
    "IntegrityError",
    "LabelStore",
    "Objects",
    "Record",
    "default_folder",
    "label_key",
    "method_of",
    "open_store",
    "versions_of",
]


def default_folder() -> Path:
    """Return the folder that all runs of a user share."""
    return user_data_path("eltanin") / "labels"


def open_store(where: str | None) -> LabelStore | None:
    """Return the store in a folder, in the user's for None; no store for "none"."""
    if where == "none":
        return None
    if where and "://" in where:
        raise ConfigurationError(f"store={where}: stores behind a URL are not known yet; give a folder, or none")
    root = Path(where).expanduser().absolute() if where else default_folder()  # a labeler may leave for elsewhere
    try:
        return LabelStore(root)
    except OSError as error:
        raise ConfigurationError(
            f"store={root}: labels cannot be kept there ({error.strerror}); give a folder of yours with store=PATH,"
            " or store=none to do without"
        ) from error
