"""A disk that breaks at its n-th operation: the machine dies, it is full from then on, or it fails once.

What counts is what can change a disk: writing, syncing, renaming, linking, unlinking, making folders,
and the commits of SQLite. Files that Python opens for writing are made of `Raw`, so theirs count too.
"""

from __future__ import annotations

import builtins
import errno
import io
import os
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NAMES = ("write", "fsync", "replace", "rename", "link", "unlink", "mkdir", "rmdir")
TAKES_SPACE = {"write", "link", "mkdir", "commit"}  # what a full disk refuses; it still renames and unlinks
DIED = 137


@dataclass
class Disk:
    """Counts operations. how: dies, full or fails.  at: the operation at which it does, from 1 on."""

    how: str
    at: int
    done: int = 0

    def meets(self, name: str, halfway: Callable[[], Any] | None = None) -> None:
        """Count an operation, and break if it is time; the half of a write may have come through."""
        self.done += 1
        if self.how == "dies" and self.done == self.at:
            if halfway:
                halfway()
            os._exit(DIED)
        if self.how == "full" and self.done >= self.at and name in TAKES_SPACE:
            if halfway and self.done == self.at:
                halfway()
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if self.how == "fails" and self.done == self.at:
            raise OSError(errno.EIO, os.strerror(errno.EIO))


def arm(how: str, at: int, count: Path) -> Callable[[], None]:
    """Put the disk of this process in the way of all it does; return what writes down how much it did."""
    disk, real = Disk(how, at), {name: getattr(os, name) for name in NAMES}

    def counted(name: str) -> Callable[..., Any]:
        def operation(*arguments: Any, **options: Any) -> Any:
            half = _half_of(real["write"], arguments) if name == "write" else None
            disk.meets(name, half)
            return real[name](*arguments, **options)

        return operation

    for name in NAMES:
        setattr(os, name, counted(name))
    raw = _raw(disk)
    builtins.open = io.open = _opening(raw, io.open)
    sqlite3.connect = _connecting(disk, sqlite3.connect)

    def tell() -> None:
        descriptor = os.open(count, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        real["write"](descriptor, str(disk.done).encode())
        os.close(descriptor)

    return tell


def _half_of(write: Callable[..., Any], arguments: tuple[Any, ...]) -> Callable[[], Any]:
    descriptor, content = arguments
    return lambda: write(descriptor, bytes(content)[: len(content) // 2])


def _raw(disk: Disk) -> type[io.FileIO]:
    class Raw(io.FileIO):
        def write(self, content: Any, /) -> int:
            whole = bytes(content)
            disk.meets("write", lambda: io.FileIO.write(self, whole[: len(whole) // 2]))
            return super().write(whole)

    return Raw


def _opening(raw: type[io.FileIO], real: Callable[..., Any]) -> Callable[..., Any]:
    def opened(file: Any, mode: str = "r", buffering: int = -1, encoding: Any = None, *rest: Any, **more: Any) -> Any:
        if isinstance(file, int) or not set(mode) & set("wax"):
            return real(file, mode, buffering, encoding, *rest, **more)
        plain = raw(file, mode.replace("t", "").replace("b", ""))
        if buffering == 0:
            return plain
        buffered = io.BufferedRandom(plain) if "+" in mode else io.BufferedWriter(plain)
        if "b" in mode:
            return buffered
        errors = rest[0] if rest else more.get("errors")
        text = io.TextIOWrapper(buffered, encoding or "utf-8", errors, line_buffering=buffering == 1)
        text.mode = mode
        return text

    return opened


def _connecting(disk: Disk, real: Callable[..., Any]) -> Callable[..., Any]:
    class Connection(sqlite3.Connection):
        def execute(self, sql: str, *arguments: Any) -> Any:
            if sql != "COMMIT":
                return super().execute(sql, *arguments)
            _met(disk)
            done = super().execute(sql, *arguments)
            if disk.how == "dies":
                disk.meets("committed")
            return done

        def executescript(self, sql: str) -> Any:
            _met(disk)
            return super().executescript(sql)

    def connect(*arguments: Any, **options: Any) -> Any:
        return real(*arguments, **{"factory": Connection, **options})

    return connect


def _met(disk: Disk) -> None:
    """Count a commit; SQLite tells of a broken disk in its own way."""
    try:
        disk.meets("commit")
    except OSError as error:
        full = error.errno == errno.ENOSPC
        raise sqlite3.OperationalError("database or disk is full" if full else "disk I/O error") from error
