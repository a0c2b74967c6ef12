"""What a campaign shows: the terminal while it runs, and one self-contained page when it has ended.

Importing this is cheap: matplotlib and jinja2 are imported when a page is written.
"""

from __future__ import annotations

from contextlib import chdir
from pathlib import Path
from typing import TYPE_CHECKING

from eltanin.report.sections import Drawing, Run, Section, Table

if TYPE_CHECKING:
    import pluggy

__all__ = ["Drawing", "Run", "Section", "Table", "write_report"]


def write_report(run: Run, hooks: pluggy.HookRelay | None = None) -> Path:
    """Write ``report.html`` into a run's folder, from that folder alone, and return its path.

    hooks: whom to ask for sections of their own; by default every installed observer.
    """
    from eltanin.hooks import relay
    from eltanin.store import durable

    with chdir(Path(__file__).parent):  # matplotlib obeys a matplotlibrc where it stands, which may be a stranger's
        from eltanin.report.page import render

    path = run.path / "report.html"
    durable.replace(path, render(run, hooks or relay()).encode())
    return path
