"""Where tasks run: in this process, or in worker processes. What they return is the same bits."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

from threadpoolctl import ThreadpoolController

from eltanin.protocols import Failure

Function = Callable[..., Any]
Tasks = Sequence[tuple[Any, ...]]
Results = Generator[tuple[int, Any], None, None]

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True)
class Inline:
    """Runs tasks one after the other in this process.

    threads: of numerical libraries, per task.
    """

    domain: ClassVar[str] = "any"
    revision: ClassVar[int] = 1
    threads: int = 1

    def __post_init__(self) -> None:
        """Refuse settings that have no meaning."""
        _check("threads", self.threads)

    def run(self, function: Function, tasks: Tasks) -> Results:
        """Yield (index, result) in order."""
        for index, task in enumerate(tasks):
            try:
                result = limited_call(self.threads, function, task)
            except SystemExit as end:  # a worker that ends is a failure, so it is one here too
                result = Failure("crash", f"the task ended its process with exit status {end.code}")
            yield index, result


@dataclass(frozen=True)
class Processes:
    """Runs tasks side by side in worker processes of this machine.

    workers: tasks at a time.  threads: of numerical libraries, per task.
    """

    domain: ClassVar[str] = "any"
    revision: ClassVar[int] = 1
    workers: int = 2
    threads: int = 1

    def __post_init__(self) -> None:
        """Refuse settings that have no meaning."""
        _check("workers", self.workers)
        _check("threads", self.threads)

    def run(self, function: Function, tasks: Tasks) -> Results:
        """Yield (index, result) as tasks end, with a `Failure` for a task whose worker died.

        What a task raises is raised here. Tasks that still run then, or when the caller turns
        away, are ended.
        """
        from eltanin.execution import workers  # not before it is used: it costs a quick command 20 ms

        calls = [(limited_call, (self.threads, function, task)) for task in tasks]
        crew = workers.hire(min(self.workers, len(tasks)))
        try:
            yield from workers.work(crew, calls)
        finally:
            workers.dismiss(crew)


def _check(name: str, value: int) -> None:
    if value < 1:
        raise ValueError(f"executor.{name}={value}: nothing could run; give 1 or more")


def limited_call(threads: int, function: Function, task: tuple[Any, ...]) -> Any:
    """Call a function, with so many threads for the numerical libraries."""
    with limited(threads):
        return function(*task)


@contextmanager
def limited(threads: int) -> Generator[None]:
    """Give numerical libraries so many threads, for a sum depends on how it is split among them.

    The environment tells libraries that are loaded meanwhile, and programs that are started.
    """
    before = {name: os.environ.get(name) for name in THREADS}
    os.environ.update(dict.fromkeys(THREADS, str(threads)))
    try:
        with _libraries(len(sys.modules)).limit(limits=threads):
            yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@lru_cache(maxsize=1)
def _libraries(modules: int) -> ThreadpoolController:
    """Return the loaded libraries; finding them costs 1 ms, so only after a module was imported."""
    del modules
    return ThreadpoolController()
