"""What is wrong is said at once, with the value, the reason, the remedy and exit code 2; nothing is spent or lost."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import bad_files
import bad_runs
import bad_settings
import pytest
from bad_case import GAS, Case

from eltanin.cli import main

ROOT = Path(__file__).parents[2]
ELT = Path(sys.executable).with_name("elt")
CASES = {case.about: case for case in [*bad_settings.CASES, *bad_files.CASES, *bad_runs.CASES]}
AS_PROCESSES = ["setting misspelt", "preset that fills the memory", "pickle for an array", "folder that holds a run"]


def elt(line: str) -> tuple[int, str]:
    """Give a command in this process; return the exit code and all that was said."""
    said = io.StringIO()
    sys.argv = ["elt", *shlex.split(line)]
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            code = main()
        except SystemExit as end:
            code = end.code
    return code, said.getvalue()


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Return where a run that has ended lies, and one that was stopped."""
    here = tmp_path_factory.mktemp("runs")
    command = [ELT, *shlex.split(GAS), "store=labels"]
    subprocess.run([*command, "hydra.run.dir=ended"], cwd=here, check=True, capture_output=True)
    with subprocess.Popen(
        [*command, "rounds=100000", "hydra.run.dir=stopped"], cwd=here, stdout=subprocess.DEVNULL
    ) as run:
        while not (here / "stopped" / "rounds.jsonl").exists() and run.poll() is None:
            time.sleep(0.01)
        run.send_signal(signal.SIGINT)
    assert run.returncode == 75
    return here


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Return an empty working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["elt"])
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / ".data"))
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    monkeypatch.setenv("COLUMNS", "400")
    return tmp_path


def prepare(case: Case, here: Path, runs: Path) -> dict[str, bytes]:
    """Make what a case needs; return all files."""
    for name in ("ended", "stopped"):
        if name in case.line:
            shutil.copytree(runs / name, here / name)
    case.given(here)
    return contents(here)


def contents(folder: Path) -> dict[str, bytes]:
    """Return the content of every regular file."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("about", CASES)
def test_what_is_wrong_is_said_and_nothing_is_lost(about, here, request):
    case = CASES[about]
    needed = "ended" in case.line or "stopped" in case.line
    before = prepare(case, here, request.getfixturevalue("runs") if needed else here)
    code, said = elt(case.line)
    assert code == case.code, said
    assert "Traceback" not in said
    assert len(said) < 4000, "an answer is to be read"
    place = 0
    for part in case.says:
        assert part in said[place:], f"{part!r} is not in {said!r}"
        place = said.index(part, place) + len(part)
    after = contents(here)
    assert {name: after.get(name) for name in before} == before, "a file that was there is not as it was"
    begun = [name for name in after.keys() - before.keys() if not name.startswith(("multirun", ".data", "x.predicted"))]
    assert not begun, "nothing was begun"


@pytest.mark.parametrize("about", AS_PROCESSES)
def test_a_process_says_the_same_and_ends_with_the_same_code(about, here, request):
    case = CASES[about]
    prepare(case, here, request.getfixturevalue("runs"))
    done = subprocess.run([ELT, *shlex.split(case.line)], capture_output=True, text=True, check=False)
    assert done.returncode == case.code
    assert "Traceback" not in done.stdout + done.stderr
    assert all(part in done.stderr for part in case.says)


def test_there_are_enough_of_them():
    assert len(CASES) >= 60
    assert len(CASES) == sum(len(cases.CASES) for cases in (bad_settings, bad_files, bad_runs)), "names are unique"
    assert all(case.says and case.code == 2 for case in CASES.values())


def test_the_page_names_tests_that_exist():
    page = (ROOT / "docs" / "reliability.md").read_text()
    named = set(re.findall(r"`([\w/]+\.py)`", page))
    assert len(named) >= 20
    assert [name for name in named if not any((root / name).exists() for root in (ROOT, ROOT / "core" / "src"))] == []


def test_the_page_holds_the_table_as_it_is():
    asked = [sys.executable, ROOT / "docs" / "bad_input.py", "--check"]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
