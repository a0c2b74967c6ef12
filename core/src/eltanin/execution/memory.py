"""How much memory a task may take, and whether it failed for lack of it."""

from __future__ import annotations

import errno
import os
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from eltanin.protocols import Failure

try:
    import resource
except ImportError:  # Windows
    resource = None

CGROUP, CGROUPS, KERNEL = Path("/proc/self/cgroup"), Path("/sys/fs/cgroup"), Path("/proc/vmstat")
PAGES = Path("/proc/self/statm")
SIGNS = ("can't start new thread", "can't allocate memory", "out of memory")  # of Python, and of torch


def can_limit() -> bool:
    """Say whether this system can keep a process within limits."""
    return resource is not None


@contextmanager
def capped(gigabytes: float | None) -> Generator[None]:
    """Refuse this process, and those that it starts, more memory than that, each.

    Counted is what it has asked for to write to (RLIMIT_DATA), rather than addresses, of which
    numerical libraries reserve far more than they use.
    """
    if gigabytes is None or resource is None:
        yield
        return
    soft, hard = before = resource.getrlimit(resource.RLIMIT_DATA)
    if (taken := _taken()) > gigabytes:
        raise MemoryError(f"its process had {taken:.2g} GB before it began")
    limits = [limit for limit in (int(gigabytes * 1e9), soft, hard) if limit != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_DATA, (min(limits), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, before)


def is_lack_of_memory(error: Exception) -> bool:
    """Say whether an exception tells of too little memory; not all that do so are a `MemoryError`."""
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    told = str(error).lower() if isinstance(error, RuntimeError) else ""
    return isinstance(error, MemoryError) or any(sign in told for sign in SIGNS)


def lack_of_memory(told: str, gigabytes: float | None, output: str = "") -> Failure:
    """Return the failure of a task that had too little."""
    if gigabytes is None:
        why = (
            "out of memory: there was not as much as it needed: run fewer tasks at a time, make them smaller, or take a"
            " larger machine"
        )
    else:
        why = (
            f"out of memory: it needed more than its limits.gigabytes={gigabytes:g}: raise limits.gigabytes, and it is"
            " asked again, or make tasks smaller"
        )
    return Failure("memory", f"{why}. It said: {told}" if told else why, output)


def _taken() -> float:
    """Return the gigabytes of this process that its limit counts."""
    with suppress(OSError):
        return int(PAGES.read_bytes().split()[5]) * os.sysconf("SC_PAGE_SIZE") / 1e9
    return 0.0


class Kills:
    """The processes that the kernel has killed for lack of memory since this was made."""

    def __init__(self) -> None:
        self.known = _kills()

    def another(self) -> bool:
        """Say whether there was one that has not been told of."""
        fresh = _kills() > self.known
        self.known += fresh
        return fresh


def _kills() -> int:
    """Return how many the kernel has killed so far, in the control group of this process if it is in one."""
    for counts in _counts():
        with suppress(OSError):
            for name, _, number in (line.partition(" ") for line in counts.read_text().splitlines()):
                if name == "oom_kill":
                    return int(number)
    return 0


def _counts() -> list[Path]:
    """Return the files that may tell, the best one first."""
    groups: list[Path] = []
    with suppress(OSError):
        for line in CGROUP.read_text().splitlines():
            _, kinds, path = line.split(":", 2)
            if "memory" in kinds.split(","):  # version 1
                groups.insert(0, CGROUPS / "memory" / path.lstrip("/") / "memory.oom_control")
            elif not kinds:  # version 2
                groups.append(CGROUPS / path.lstrip("/") / "memory.events")
    return [*groups, KERNEL]
