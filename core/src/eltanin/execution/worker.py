"""A worker process, as its parent sees it: started, given calls, heard, and ended with all that it started."""

from __future__ import annotations

import multiprocessing.spawn
import os
import pickle
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from multiprocessing import Pipe
from pathlib import Path
from typing import Any

from eltanin.execution import trees
from eltanin.execution.output import last_lines
from eltanin.terms import Terms

# What a stop means is the parent's decision; its workers are told by a closed pipe.
STOPS = {signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGUSR2", signal.SIGTERM)}
READY, BEGUN = b"", b"begun"
TO_BEGIN = 600.0  # seconds to import what a task needs, which no limit of the task counts
# The paths come first: nothing that lies in the present folder is imported in the place of what is meant.
BIRTH = "import sys; sys.path[:] = sys.argv[3:]; from eltanin.execution.serving import main; main(*sys.argv[1:3])"


class Worker:
    """A process and the pipe to it. `task`: the index of the call it is at, if any."""

    def __init__(self) -> None:
        told = multiprocessing.spawn.get_preparation_data("eltanin worker")
        told.pop("authkey", None)  # it has no use for it, and secrets stay here
        self.connection, theirs = Pipe()
        alive, self.lifeline = Pipe(duplex=False)  # closed by the end of this process, however that comes
        self.output = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 it lives as long as the worker
        self.mark = secrets.token_hex(8)
        self.task: int | None = None
        self.ready = False
        self.warned = False
        self.seconds: float | None = None
        self.deadline: float | None = None
        ends = (theirs.fileno(), alive.fileno())
        command = [*multiprocessing.spawn.get_command_line()[:-3], "-c", BIRTH, *map(str, (*ends, *sys.path))]
        with _stops_held():
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=self.output,
                stderr=self.output,
                env={**os.environ, trees.MARK: self.mark},
                **_inherited(*ends),
            )
        theirs.close()
        alive.close()
        with suppress(OSError):  # it is dead already, and will be missed when it is given something to do
            self.connection.send_bytes(pickle.dumps(told))

    def take(self, index: int, call: bytes, terms: Terms) -> bool:
        """Hand a call over, to be made where this process stands; say whether anybody was there to take it."""
        place = pickle.dumps((Path.cwd(), sys.path, terms))
        self.task = index  # before anything is sent: one that is interrupted in between cannot be used again
        self.seconds = terms.seconds
        try:
            self.connection.send_bytes(place)
            self.connection.send_bytes(call)
        except OSError:
            self.task = None
        if self.ready:
            self._begin(TO_BEGIN)
        return self.task is not None

    def receive(self) -> bytes | None:
        """Return what it sent, or none if it died."""
        try:
            message = self.connection.recv_bytes()
        except (EOFError, OSError):
            return None
        if message == READY:
            self.ready = True
            self._begin(TO_BEGIN)
        elif message == BEGUN:
            self._begin()
        return message

    def _begin(self, more: float = 0.0) -> None:
        self.deadline = None if self.seconds is None else time.monotonic() + self.seconds + more

    def is_alive(self) -> bool:
        """Say whether it has not ended."""
        return self.process.poll() is None

    def gone(self) -> bool:
        """Say whether it died with its pipe held open, by a process that it started."""
        return not self.is_alive() and not self.connection.poll()

    def left(self) -> float | None:
        """Return the seconds until there may be something to do about its time limit."""
        if self.warned:
            return 0.05
        return None if self.deadline is None else max(0.0, self.deadline - time.monotonic())

    def overdue(self) -> bool:
        """Say whether its time is over and it is to be ended now, its programs having had time to leave.

        It is stopped first, so that it does not take the end of a program for an answer.
        """
        if self.deadline is None or time.monotonic() < self.deadline:
            return self.warned and not trees.descendants(self.process.pid, self.mark)
        if not self.warned:
            self.warned, self.deadline = True, time.monotonic() + trees.GRACE
            self._freeze()
            trees.ask_descendants(self.process.pid, self.mark)
            return False
        return True

    def end(self) -> str:
        """End it and all that it started; return how it ended."""
        if self.process.poll() is None:
            self._freeze()
        trees.end_descendants(self.process.pid, self.mark)
        trees.end_group(self.process.pid)
        self.process.kill()
        code = self.process.wait()
        self._close()
        return f"was killed by signal {-code}{_named(-code)}" if code < 0 else f"ended with exit status {code}"

    def _freeze(self) -> None:
        """Keep it from starting others while they are ended."""
        if hasattr(signal, "SIGSTOP"):
            self.process.send_signal(signal.SIGSTOP)

    def disown(self) -> None:
        """Leave it to the process that it belongs to, of which this is a fork."""
        self.process.returncode = 0
        self._close()

    def _close(self) -> None:
        self.connection.close()
        self.lifeline.close()
        self.output.close()

    def said(self) -> str:
        """Return the last lines that it wrote at its task."""
        return "" if self.output.closed else last_lines(self.output.fileno())


def _named(number: int) -> str:
    try:
        return f" ({signal.Signals(number).name})"
    except ValueError:
        return ""


def _inherited(*ends: int) -> dict[str, Any]:
    """Return how to start a process that has these ends of pipes, and a process group of its own."""
    if sys.platform == "win32":
        for end in ends:
            os.set_handle_inheritable(end, True)
        return {"close_fds": False}
    return {"pass_fds": ends, "process_group": 0}


@contextmanager
def _stops_held() -> Generator[None]:
    """Keep stop signals from a process that is being born; this one gets them right after."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
