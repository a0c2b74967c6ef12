"""Processes and all that they have started, wherever those went.

Descendants are found by their parents in /proc. One whose parent has died belongs to another process
then, but it still carries the mark that it inherited with its environment. (A worker could adopt such
ones, by PR_SET_CHILD_SUBREAPER; but it could not bury them without burying the children of its tasks.)
Where there is no /proc, the process group has to do.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

MARK = "ELTANIN_WORKER"  # the variable in the environment of a worker that tells it from others
GRACE = 2.0  # seconds that programs have to leave after SIGTERM
KILL = 9  # SIGKILL, which not every system has
PATIENCE = 2.0  # seconds for what was killed to be gone
PROC = Path("/proc")


class _Process(NamedTuple):
    pid: int
    state: str
    parent: int
    group: int


def descendants(pid: int, mark: str) -> set[int]:
    """Return the living processes that one has started, and those that they have."""
    processes = _processes()
    found = {one.pid for one in processes if pid in (one.parent, one.group) or _is_marked(one.pid, mark)}
    young = found
    while young:
        young = {one.pid for one in processes if one.parent in young} - found
        found = found | young
    return {one.pid for one in processes if one.pid in found and one.state != "Z"} - {pid, os.getpid()}


def ask_descendants(pid: int, mark: str) -> None:
    """Ask all descendants to leave."""
    for one in descendants(pid, mark):
        send(one, signal.SIGTERM)


def end_descendants(pid: int, mark: str) -> None:
    """End all descendants, also those that are born meanwhile."""
    until = time.monotonic() + PATIENCE
    while (found := descendants(pid, mark)) and time.monotonic() < until:
        for one in found:
            send(one, KILL)
        time.sleep(0.002)


def end_group(pid: int) -> None:
    """End what is left of the process group that a worker leads, the worker itself included."""
    if hasattr(os, "killpg"):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, KILL)


def send(pid: int, number: int) -> None:
    """Send a signal to a process, if it is still there."""
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def _processes() -> list[_Process]:
    """Return all that run here, and those that have ended and were not missed yet (state Z)."""
    try:
        folders = [folder for folder in PROC.iterdir() if folder.name.isdigit()]
    except OSError:
        return []
    return [one for one in map(_process, folders) if one is not None]


def _process(folder: Path) -> _Process | None:
    with suppress(OSError, ValueError, IndexError):  # it ended meanwhile
        state, parent, group = (folder / "stat").read_bytes().rpartition(b")")[2].split()[:3]
        return _Process(int(folder.name), state.decode(), int(parent), int(group))
    return None


def _is_marked(pid: int, mark: str) -> bool:
    with suppress(OSError):  # it belongs to another user, or ended meanwhile
        return f"{MARK}={mark}".encode() in (PROC / str(pid) / "environ").read_bytes().split(b"\0")
    return False
