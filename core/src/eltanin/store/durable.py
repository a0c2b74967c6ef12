"""Files that are there whole or not at all, whatever ends the process or the power."""

from __future__ import annotations

import os
import secrets
import stat
import time
from contextlib import suppress
from pathlib import Path

from eltanin.errors import EltaninError

PARTIAL = ".partial"


class IntegrityError(EltaninError):
    """A file is not what was written. The message names it."""


def replace(path: Path, content: bytes) -> None:
    """Put content in the place of a file: a reader sees the old or the new one, never a part."""
    partial = _written_aside(path, content)
    try:
        os.replace(partial, path)  # noqa: PTH105  the tests count these calls
    except OSError:
        _forget(partial)
        raise
    sync(path.parent)


def create(path: Path, content: bytes) -> bool:
    """Write a file that is not there yet; the first one to do so wins. Say whether it was this one."""
    partial = _written_aside(path, content)
    try:
        return _linked(partial, path)
    finally:
        _forget(partial)
        sync(path.parent)


def read(path: Path) -> bytes:
    """Return the content of a regular file; a link or a device in its place is not read."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        descriptor = os.open(path, flags)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise IntegrityError(f"{path} cannot be read ({error.strerror}): restore it from a copy") from error
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise IntegrityError(f"{path} is not a regular file: nothing of the kind was written")
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


def make_folder(folder: Path, mode: int = 0o777) -> None:
    """Make a folder if it is not there, and its name durable."""
    folder.mkdir(mode=mode, parents=True, exist_ok=True)
    sync(folder.parent)


def _written_aside(path: Path, content: bytes) -> Path:
    """Write to another name in the same folder, down to the disk."""
    partial = path.with_name(f".{path.name}.{secrets.token_hex(6)}{PARTIAL}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    descriptor = os.open(partial, flags, 0o666)
    try:
        try:
            rest = memoryview(content)
            while len(rest):
                rest = rest[os.write(descriptor, rest) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)  # where a full disk or a network file system may speak up at last
    except OSError:
        _forget(partial)
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


def _forget(partial: Path) -> None:
    with suppress(OSError):
        os.unlink(partial)  # noqa: PTH108
