"""Who holds a lease: a process, told apart from all others, of all machines and all times.

A number of a process is given again after its end, and after a reboot; so its start time, and the
identity of this start of the machine, belong to its name.
"""

from __future__ import annotations

import hashlib
import os
import platform
import time
from contextlib import suppress
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, Self

Condition = Enum("Condition", ["RUNNING", "DEAD", "UNKNOWN"])
PROC = Path("/proc")  # elsewhere than on Linux there is none, and signs of life alone count
GONE = {"Z", "X"}  # ended, and not yet buried
HALTED = {"T", "t"}


class Owner(NamedTuple):
    """A process.

    host: name of the machine.  machine: a hash of its identity.  boot: which start of it.  namespace:
    in which `pid` is a number.  start: of the process, in ticks since the boot.  since: seconds since
    1970.
    """

    host: str
    machine: str
    boot: str
    namespace: str
    pid: int
    start: int
    since: float

    @classmethod
    def myself(cls) -> Self:
        """Return this process."""
        pid = os.getpid()
        _, start = _state(pid) or ("", 0)
        return cls(platform.node(), *_place(), _namespace(), pid, start, time.time())

    @classmethod
    def of(cls, told: Any) -> Self:
        """Return what was written down; a ValueError says that it is none."""
        types = [type(one) for one in told] if isinstance(told, list) else []
        if types != [str, str, str, str, int, int, float]:
            raise ValueError(f"{told!r} is no owner")
        return cls(*told)

    def condition(self) -> Condition:
        """Say whether it is running, as far as can be seen from here."""
        machine, boot = _place()
        if (self.host, self.machine) != (platform.node(), machine):
            return Condition.UNKNOWN
        if self.boot != boot:
            return Condition.DEAD
        return _process(self.pid, self.start) if self.namespace == _namespace() else Condition.UNKNOWN

    def __str__(self) -> str:
        """Name it, for whoever wants to look after it."""
        return (
            f"process {self.pid} on {self.host}, since {time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(self.since))}"
        )


def _process(pid: int, start: int) -> Condition:
    if os.name != "posix":
        return Condition.UNKNOWN
    try:
        os.kill(pid, 0)  # nothing is sent; this sees what another user's /proc may hide
    except (ProcessLookupError, OverflowError):
        return Condition.DEAD
    except OSError:
        pass
    state, found = _state(pid) or ("?", start)
    if start not in (0, found) or state in GONE:
        return Condition.DEAD
    return Condition.UNKNOWN if state == "?" or state in HALTED else Condition.RUNNING


def _state(pid: int) -> tuple[str, int] | None:
    """Return the state of a process and when it started, or none where that cannot be seen."""
    with suppress(OSError, ValueError, IndexError):
        told = (PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        return told[0], int(told[19])
    return None


@cache
def _place() -> tuple[str, str]:
    """Return what names this machine and this start of it; both empty where there is nothing to read."""
    identity = hashlib.sha256(_text(Path("/etc/machine-id"))).hexdigest()[:16]  # itself it is not to be told
    return identity, _text(PROC / "sys/kernel/random/boot_id").decode()


def _namespace() -> str:
    with suppress(OSError):
        return os.readlink(PROC / "self/ns/pid")  # noqa: PTH115
    return ""


def _text(path: Path) -> bytes:
    with suppress(OSError):
        return path.read_bytes().strip()
    return b""
