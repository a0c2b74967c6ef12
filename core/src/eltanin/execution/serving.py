"""What a worker does: it takes calls and answers them, until its pipe is closed or its parent has died."""

from __future__ import annotations

import faulthandler
import multiprocessing
import multiprocessing.spawn
import os
import pickle
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from typing import Any

from eltanin.execution import trees
from eltanin.execution.memory import capped, is_lack_of_memory
from eltanin.execution.output import empty_output, keep_output
from eltanin.execution.worker import BEGUN, READY, STOPS
from eltanin.terms import FREELY, Terms

DONE, RAISED, MEMORY = range(3)  # what became of a call
LOOK_EVERY = 1.0  # seconds between looks at the clock
SLACK = 2 * trees.GRACE  # seconds that the parent has to enforce a time limit


def main(pipe: str, lifeline: str) -> None:
    """Live as a worker, at these ends of the pipe for calls and the one that tells of the parent's death."""
    faulthandler.enable(all_threads=False)
    keep_output()
    connection, watch = _connection(pipe), Watch(_connection(lifeline))
    _ignore_stops()
    watch.start()
    with suppress(EOFError, OSError):  # there is nobody left to work for
        _prepare(connection.recv_bytes())
        connection.send_bytes(READY)
        while True:
            where, sys.path[:], terms = pickle.loads(connection.recv_bytes())
            call = connection.recv_bytes()
            os.chdir(where)
            connection.send_bytes(watch.over(call, terms, connection.send_bytes))
    trees.end_descendants(os.getpid(), watch.mark)


def _connection(end: str) -> Any:
    from multiprocessing import connection

    return getattr(connection, "PipeConnection", connection.Connection)(int(end))


def _prepare(told: bytes) -> None:
    """Import the script that started this, for what it defines; it must not go to work here too."""
    process: Any = multiprocessing.current_process()
    process._inheriting = True  # then multiprocessing, which we ask before, refuses to start others
    try:
        multiprocessing.spawn.prepare(pickle.loads(told))
    finally:
        del process._inheriting


def _ignore_stops() -> None:
    """Outlive the stop signals of a terminal or a batch system."""
    for stop in STOPS:  # a handler, unlike SIG_IGN, is not passed on to the programs that a task starts
        signal.signal(stop, _unmoved)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)


def _unmoved(number: int, frame: Any) -> None:
    """Go on."""


class Watch:
    """Makes calls, and ends this process with its parent: at once, or when the call that outlives it has ended.

    A time limit is the parent's to enforce. This does so for one that is dead, or stopped.
    """

    def __init__(self, lifeline: Any) -> None:
        self.lifeline = lifeline
        self.mark = os.environ.get(trees.MARK, "")
        self.terms = FREELY
        self.begun = 0.0

    def start(self) -> None:
        """Begin to watch."""
        threading.Thread(target=self._wait, daemon=True).start()

    def over(self, call: bytes, terms: Terms, tell: Callable[[bytes], None]) -> bytes:
        """Return what became of a call; the clock starts when all that it needs is imported."""
        here = os.getpid()

        def begun() -> None:
            self.begun, self.terms = time.monotonic(), terms
            if terms.seconds is not None:
                tell(BEGUN)

        empty_output()
        try:
            return _answered(call, terms, begun)
        finally:
            self.terms = FREELY
            if os.getpid() != here:  # a copy of this process, which is not asked
                os._exit(1)

    def _wait(self) -> None:
        with suppress(EOFError, OSError):
            while not (self._late(SLACK) or self.lifeline.poll(LOOK_EVERY)):
                pass
        if self.terms.outlives:
            self._see_it_through()
        trees.end_descendants(os.getpid(), self.mark)
        trees.end_group(os.getpid())
        os._exit(1)

    def _late(self, slack: float = 0.0) -> bool:
        seconds = self.terms.seconds  # first: a call that begins meanwhile is not late
        return seconds is not None and time.monotonic() > self.begun + seconds + slack

    def _see_it_through(self) -> None:
        """Let the call end in its time; then its programs are asked to leave, or the worker leaves by itself."""
        while self.terms.outlives and not self._late():
            time.sleep(0.05)
        late = self.terms.outlives
        if late:
            trees.ask_descendants(os.getpid(), self.mark)
        until = time.monotonic() + trees.GRACE
        while time.monotonic() < until and (not late or trees.descendants(os.getpid(), self.mark)):
            time.sleep(0.05)


@contextmanager
def _forsaken(terms: Terms) -> Generator[None]:
    """End, in the end, a call that nobody is left to end, and that lets no thread of Python do so."""
    if terms.seconds is None or not terms.outlives:
        yield
        return
    faulthandler.dump_traceback_later(terms.seconds + 2 * SLACK, exit=True)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()


def _answered(call: bytes, terms: Terms, begun: Callable[[], None]) -> bytes:
    """Make a call; a task that has too little memory may leave its worker unfit for another."""
    try:
        with capped(terms.gigabytes):
            function, arguments = pickle.loads(call)
            begun()
            with _forsaken(terms):
                result = pickle.dumps((DONE, function(*arguments)), protocol=5)
    except Exception as error:  # whatever a task raises is raised in the parent
        if is_lack_of_memory(error):
            return pickle.dumps((MEMORY, str(error)))
        return pickle.dumps((RAISED, _portable(error)), protocol=5)
    return result


def _portable(error: Exception) -> Exception:
    """Return the exception with its traceback as a note; another in its place if it cannot travel."""
    told = "".join(traceback.format_exception(error))
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        error = RuntimeError(f"{type(error).__name__}: {error}")
    error.add_note(f"In a worker process:\n{told}")
    return error
