"""Where tasks run: in this process, or in worker processes. What they return is the same bits."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Generator
from contextlib import chdir, contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

from threadpoolctl import ThreadpoolController

from eltanin.errors import ConfigurationError
from eltanin.execution.memory import can_limit, is_lack_of_memory, lack_of_memory
from eltanin.protocols import Failure
from eltanin.terms import FREELY, Results, Tasks, Terms

Function = Callable[..., Any]

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

    def run(self, function: Function, tasks: Tasks, terms: Terms = FREELY) -> Results:
        """Yield (index, result) in order; a task cannot be ended from within its own process, so limits are refused."""
        for limit in ("seconds", "gigabytes"):
            if (value := getattr(terms, limit)) is not None:
                raise ConfigurationError(
                    f"limits.{limit}={value:g}: executor=inline runs tasks in this process, where nothing could"
                    " enforce it; choose executor=processes, or leave the limit out"
                )
        return self._results(function, tasks)

    def _results(self, function: Function, tasks: Tasks) -> Results:
        for index, task in enumerate(tasks):
            try:
                with chdir("."):  # a task may leave for elsewhere
                    result = limited_call(self.threads, function, task)
            except SystemExit as end:  # a worker that ends is a failure, so it is one here too
                result = Failure("crash", f"the task ended its process with exit status {end.code}")
            except Exception as error:
                if not is_lack_of_memory(error):
                    raise
                result = lack_of_memory(str(error), None)
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

    def run(self, function: Function, tasks: Tasks, terms: Terms = FREELY) -> Results:
        """Yield (index, result) as tasks end, with a `Failure` for a task whose worker died or broke its terms.

        What a task raises is raised here, except for lack of memory. Tasks that still run then, or when
        the caller turns away, are ended.
        """
        if terms.gigabytes is not None and not can_limit():
            raise ConfigurationError(
                f"limits.gigabytes={terms.gigabytes:g}: {sys.platform} has no way to enforce it; leave the limit out"
            )
        return self._results(function, tasks, terms)

    def _results(self, function: Function, tasks: Tasks, terms: Terms) -> Results:
        from eltanin.execution import crew  # not before it is used: it costs a quick command 20 ms

        calls = [(limited_call, (self.threads, function, task)) for task in tasks]
        workers = crew.hire(min(self.workers, len(tasks)))
        try:
            yield from crew.work(workers, calls, terms)
        finally:
            crew.dismiss(workers)


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
