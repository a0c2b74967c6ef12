"""Leases: who is at work on something, told by files alone, which heal themselves when the holder dies.

    NAME.lease-3        what process holds it; an empty file says that nobody does

The holder is the one with the highest number, and taking over is to create the next one. A file is
created once, so exactly one of many wins, and numbers that only grow tell a holder who slept for a
day that it is superseded. Nothing is locked, so this holds on network file systems too.

A holder of this machine that runs keeps its lease, and one that is dead has lost it at once. Of a
holder that is halted, or elsewhere, one can only tell when it last gave a sign: it beats by touching
its file. That is compared with the time of a file made just now in the same folder, for the clocks
of two machines differ.
"""

from __future__ import annotations

import json
import os
import secrets
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from eltanin.errors import ConfigurationError
from eltanin.store import durable
from eltanin.store.durable import IntegrityError
from eltanin.store.owners import Condition, Owner

EXPIRY = 300.0  # seconds without a sign after which a holder that cannot be seen has lost its lease
BEAT = 30.0
MARK = ".lease-"


class Held(ConfigurationError):
    """Somebody else holds it. `owner`: who, as far as can be read.  `sign`: when it last gave one."""

    def __init__(self, path: Path, owner: Owner | None, expiry: float) -> None:
        self.owner = owner
        self.sign = 0.0
        with suppress(FileNotFoundError):  # handed back just now
            self.sign = path.stat().st_mtime
        who = str(owner) if owner else "somebody whose name cannot be read"
        super().__init__(
            f"{path.name.partition(MARK)[0]} is in use by {who} ({path}). Wait until it ends, or end it; if it is gone"
            f" without a trace, the lease is free after {expiry:.0f} s without a sign"
        )


@dataclass(frozen=True)
class Lease:
    """What its holder has. number: grows with every holder; a write that names it can be refused."""

    folder: Path
    name: str
    number: int
    content: bytes

    @property
    def path(self) -> Path:
        """The file that says so."""
        return _path(self.folder, self.name, self.number)

    def held(self) -> bool:
        """Say whether it is still this one's: nobody has taken over, and nobody has cleaned it away."""
        return _content(self.path) == self.content and max(_numbers(self.folder, self.name)) == self.number

    def beat(self) -> None:
        """Give a sign of life."""
        if self.held():
            with suppress(FileNotFoundError):
                os.utime(self.path)

    def release(self) -> None:
        """Hand it back; its number stays, so that the next one is higher."""
        if self.held():
            os.replace(durable.write_aside(self.path, b"", lasting=False), self.path)  # noqa: PTH105

    def remove(self) -> None:
        """Hand it back without a trace. Numbers begin again: for what is looked at again once it is held."""
        if _content(self.path) == self.content:
            for number in sorted(_numbers(self.folder, self.name)):
                if number <= self.number:
                    durable.forget(_path(self.folder, self.name, number))


def take(folder: Path, name: str, expiry: float = EXPIRY) -> Lease:
    """Become the holder, or raise `Held`."""
    folder.mkdir(parents=True, exist_ok=True)
    content = json.dumps([*Owner.myself(), secrets.token_hex(8)]).encode()
    highest = 0
    while True:
        highest = max([highest, *_numbers(folder, name)])
        if highest and not _free(_path(folder, name, highest), expiry):
            raise Held(_path(folder, name, highest), _owner(_path(folder, name, highest)), expiry)
        mine = Lease(folder, name, highest + 1, content)
        if _created(mine.path, content) and mine.held():
            return mine
        highest += 1  # it is there, even if a listing of the folder does not show it yet


def wait_for(folder: Path, name: str, patience: float = 60.0) -> Lease:
    """Become the holder, after the one before; raise `Held` if that takes longer than so many seconds."""
    until = time.monotonic() + patience
    while True:
        try:
            return take(folder, name)
        except Held:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)


def holder(folder: Path, name: str) -> Owner | None:
    """Return who holds it, if anybody does whose name can be read."""
    return _owner(_path(folder, name, max(_numbers(folder, name))))


def sweep(folder: Path, expiry: float = EXPIRY) -> None:
    """Remove what holders left that are gone, where numbers may begin again: see `Lease.remove`."""
    for path in folder.glob(f"[!.]*{MARK}*"):
        if _free(path, expiry):
            durable.forget(path)


@contextmanager
def beating(lease: Lease, every: float = BEAT) -> Generator[Lease]:
    """Give signs of life, from a thread, until the end."""
    ended = threading.Event()

    def beat() -> None:
        while not ended.wait(every):
            with suppress(OSError):  # the file system may be back at the next one
                lease.beat()

    thread = threading.Thread(target=beat, name=f"lease {lease.name}", daemon=True)
    thread.start()
    try:
        yield lease
    finally:
        ended.set()
        thread.join()


def _free(path: Path, expiry: float) -> bool:
    content = _content(path)
    if not content:  # released, or removed just now
        return True
    owner = _owner(path)
    condition = owner.condition() if owner else Condition.UNKNOWN
    return condition is Condition.DEAD or (condition is Condition.UNKNOWN and _silent(path) > expiry)


def _silent(path: Path) -> float:
    """Return for how long there was no sign; one from the future is as far off as one from the past."""
    fresh = durable.write_aside(path, b"", lasting=False)
    try:
        return abs(fresh.stat().st_mtime - path.stat().st_mtime)
    except FileNotFoundError:
        return float("inf")
    finally:
        durable.forget(fresh)


def _owner(path: Path) -> Owner | None:
    with suppress(ValueError, RecursionError):
        told = json.loads(_content(path))
        return Owner.of(told[:-1] if isinstance(told, list) else told)
    return None


def _content(path: Path) -> bytes:
    try:
        return durable.read(path)
    except FileNotFoundError:
        return b""
    except IntegrityError:  # there, and not to be read: somebody's
        return b"?"


def _numbers(folder: Path, name: str) -> list[int]:
    start = f"{name}{MARK}"
    told = [entry[len(start) :] for entry in os.listdir(folder) if entry.startswith(start)]  # noqa: PTH208
    return [0, *(int(number) for number in told if number.isascii() and number.isdecimal())]


def _path(folder: Path, name: str, number: int) -> Path:
    return folder / f"{name}{MARK}{number}"


def _created(path: Path, content: bytes) -> bool:
    """Write a file that is not there yet, whole; say whether this one did."""
    partial = durable.write_aside(path, content, lasting=False)
    try:
        os.link(partial, path)
    except FileExistsError:
        return os.stat(partial).st_nlink == 2  # noqa: PTH116  the answer to a link that was made can be lost
    except OSError:
        return _created_without_links(path, content)
    finally:
        durable.forget(partial)
    return True


def _created_without_links(path: Path, content: bytes) -> bool:
    """Do so on a file system without links; for a moment it looks released, so look at it again."""
    with suppress(FileExistsError), path.open("xb") as file:
        file.write(content)
        return True
    return False
