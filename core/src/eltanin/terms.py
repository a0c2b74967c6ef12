"""On what terms a task runs."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any, NamedTuple

Tasks = Sequence[tuple[Any, ...]]  # the arguments of each
Results = Generator[tuple[int, Any], None, None]  # (index, result), as they end


class Terms(NamedTuple):
    """What a task may take, and what becomes of it when whoever asked for it dies.

    seconds: of wall time, at most.  gigabytes: of memory of its process, at most.  outlives: it ends
    its work even then, because it keeps the result itself.
    """

    seconds: float | None = None
    gigabytes: float | None = None
    outlives: bool = False

    def eased(self, factor: float) -> Terms:
        """Return terms with so many times the time and memory."""
        seconds, gigabytes = (None if limit is None else factor * limit for limit in self[:2])
        return Terms(seconds, gigabytes, self.outlives)


FREELY = Terms()
