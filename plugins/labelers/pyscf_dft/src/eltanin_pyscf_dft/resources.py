"""Threads and memory of one label: set once, by whoever runs it.

Threads are those of the executor (`executor.threads`), which it tells in OMP_NUM_THREADS and to the
libraries that are loaded; PySCF's own pool is told here. n workers with m threads then are n * m
threads and no more. With one thread labels are the same bits anywhere; with more, sums are split
among threads in no fixed order, and labels agree to some 1e-10 eV.

Memory is estimated before a calculation. What does not fit into the setting `memory`, or into what
`limits.gigabytes` leaves this process, fails as `memory` at once, rather than after an hour.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager, redirect_stderr
from typing import TextIO

from eltanin_pyscf_dft.closed import pyscf, scratch

try:
    import resource
except ImportError:  # Windows
    resource = None


@contextmanager
def workplace(log: TextIO) -> Generator[None]:
    """Give PySCF the executor's threads, one where none is told, a folder of its own, and a place for its warnings."""
    told = os.environ.get("OMP_NUM_THREADS", "1").partition(",")[0]
    with scratch(), redirect_stderr(log), pyscf.lib.with_omp_threads(int(told) if told.isdigit() and int(told) else 1):
        yield


def available(memory: float) -> float:
    """Return the gigabytes that a label may take: the setting, or less where this process is limited to less."""
    if resource is None:
        return memory
    soft, _ = resource.getrlimit(resource.RLIMIT_DATA)
    if soft == resource.RLIM_INFINITY:
        return memory
    return min(memory, soft / 1e9 - pyscf.lib.current_memory()[0] / 1e3)


def megabytes(memory: float) -> float:
    """Return PySCF's `max_memory` for a label that may take so many gigabytes beside what the process has."""
    return 1e3 * memory + float(pyscf.lib.current_memory()[0])
