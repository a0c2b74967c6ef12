"""A warm process that runs `elt` in forks of itself, so that a campaign starts in an instant.

Each line of its input asks for one thing, in JSON, and is answered by a line: {"run": [words of elt],
"cwd": …, "said": file for its output, "name": …, "at_risk": seconds between snapshots, "disk": [how, at,
file for the count] or null, "leases": {"EXPIRY": s, "BEAT": s}, "clock": [how far it is off, how far it jumps
at each look, forth and back]} by the process id, and {"wait": process id, "seconds": …} by its exit code,
or null if it goes on. What is imported before the fork need not be imported after it.
"""

from __future__ import annotations

import atexit
import itertools
import json
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

SMALL = [
    "experiment=null", "system=lorentz_gas", "explorer=random_states", "explorer.problems=3", "explorer.cells=8",
    "explorer.windows=2", "labeler=counted", "model=ridge_closure", "model.terms=3", "selector=trust_levels",
    "selector.low=1e-9", "selector.budget=2", "audit.tolerance=1e-12", "audit.each_round=1", "committee=2",
]  # fmt: skip


def warm_up() -> None:
    """Run a campaign of one round, so that all it needs is there; and leave figures out of reports."""
    import matplotlib.figure

    def blank(figure: Any, file: Any, **options: Any) -> None:
        """Draw nothing: it takes most of the time of a campaign this small, and writes to no disk."""
        file.write(b"<svg/>")

    matplotlib.figure.Figure.savefig = blank
    with tempfile.TemporaryDirectory() as folder:
        before = Path.cwd()
        os.chdir(folder)
        code = elt(["run", *SMALL, "rounds=2", "executor=inline", "store=labels", "hydra.run.dir=warm"])
        os.chdir(before)
    if code:
        raise SystemExit(f"the campaign under test ended with {code} before anything was done to it")
    if threading.active_count() > 1:
        raise SystemExit(f"a fork would lose threads: {threading.enumerate()}")


def elt(words: list[str]) -> int:
    """Do what the command does; return its exit code."""
    from eltanin import cli

    sys.argv = ["elt", *words]
    try:
        return cli.main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1


def begin(wish: dict[str, Any]) -> int:
    """Fork, and run the command there; return who runs it."""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.setsid()
            os.environ["UNDER_TEST"] = wish["name"]
            os.chdir(wish["cwd"])
            said = os.open(wish["said"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            for stream in (1, 2):
                os.dup2(said, stream)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            code = carry_out(wish)
        except BaseException:
            import traceback

            traceback.print_exc()
        finally:
            os._exit(code)
    return child


def carry_out(wish: dict[str, Any]) -> int:
    """Run the command with a disk that breaks, or a good one."""
    import broken_disk

    from eltanin.run import recording
    from eltanin.store import leases

    recording.AT_RISK = wish["at_risk"]
    for name, seconds in wish.get("leases", {}).items():
        setattr(leases, name, seconds)
    leases.take.__defaults__ = (leases.EXPIRY,)
    leases.beating.__wrapped__.__defaults__ = (leases.BEAT,)
    if "clock" in wish:
        time.time = wrong_clock(time.time, *wish["clock"])
    tell = broken_disk.arm(wish["disk"][0], wish["disk"][1], Path(wish["disk"][2])) if wish["disk"] else None
    code = elt(wish["run"])
    sys.stdout.flush()
    atexit._run_exitfuncs()
    if tell:
        tell()
    return code


def wrong_clock(real: Callable[[], float], off: float, jump: float) -> Callable[[], float]:
    """Return a clock that is off, and jumps forth and back."""
    signs = itertools.cycle([1, -1])
    return lambda: real() + off + next(signs) * jump


def wait(child: int, seconds: float) -> int | None:
    """Return how a child ended, if it does in time; negative for a signal."""
    until = time.monotonic() + seconds
    while True:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > until:
            return None
        time.sleep(0.002)


def serve() -> None:
    """Answer until there is nobody left to ask."""
    for line in sys.stdin:
        wish = json.loads(line)
        print(json.dumps(begin(wish) if "run" in wish else wait(wish["wait"], wish["seconds"])), flush=True)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    answers = os.dup(1)
    os.dup2(2, 1)  # what the campaign prints is no answer
    warm_up()
    os.dup2(answers, 1)
    print(json.dumps("ready"), flush=True)
    serve()
