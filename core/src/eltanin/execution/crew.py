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
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from multiprocessing.connection import wait
from typing import Any

from eltanin.execution.memory import Kills, lack_of_memory
from eltanin.execution.serving import DONE, MEMORY
from eltanin.execution.worker import BEGUN, READY, Worker
from eltanin.protocols import Failure
from eltanin.terms import Terms

Call = tuple[Callable[..., Any], tuple[Any, ...]]

LOOK_EVERY = 1.0  # seconds between looks at workers that may have died without closing their pipe
PATIENCE = 2.0  # seconds for workers to leave by themselves
STILLBORN = (
    "a worker process {how} before it could take a task. In a script of your own, start campaigns under"
    " `if __name__ == '__main__':`, for every worker imports that script. It had to say:\n{said}"
)
LATE = (
    "ended because it took longer than its limits.seconds={:g}; if such tasks are worth more time, raise"
    " limits.seconds, and they are asked again, and else make them smaller."
    " Its output may tell what it was at"
)
STARVED = (
    "the worker process {}: the system had no memory left. Let fewer tasks run at a time (executor.workers)"
    " or limit each (limits.gigabytes), or take a larger machine"
)

# All of them, and those without a task, for whoever needs one next.
_alive: set[Worker] = set()
_idle: list[Worker] = []
_guard = threading.Lock()


def hire(number: int) -> list[Worker]:
    """Return so many workers, new ones where too few are idle."""
    with _guard:
        crew = [_idle.pop() for _ in range(min(number, len(_idle)))]
    dead = [worker for worker in crew if not worker.is_alive()]
    for worker in dead:
        _end(worker)
    return [worker for worker in crew if worker not in dead] + [_begin() for _ in range(number - len(crew) + len(dead))]


def dismiss(crew: Sequence[Worker]) -> None:
    """Take workers back; those still at a task are ended."""
    for worker in crew:
        if worker.task is None and worker in _alive:
            with _guard:
                _idle.append(worker)
        else:
            _end(worker)


def work(crew: list[Worker], calls: Sequence[Call], terms: Terms) -> Generator[tuple[int, Any], None, None]:
    """Yield (index, result) of calls as they end; in `crew`, workers that die are replaced.

    A worker gets its next call when its last result is dealt with: so whoever keeps results as they
    come never loses more of them than there are workers.
    """
    waiting, kills = deque(range(len(calls))), Kills()
    while True:
        _occupy(crew, calls, waiting, terms)
        busy = [place for place, worker in enumerate(crew) if worker.task is not None]
        if not busy:
            return
        for place in _stirring(crew, busy):
            index = crew[place].task
            result, crew[place] = _heard(crew[place], terms, kills)
            if index is not None and crew[place].task is None:
                yield index, result


def _begin() -> Worker:
    worker = Worker()
    _alive.add(worker)
    return worker


def _end(worker: Worker) -> str:
    """End a worker that is not somebody else's; return how it ended."""
    if worker not in _alive:
        return "has ended"
    how = worker.end()
    _alive.discard(worker)
    return how


def _occupy(crew: list[Worker], calls: Sequence[Call], waiting: deque[int], terms: Terms) -> None:
    """Give every worker something to do, as long as there is."""
    for place, worker in enumerate(crew):
        if waiting and worker.task is None:
            index = waiting.popleft()
            call = _pickled(calls[index])
            while not worker.take(index, call, terms):  # it died since it was last used
                _buried(worker)
                worker = crew[place] = _begin()


def _stirring(crew: Sequence[Worker], busy: Sequence[int]) -> list[int]:
    """Wait until some have something to say, died, or are to be ended; return their places."""
    while True:
        lefts = [left for place in busy if (left := crew[place].left()) is not None]
        speaking = [crew[place].connection for place in busy if not crew[place].warned]
        heard = wait(speaking, min([LOOK_EVERY, *lefts]))
        stirring = [p for p in busy if crew[p].connection in heard or crew[p].gone() or crew[p].overdue()]
        if stirring:
            return stirring


def _heard(worker: Worker, terms: Terms, kills: Kills) -> tuple[Any, Worker]:
    """Return the result that a worker sent, if it sent one, and who stands in its place now."""
    if worker.warned:
        said = worker.said()
        _end(worker)
        return Failure("timeout", LATE.format(terms.seconds), said), _begin()
    message = worker.receive()
    if message is None:
        return _crash(worker, terms, kills), _begin()
    if message in (READY, BEGUN):
        return None, worker
    kind, result = pickle.loads(message)
    if kind == DONE:
        worker.task = None
        return result, worker
    if kind == MEMORY:
        said = worker.said()
        _end(worker)  # half an import, say, may have been left in it
        return lack_of_memory(result, terms.gigabytes, said), _begin()
    worker.task = None
    raise result


def _crash(worker: Worker, terms: Terms, kills: Kills) -> Failure:
    late = worker.left() == 0.0
    how, said = _buried(worker)
    if late and worker.process.returncode in (1, -9):  # it saw to that by itself, while this process was stopped
        return Failure("timeout", LATE.format(terms.seconds), said)
    if worker.process.returncode == -9:
        if kills.another():
            return Failure("memory", STARVED.format(how), said)
        how += " (out of memory?)"
    elif terms.gigabytes is not None:
        how += f"; limits.gigabytes={terms.gigabytes:g}: some programs crash when they are refused memory"
    return Failure("crash", f"the worker process {how}", said)


def _buried(worker: Worker) -> tuple[str, str]:
    """Return how a worker ended, and what it had to say."""
    with suppress(subprocess.TimeoutExpired):
        worker.process.wait(PATIENCE)  # its pipe is closed before it has ended
    said = worker.said()
    how = _end(worker)
    if not worker.ready and worker.process.returncode > 0:
        raise RuntimeError(STILLBORN.format(how=how, said=said))
    return how, said


def _pickled(call: Call) -> bytes:
    try:
        return pickle.dumps(call, protocol=5)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        error.add_note("Worker processes take functions of modules and plain arguments; executor=inline takes any.")
        raise


def _close() -> None:
    """Let idle workers leave; end those that do not, and those at a task that nobody waits for."""
    with _guard:
        leaving, _idle[:] = _idle[:], []
    for worker in leaving:
        worker.connection.close()
    for worker in leaving:
        with suppress(subprocess.TimeoutExpired):
            worker.process.wait(PATIENCE)
    for worker in list(_alive):
        _end(worker)


def _forget() -> None:
    """Leave the workers to the process that they belong to, of which this is a fork."""
    for worker in _alive:
        worker.disown()
    _idle.clear()
    _alive.clear()


atexit.register(_close)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
