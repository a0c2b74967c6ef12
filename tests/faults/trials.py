"""What the tests of whole campaigns share: a place for a run, the warm process that runs it, what came out."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from campaign_under_test import SMALL

HERE = Path(__file__).parent
SITE = HERE / "site"
MEMORY = next((place for place in ["/dev/shm"] if os.access(place, os.W_OK)), None)  # a disk that syncs in no time
HOW = {"seconds", "cached", "label_cache_hits", "command", "versions", "check"}  # it went, not what came of it
NEVER = 1e9  # seconds: no snapshot but at the beginning and at the end
SOON = {"EXPIRY": 1.0, "BEAT": 0.2}  # seconds: of leases that take no minutes to expire
LONG = 120.0  # seconds in which whatever is waited for has ended
STOPPED, GONE = 75, -signal.SIGKILL
INLINE = ("rounds=5", "executor=inline")
SPREAD = ("rounds=5", "executor=processes", "executor.workers=2", "labeler.seconds=0.03")


@dataclass
class Place:
    """A folder with a run, a store of labels, and the log of how often each was asked for."""

    path: Path
    words: tuple[str, ...] = INLINE
    name: str = "run"

    @property
    def run(self) -> Path:
        return self.path / self.name

    @property
    def store(self) -> Path:
        return self.path / "labels"

    @property
    def begun(self) -> bool:
        return (self.run / "run.json").exists()

    @property
    def begin(self) -> list[str]:
        return ["run", *SMALL, *self.words, "store=labels", f"hydra.run.dir={self.name}"]

    @property
    def said(self) -> str:
        said = self.path / f"{self.name}.said"
        return said.read_text() if said.exists() else ""

    def asked(self) -> list[tuple[int, str]]:
        """Return when which configuration was asked for; the line of a process that died may be torn."""
        log = self.path / "asked"
        lines = log.read_text().splitlines() if log.exists() else []
        return [(int(one[0]), one[1]) for line in lines if len(one := line.split()) == 3]

    def objects(self) -> dict[str, str]:
        """Return the checksums of what the store holds."""
        files = (self.store / "objects").glob("??/*.safetensors")
        return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}

    def known(self) -> set[str]:
        """Return the configurations that have a label, as the objects say themselves."""
        files = (self.store / "objects").glob("??/*.safetensors")
        found = (re.search(rb'configuration\\*":\s*\\*"([0-9a-f]{64})', path.read_bytes()) for path in files)
        return {match[1].decode() for match in found if match}


class Warm:
    """The warm process, and what was started in it."""

    def __init__(self) -> None:
        self.children: set[int] = set()
        path = os.pathsep.join([str(SITE), *filter(None, [os.environ.get("PYTHONPATH")])])
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "campaign_under_test.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True, env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        if not self.process.stdout.readline():
            self.close()
            raise RuntimeError("the warm process cannot run a campaign: it says above why")

    def begin(
        self, place: Place, words: list[str], at_risk: float = 0.0, disk: tuple[str, int] | None = None, **odd: Any
    ) -> int:
        """Start a command of `elt`; return its process id. odd: clock and leases, see `campaign_under_test`."""
        wish = {"run": words, "cwd": str(place.path), "said": str(place.path / f"{place.name}.said")}
        broken = [*disk, str(place.path / "operations")] if disk else None
        child = self._ask({**wish, "name": str(place.path), "at_risk": at_risk, "disk": broken, **odd})
        self.children.add(child)
        return child

    def end(self, child: int, seconds: float = LONG) -> int | None:
        """Return the exit code of a command, if it ends in time."""
        code = self._ask({"wait": child, "seconds": seconds})
        if code is not None:
            self.children.discard(child)
        return code

    def elt(
        self, place: Place, words: list[str], at_risk: float = 0.0, disk: tuple[str, int] | None = None, **odd: Any
    ) -> int:
        """Run a command of `elt` to its end; return its exit code."""
        child = self.begin(place, words, at_risk, disk, **odd)
        code = self.end(child)
        if code is None:
            raise AssertionError(f"{words[:2]} hangs after {LONG} s:\n{place.said[-3000:]}")
        return code

    def go_on(self, place: Place, at_risk: float = 0.0, disk: tuple[str, int] | None = None) -> int:
        """Resume, or start again what had not begun: then nothing may have been spent."""
        spent = len(place.asked())
        code = self.elt(place, ["resume", place.name], at_risk, disk)
        if code != 2:
            return code
        assert spent == len(place.asked()) == 0, place.said
        assert not place.begun
        shutil.rmtree(place.run, ignore_errors=True)  # as it is told to
        return self.elt(place, place.begin, at_risk, disk)

    def end_all(self) -> None:
        """End what a test that failed has left."""
        for child in list(self.children):
            os.kill(child, signal.SIGKILL)
            self.end(child)

    def close(self) -> None:
        """Let the warm process go."""
        self.process.stdin.close()
        self.process.wait(LONG)
        self.process.stdout.close()

    def _ask(self, wish: dict[str, Any]) -> Any:
        self.process.stdin.write(json.dumps(wish) + "\n")
        self.process.stdin.flush()
        return self._answer()

    def _answer(self) -> Any:
        return json.loads(self.process.stdout.readline())


def outcome(run: Path) -> dict[str, Any]:
    """Return all that a campaign came to: every number, and every file of the committee and the dataset."""
    files = sorted([*run.glob("dataset.*"), *run.glob("model/member-*")])
    return {
        "files": {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files},
        "summary": lasting(json.loads((run / "summary.json").read_text())),
        "rounds": [lasting(record) for record in rounds(run)],
    }


def rounds(run: Path) -> list[dict[str, Any]]:
    """Return the records of the rounds, by the run folder's own reader."""
    from eltanin.run.folder import RunFolder

    return RunFolder(run).rounds


def lasting(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record without what another run of the same campaign may do otherwise."""
    return {key: value for key, value in record.items() if key not in HOW}


def repeats(place: Place) -> int:
    """Return how many labels were asked for more than once."""
    return sum(times - 1 for times in Counter(name for _, name in place.asked()).values())


def wrong(store: Path) -> list[str]:
    """Return what is wrong with a store."""
    from eltanin.store import LabelStore

    with LabelStore(store) as opened:
        return opened.verify()


def marked(place: Place) -> Iterator[int]:
    """Yield the processes that were started on behalf of a place, and are no forks of the warm one."""
    mark = f"UNDER_TEST={place.path}".encode()
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                if mark in (folder / "environ").read_bytes().split(b"\0"):
                    yield int(folder.name)
            except OSError:  # it ended meanwhile
                continue


def left_alone(place: Place, seconds: float = 10.0) -> list[int]:
    """Return the processes that are still there after so many seconds."""
    until = time.monotonic() + seconds
    while (there := list(marked(place))) and time.monotonic() < until:
        time.sleep(0.02)
    return there
