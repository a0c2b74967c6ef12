"""What a task has written to its standard output and error: the last lines, for whoever reports a failure.

A worker writes to an unnamed temporary file that its parent holds too, so that even a worker that was
killed leaves word. It is emptied before each task.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import IO, Any

LINES, BYTES = 20, 4096  # that are kept of it, at most

_file: int | None = None  # in a worker: where its output goes


def last_output() -> str:
    """Return the last lines that the present task of this worker has written; nothing outside of a worker."""
    if _file is None:
        return ""
    _flush()
    return last_lines(_file)


def last_lines(file: int) -> str:
    """Return the last lines of an open file, without what could command a terminal."""
    if not hasattr(os, "pread"):  # it leaves alone where others write
        return ""
    size = os.fstat(file).st_size
    lines = os.pread(file, BYTES, max(0, size - BYTES)).decode(errors="replace").splitlines()
    return "\n".join("".join(c if c.isprintable() or c == "\t" else "�" for c in line) for line in lines[-LINES:])


def keep_output() -> None:
    """Remember, in a worker, where standard output goes, whatever tasks do to it; pass on each line at once."""
    global _file
    _file = os.dup(1)
    for stream in _streams():
        stream.reconfigure(line_buffering=True, errors="backslashreplace")


def empty_output() -> None:
    """Forget what tasks before have written."""
    _flush()
    if _file is not None and os.fstat(_file).st_size:
        os.ftruncate(_file, 0)
        os.lseek(_file, 0, os.SEEK_SET)  # for all who write to it, since they share the place


def _flush() -> None:
    for stream in _streams():
        with suppress(OSError, ValueError):  # a full disk; closed by a task
            stream.flush()


def _streams() -> list[Any]:
    streams: list[IO[str] | None] = [sys.__stdout__, sys.__stderr__]
    return [stream for stream in streams if stream is not None]
