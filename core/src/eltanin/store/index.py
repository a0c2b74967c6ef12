"""The index of a store: SQLite rows about what its files hold, for listing and searching.

The files are the truth. Whatever happens to the index, it is made again from them.
"""

from __future__ import annotations

import ctypes
import os
import sqlite3
import sys
import threading
import weakref
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from eltanin.errors import ConfigurationError

if sys.platform != "win32":
    import fcntl

APPLICATION = 0x454C5431  # "ELT1" in the header of the file
VERSION = 2
ANSWER = ("kind", "message", "configuration", "wanted", "method", "labeler", "seconds", "created", "size")
COLUMNS = ("key", "attempt", *ANSWER)
SCHEMA = """
CREATE TABLE answer (
    key TEXT NOT NULL, attempt INTEGER NOT NULL, kind TEXT NOT NULL, message TEXT NOT NULL, configuration TEXT NOT NULL,
    wanted TEXT NOT NULL, method TEXT NOT NULL, labeler TEXT NOT NULL, seconds REAL NOT NULL, created REAL NOT NULL,
    size INTEGER NOT NULL, PRIMARY KEY (key, attempt)) WITHOUT ROWID;
CREATE INDEX answer_by_method ON answer (method);
"""
INSERT = f"INSERT OR IGNORE INTO answer ({', '.join(COLUMNS)}) VALUES ({', '.join(f':{name}' for name in COLUMNS)})"
DELETE = "DELETE FROM answer WHERE key = :key AND attempt = :attempt"
# Magic numbers of statfs(2): ext, xfs, btrfs, tmpfs, zfs, f2fs, overlay, bcachefs. On these, and on nothing
# else that we know of, memory shared between processes and locks are what write-ahead logging needs.
LOCAL = {0xEF53, 0x58465342, 0x9123683E, 0x01021994, 0x2FC12FC1, 0xF2F52010, 0x794C7630, 0xCA451A4E}
Row = Mapping[str, Any]


def is_local(folder: Path) -> bool:
    """Say whether a folder is on a file system of this machine that is known to be one."""
    if not sys.platform.startswith("linux"):
        return False
    answer = ctypes.create_string_buffer(512)
    if ctypes.CDLL(None, use_errno=True).statfs(os.fsencode(folder), answer):
        return False
    return int.from_bytes(answer.raw[: ctypes.sizeof(ctypes.c_long)], sys.byteorder) & 0xFFFFFFFF in LOCAL


class Index:
    """One connection, opened where it is used first; any number of processes may have theirs."""

    def __init__(self, path: Path) -> None:
        self.path, local = path, is_local(path.parent)
        self.journal, self.alone = ("WAL", path.with_name("index.lock")) if local else ("DELETE", None)
        self.guard = threading.RLock()
        self.opened_by = os.getpid()
        self.connection = self._open()
        self.close = weakref.finalize(self, _close, self.connection, self.alone, self.opened_by)

    def add(self, rows: Iterable[Row]) -> None:
        """Add rows that are not there yet."""
        with self.writing() as connection:
            connection.executemany(INSERT, rows)

    def remove(self, rows: Iterable[Row]) -> None:
        """Remove rows."""
        with self.writing() as connection:
            connection.executemany(DELETE, rows)

    def replace(self, old: Iterable[Row], new: Iterable[Row]) -> None:
        """Remove and add at once: nobody sees a state in between."""
        with self.writing() as connection:
            connection.executemany(DELETE, old)
            connection.executemany(INSERT, new)

    def rows(self) -> list[Row]:
        """Return all rows."""
        with self.guard:
            found = self.connection.execute(f"SELECT {', '.join(COLUMNS)} FROM answer ORDER BY key, attempt").fetchall()
        return [dict(zip(COLUMNS, row, strict=True)) for row in found]

    def has(self, key: str, attempt: int) -> bool:
        """Say whether there is a row."""
        with self.guard:
            found = self.connection.execute("SELECT 1 FROM answer WHERE key = ? AND attempt = ?", (key, attempt))
            return found.fetchone() is not None

    def is_new(self) -> bool:
        """Say whether nothing was ever written."""
        with self.guard:
            return self.connection.execute("SELECT NOT EXISTS (SELECT 1 FROM answer)").fetchone()[0] == 1

    def check(self) -> None:
        """Raise sqlite3.DatabaseError if the file is damaged."""
        with self.guard:
            told = self.connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if told != "ok":
            raise sqlite3.DatabaseError(told)

    @contextmanager
    def writing(self) -> Generator[sqlite3.Connection]:
        """Hold a transaction that nobody else writes in."""
        with self.guard, _held(self.alone):
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                yield self.connection
                self.connection.execute("COMMIT")
            finally:
                if self.connection.in_transaction:
                    self.connection.execute("ROLLBACK")

    def _open(self) -> sqlite3.Connection:
        with _held(self.alone):
            connection = sqlite3.connect(self.path, timeout=60.0, isolation_level=None, check_same_thread=False)
            try:
                self._prepare(connection)
            except BaseException:
                connection.close()
                raise
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        application = connection.execute("PRAGMA application_id").fetchone()[0]
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if tables and application != APPLICATION:
            raise ConfigurationError(f"{self.path} belongs to another program: give another folder with store=PATH")
        if version > VERSION:
            raise ConfigurationError(f"{self.path} is of form {version}, this Eltanin knows {VERSION}: use a newer one")
        if tables and version < VERSION:
            raise sqlite3.DatabaseError(f"of form {version}, older than {VERSION}")  # as good as damaged: made again
        # Normal, not full: a power cut may take the last rows, never the objects that they are made from again.
        for setting in ("trusted_schema=OFF", "synchronous=NORMAL", f"journal_mode={self.journal}"):
            connection.execute(f"PRAGMA {setting}").fetchall()
        if not tables:
            connection.executescript(
                f"BEGIN IMMEDIATE; PRAGMA application_id={APPLICATION}; PRAGMA user_version={VERSION}; {SCHEMA} COMMIT;"
            )


@contextmanager
def _held(lock: Path | None) -> Generator[None]:
    """Let one process write at a time, in the order they come; the lock ends with its holder.

    With write-ahead logging, SQLite before 3.51.3 can damage a file that two connections write to
    or checkpoint at once. Over a network, where locks are not to be trusted, SQLite's own journal
    needs none of ours.
    """
    if lock is None or sys.platform == "win32":
        yield
        return
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _close(connection: sqlite3.Connection, lock: Path | None, opened_by: int) -> None:
    if os.getpid() != opened_by:  # a forked child leaves its parent's connection alone
        return
    with _held(lock if lock and lock.exists() else None):
        connection.close()
