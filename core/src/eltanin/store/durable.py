"""Files that are there whole or not at all, whatever ends the process or the power."""

from __future__ import annotations

import os
import secrets
import shutil
import stat
import time
from contextlib import suppress
from pathlib import Path

from eltanin.errors import ConfigurationError, EltaninError

PARTIAL = ".partial"


class IntegrityError(EltaninError):
    """A file is not what was written. The message names it."""


def replace(path: Path, content: bytes) -> None:
    """Put content in the place of a file: a reader sees the old or the new one, never a part."""
    partial = write_aside(path, content)
    try:
        os.replace(partial, path)  # noqa: PTH105  the tests count these calls
    except OSError:
        forget(partial)
        raise
    sync(path.parent)


def create(path: Path, content: bytes) -> bool:
    """Write a file that is not there yet; the first one to do so wins. Say whether it was this one."""
    partial = write_aside(path, content)
    try:
        return _linked(partial, path)
    finally:
        forget(partial)
        sync(path.parent)


def read(path: Path) -> bytes:
    """Return the content of a regular file; a link or a device in its place is not read."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        descriptor = os.open(path, flags)
    except (FileNotFoundError, NotADirectoryError):
        raise
    except OSError as error:
        raise IntegrityError(f"{path} cannot be read ({error.strerror}): restore it from a copy") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise IntegrityError(f"{path} is not a regular file: nothing of the kind was written")
    with os.fdopen(descriptor, "rb") as file:
        return file.read()


def sweep(folder: Path, age: float) -> None:
    """Remove what writers that died left half-written, if it is older than `age` seconds."""
    for partial in folder.glob(f".*{PARTIAL}"):
        with suppress(FileNotFoundError):
            if time.time() - partial.stat().st_mtime >= age:
                partial.unlink()


def sync(folder: Path) -> None:
    """Make the names in a folder durable."""
    if os.name != "posix":  # elsewhere a folder cannot be opened
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def room(folder: Path, needed: int) -> None:
    """Raise a `ConfigurationError` unless so many bytes are free where a folder is, or will be.

    What a quota leaves to a user is not seen here.
    """
    place = next(one for one in (folder.absolute(), *folder.absolute().parents) if one.exists())
    free = shutil.disk_usage(place).free
    if free < needed:
        raise ConfigurationError(
            f"{folder}: {free / 1e9:.2f} GB are free there, and {needed / 1e9:.2f} GB are needed: make room, or choose"
            " a folder on another disk"
        )


def closed(folder: Path) -> Path:
    """Return a folder; raise a `ConfigurationError` if everybody on the machine may put files into it."""
    if folder.is_dir() and folder.stat().st_mode & stat.S_IWOTH:
        raise ConfigurationError(
            f"{folder}: everybody may write there, so nothing in it can be trusted: chmod o-w {folder}, or take another"
        )
    return folder


def make_folder(folder: Path, mode: int = 0o777) -> None:
    """Make a folder if it is not there, and its name durable."""
    folder.mkdir(mode=mode, parents=True, exist_ok=True)
    sync(folder.parent)


def write_aside(path: Path, content: bytes, lasting: bool = True) -> Path:
    """Write to another name in the same folder; if it is to last, down to the disk."""
    partial = path.with_name(f".{path.name}.{secrets.token_hex(6)}{PARTIAL}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    descriptor = os.open(partial, flags, 0o666)
    try:
        try:
            rest = memoryview(content)
            while len(rest):
                rest = rest[os.write(descriptor, rest) :]
            if lasting:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)  # where a full disk or a network file system may speak up at last
    except OSError:
        forget(partial)
        raise
    return partial


def _linked(partial: Path, path: Path) -> bool:
    try:
        os.link(partial, path)
    except FileExistsError:
        # Over a network the answer to a link that was made can be lost, and then it is asked again.
        return os.stat(partial).st_nlink == 2  # noqa: PTH116
    except OSError:
        if path.exists():
            return False
        os.replace(partial, path)  # noqa: PTH105  a file system without links: the last one wins, of equals
    return True


def forget(partial: Path) -> None:
    """Remove a file that nobody needs, if it is there."""
    with suppress(OSError):
        os.unlink(partial)  # noqa: PTH108
