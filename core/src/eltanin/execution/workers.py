"""Worker processes: long-lived, each at the other end of a pipe; nothing listens on a network.

Starting one that needs torch costs seconds, so workers outlive the call that started them and serve
all later ones. One that dies costs the task it was at, and is replaced. They end with their parent,
however it ends. Calls and results are pickled between a process and its own children, and nowhere
else: no file is ever opened this way.
"""

from __future__ import annotations

import atexit
import os
import pickle
import signal
import sys
import threading
import traceback
from collections import deque
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import get_context, parent_process, resource_tracker
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

from eltanin.protocols import Failure

Call = tuple[Callable[..., Any], tuple[Any, ...]]

# What a stop means is the parent's decision; its workers are told by a closed pipe.
STOPS = {signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGUSR2", signal.SIGTERM)}
LOOK_EVERY = 1.0  # seconds between looks at workers that may have died without closing their pipe
READY = b""
KILL = 9  # SIGKILL, which not every system has
PATIENCE = 2.0  # seconds for workers to leave by themselves
STILLBORN = (
    "a worker process {how} before it could take a task; what it had to say is above. In a script of your own,"
    " start campaigns under `if __name__ == '__main__':`, for every worker imports that script"
)


class Worker:
    """A process and the pipe to it. `task`: the index of the call it is at, if any."""

    def __init__(self) -> None:
        context = get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs,), name="eltanin worker")
        self.task: int | None = None
        self.ready = False
        with _stops_held():
            self.process.start()
        theirs.close()
        _alive.add(self)

    def take(self, index: int, call: bytes) -> bool:
        """Hand a call over, to be made where this process stands; say whether anybody was there to take it."""
        place = pickle.dumps((Path.cwd(), sys.path))
        self.task = index  # before anything is sent: one that is interrupted in between cannot be used again
        try:
            self.connection.send_bytes(place)
            self.connection.send_bytes(call)
        except OSError:
            self.task = None
        return self.task is not None

    def receive(self) -> bytes | None:
        """Return what it sent, or none if it died."""
        try:
            return self.connection.recv_bytes()
        except (EOFError, OSError):
            return None

    def gone(self) -> bool:
        """Say whether it died with its pipe held open, by a process that it started."""
        return not self.process.is_alive() and not self.connection.poll()

    def end(self) -> str:
        """End it and all that it started; return how it ended."""
        if hasattr(os, "killpg") and self.process.pid:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, KILL)
        self.process.kill()
        self.process.join()
        self.connection.close()
        _alive.discard(self)
        code = self.process.exitcode or 0
        why = " (out of memory?)" if code == -KILL else ""
        return f"was killed by signal {-code}{why}" if code < 0 else f"ended with exit status {code}"


# All of them, and those without a task, for whoever needs one next.
_alive: set[Worker] = set()
_idle: list[Worker] = []
_guard = threading.Lock()


def hire(number: int) -> list[Worker]:
    """Return so many workers, new ones where too few are idle."""
    with _guard:
        crew = [_idle.pop() for _ in range(min(number, len(_idle)))]
    alive = [worker for worker in crew if worker.process.is_alive()]
    _alive.difference_update(set(crew) - set(alive))
    return alive + [Worker() for _ in range(number - len(alive))]


def dismiss(crew: Sequence[Worker]) -> None:
    """Take workers back; those still at a task are ended."""
    for worker in crew:
        if worker.task is None and not worker.connection.closed:
            with _guard:
                _idle.append(worker)
        else:
            worker.end()


def work(crew: list[Worker], calls: Sequence[Call]) -> Generator[tuple[int, Any], None, None]:
    """Yield (index, result) of calls as they end; in `crew`, workers that die are replaced.

    A worker gets its next call when its last result is dealt with: so whoever keeps results as they
    come never loses more of them than there are workers.
    """
    waiting = deque(range(len(calls)))
    while True:
        _occupy(crew, calls, waiting)
        busy = [place for place, worker in enumerate(crew) if worker.task is not None]
        if not busy:
            return
        for place in _stirring(crew, busy):
            index = crew[place].task
            result, crew[place] = _heard(crew[place])
            if index is not None and crew[place].task is None:
                yield index, result


def _occupy(crew: list[Worker], calls: Sequence[Call], waiting: deque[int]) -> None:
    """Give every worker something to do, as long as there is."""
    for place, worker in enumerate(crew):
        if waiting and worker.task is None:
            index = waiting.popleft()
            call = _pickled(calls[index])
            while not worker.take(index, call):  # it died since it was last used
                _crash(worker)
                worker = crew[place] = Worker()


def _heard(worker: Worker) -> tuple[Any, Worker]:
    """Return the result that a worker sent, if it sent one, and who stands in its place now."""
    message = worker.receive()
    if message is None:
        return _crash(worker), Worker()
    if message == READY:
        worker.ready = True
        return None, worker
    worker.task = None
    return _unpacked(message), worker


def _stirring(crew: Sequence[Worker], busy: Sequence[int]) -> list[int]:
    """Wait until some have something to say, or died; return their places."""
    while True:
        heard = wait([crew[place].connection for place in busy], LOOK_EVERY)
        stirring = [place for place in busy if crew[place].connection in heard or crew[place].gone()]
        if stirring:
            return stirring


def _crash(worker: Worker) -> Failure:
    worker.process.join(PATIENCE)  # its pipe is closed before it has ended
    how = worker.end()
    if not worker.ready and (worker.process.exitcode or 0) > 0:
        raise RuntimeError(STILLBORN.format(how=how))
    return Failure("crash", f"the worker process {how}")


def _pickled(call: Call) -> bytes:
    try:
        return pickle.dumps(call, protocol=5)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        error.add_note("Worker processes take functions of modules and plain arguments; executor=inline takes any.")
        raise


def _unpacked(message: bytes) -> Any:
    fine, result = pickle.loads(message)
    if not fine:
        raise result
    return result


def _serve(connection: Any) -> None:
    """Live as a worker: take calls and answer them until the pipe is closed."""
    _stay_with_parent()
    connection.send_bytes(READY)
    with suppress(EOFError, OSError):  # there is nobody left to work for
        while True:
            place, sys.path[:] = pickle.loads(connection.recv_bytes())
            os.chdir(place)
            connection.send_bytes(_answered(connection.recv_bytes()))


def _answered(call: bytes) -> bytes:
    try:
        function, arguments = pickle.loads(call)
        return pickle.dumps((True, function(*arguments)), protocol=5)
    except Exception as error:  # whatever a task raises is raised in the parent
        return pickle.dumps((False, _portable(error)), protocol=5)


def _portable(error: Exception) -> Exception:
    """Return the exception with its traceback as a note; another in its place if it cannot travel."""
    told = "".join(traceback.format_exception(error))
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        error = RuntimeError(f"{type(error).__name__}: {error}")
    error.add_note(f"In a worker process:\n{told}")
    return error


def _stay_with_parent() -> None:
    """Outlive the stop signals of a terminal or a batch system, but not the parent."""
    for stop in STOPS:  # a handler, unlike SIG_IGN, is not passed on to the programs that a task starts
        signal.signal(stop, _unmoved)
    if hasattr(os, "setpgid"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)
        os.setpgid(0, 0)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _unmoved(number: int, frame: Any) -> None:
    """Go on."""


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
    if hasattr(os, "killpg"):  # with the programs that a task has started
        os.killpg(0, KILL)
    os._exit(1)


@contextmanager
def _stops_held() -> Generator[None]:
    """Keep stop signals from a process that is being born; this one gets them right after."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # else the first start would run it, and unblock SIGINT there
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _close() -> None:
    """Let idle workers leave; end those that do not, and those at a task that nobody waits for."""
    with _guard:
        leaving, _idle[:] = _idle[:], []
    for worker in leaving:
        worker.connection.close()
    for worker in leaving:
        worker.process.join(PATIENCE)
    for worker in list(_alive):
        if worker.process.is_alive():
            worker.end()


def _forget() -> None:
    """Leave the workers to the process that they belong to, of which this is a fork."""
    _idle.clear()
    _alive.clear()


atexit.register(_close)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
