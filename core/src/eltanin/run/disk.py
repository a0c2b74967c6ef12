"""Disks: what a run needs of one, and how to tell that one is to blame."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from eltanin.errors import ConfigurationError, EltaninError
from eltanin.run.begun import FILE
from eltanin.run.signals import RESUMABLE
from eltanin.store import default_folder, durable

ROOM = 100_000_000  # bytes that must be free before a run begins or goes on
AT_FAULT = {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.ESTALE}
FULL, FAILING, READ_ONLY = 13, 10, 8  # of SQLite


class Refused(EltaninError):
    """A disk refused something, and the run can go on once it is mended."""

    exit_code = RESUMABLE


@contextmanager
def blamed(folder: Path) -> Generator[None]:
    """Say in words what a disk refused before a campaign began or went on: from then on it has its own way to stop."""
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        if not (why := to_blame(error)):
            raise
        why += ": make room, or mend the disk"
        if (folder / FILE).exists():
            raise Refused(f"{why}; `elt resume {folder}` goes on.") from error
        raise ConfigurationError(f"{why}. Nothing was begun: remove {folder}, and start again.") from error


def check(run_folder: Path, store: str | None, stored: bool) -> None:
    """Refuse to begin where nothing can be kept. stored: whether labels go to a store."""
    writable(run_folder, "hydra.run.dir")
    if stored and store != "none":
        writable(Path(store).expanduser() if store else default_folder(), "store")


def writable(folder: Path, setting: str) -> None:
    """Refuse a folder that cannot be written to, or made, or that has too little room."""
    place = next(one for one in (folder.absolute(), *folder.absolute().parents) if one.exists())
    try:
        durable.forget(durable.write_aside(place / "room", b"is there any?"))
    except OSError as error:
        remedy = "Make room, or mend the disk; or, for a new run, g" if to_blame(error) else "G"
        raise ConfigurationError(
            f"{folder}: nothing can be written there ({error.strerror}). {remedy}ive another with {setting}=FOLDER."
        ) from error
    durable.room(folder, ROOM)


def to_blame(error: BaseException | None) -> str:
    """Say what a disk refused, if that is what an error comes from; else nothing."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in AT_FAULT:
            return f"{error.strerror} ({error.filename})" if error.filename else str(error.strerror)
        if isinstance(error, sqlite3.Error) and getattr(error, "sqlite_errorcode", 0) & 0xFF in (
            FULL,
            FAILING,
            READ_ONLY,
        ):
            return str(error)
        error = error.__cause__
    return ""
