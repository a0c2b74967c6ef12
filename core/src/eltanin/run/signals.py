"""Signals that ask for an orderly stop."""

from __future__ import annotations

import signal
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

STOP, RESUMABLE = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR2), 75


class Stopped(BaseException):
    """A signal asked for an orderly stop; like KeyboardInterrupt it is no error."""


@contextmanager
def stoppable() -> Generator[Callable[[], None]]:
    """Turn the first signal into `Stopped`, and let the second end the process at once.

    Yields what raises it again: where the signal came in a place that lets no exception out (a
    callback, the end of an object), it would be forgotten.
    """
    asked: list[str] = []

    def stop(number: int, frame: Any) -> None:
        del frame
        for one in STOP:
            signal.signal(one, signal.SIG_DFL)
        asked.append(f"stopped by {signal.Signals(number).name}")
        check()

    def check() -> None:
        if asked:
            raise Stopped(asked[0])

    before = {one: signal.signal(one, stop) for one in STOP}
    try:
        yield check
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
