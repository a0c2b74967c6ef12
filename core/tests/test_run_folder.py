"""The run folder: what is written is whole, vouched for, and written by its one driver; disks and signals."""

import errno
import json
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest

from eltanin.errors import ConfigurationError
from eltanin.run import disk, driver
from eltanin.run.begun import Begun
from eltanin.run.folder import FAILURES, ROUNDS, RunFolder, Superseded
from eltanin.run.signals import Stopped, stoppable
from eltanin.store import checked, durable, leases, lines
from eltanin.store.durable import IntegrityError

METHOD = {"name": "square", "revision": 1, "settings": {"power": 2.0}}
CONFIG = {"seed": 1, "labeler": {"_name_": "square"}}


@pytest.fixture
def files(tmp_path):
    begun = RunFolder(tmp_path / "run")
    begun.begin(CONFIG, {"labeler=square": "toys 1.0"}, overrides=["seed=1", "a=b c"], started_in="/", method=METHOD)
    return RunFolder(begun.path)


def test_what_was_begun_is_read_again(files):
    assert files.config == CONFIG
    assert files.plugins == {"labeler=square": "toys 1.0"}
    assert files.begun.method == METHOD
    assert files.command == "elt run seed=1 'a=b c'"
    assert str(files.started_in) == "/"
    assert stat.S_IMODE(files.path.stat().st_mode) == 0o700


def read(folder):
    files = RunFolder(folder)
    return files.config, files.plugins


@pytest.mark.parametrize("name", ["config.yaml", "plugins.json", "run.json"])
def test_any_damage_to_what_was_begun_is_refused_and_the_file_named(files, name):
    path = files.path / name
    content = path.read_bytes()
    for place in range(0, len(content), 7):
        flipped = bytearray(content)
        flipped[place] ^= 1 << (place % 8)
        for wrong in (bytes(flipped), content[:place]):
            path.write_bytes(wrong)
            with pytest.raises(ConfigurationError, match=name):
                read(files.path)
    path.unlink()
    with pytest.raises(ConfigurationError, match=name):
        read(files.path)


def test_a_method_that_drifted_is_named_field_by_field(files):
    files.begun.check_method(files.path, METHOD)
    with pytest.raises(ConfigurationError, match=r"power.*2\.0.*3\.0"):
        files.begun.check_method(files.path, {**METHOD, "settings": {"power": 3.0}})


def test_a_run_that_died_before_it_had_begun_says_so(files):
    (files.path / "run.json").unlink()
    with pytest.raises(ConfigurationError, match="Nothing was spent: remove the folder"):
        Begun.read(files.path)
    (files.path / "config.yaml").unlink()
    with pytest.raises(ConfigurationError, match=r"not the folder of a run: it has no config\.yaml"):
        Begun.read(files.path)


def test_lines_of_rounds_that_will_be_done_again_are_dropped(files):
    for number in range(4):
        files.append(ROUNDS, {"round": number, "deviation": float("nan")})
        files.append(FAILURES, {"round": number, "kind": "crash"})
    with (files.path / ROUNDS).open("ab") as file:
        file.write(b'{"round": 4, "torn')
    assert [record["round"] for record in files.rounds] == [0, 1, 2, 3]
    assert files.rounds[0]["deviation"] is None
    files.forget_from(2)
    for name in (ROUNDS, FAILURES):
        records, damaged = lines.read(files.path / name)
        assert ([record["round"] for record in records], damaged) == ([0, 1], 0)


def test_the_summary_carries_its_checksum_and_is_not_believed_without(files):
    files.save_json("summary.json", {"status": "budget", "x": float("inf"), 3: (1, 2.5)})
    path = files.path / "summary.json"
    assert files.summary == {"status": "budget", "x": None, "3": [1, 2.5]}
    content = path.read_bytes()
    assert list(json.loads(content))[-1] == "check"
    for place in range(len(content)):
        flipped = bytearray(content)
        flipped[place] ^= 1 << (place % 8)
        path.write_bytes(flipped)
        assert files.summary in ({}, {"status": "budget", "x": None, "3": [1, 2.5]})
    for wrong in (b"", b"[]", b"7", b"{}", content[:-5]):
        path.write_bytes(wrong)
        with pytest.raises(IntegrityError, match=r"summary\.json is damaged"):
            checked.read(path)


def test_a_file_of_a_domain_gets_its_name_when_it_is_whole(files):
    def write(path):
        path.write_text("half")
        raise RuntimeError

    files.save_by("dataset.npz", lambda path: path.write_text("whole"))
    with pytest.raises(RuntimeError):
        files.save_by("dataset.npz", write)
    assert (files.path / "dataset.npz").read_text() == "whole"


# -- one driver ------------------------------------------------------------------------------------


def taken_over(folder):
    """Let another process, of another machine, hold the lease."""
    theirs = leases.Owner("elsewhere", "machine", "boot", "pid:[1]", 4321, 17, time.time())
    number = max(leases._numbers(folder, driver.DRIVER)) + 1
    leases._path(folder, driver.DRIVER, number).write_text(json.dumps([*theirs, "token"]))


def test_a_second_driver_is_refused_and_told_who_when_and_the_last_sign(files):
    with driver.driving(files):
        with pytest.raises(ConfigurationError) as refused, driver.driving(RunFolder(files.path)):
            pass
        for part in (f"process {os.getpid()} on {os.uname().nodename}, since 20", "last sign of life came at 20"):
            assert part in str(refused.value)
        assert refused.value.exit_code == 2
    with driver.driving(RunFolder(files.path)):
        pass


def test_a_driver_that_died_leaves_nothing_in_the_way(files):
    code = (
        "import os, sys, pathlib; from eltanin.store import leases; "
        "leases.take(pathlib.Path(sys.argv[1]), 'driver'); os._exit(137)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(files.path)], check=False).returncode == 137
    with driver.driving(files):
        assert files.lease.number == 2


WRITINGS = {
    "save": lambda files: files.save(None),
    "mend": lambda files: files.mend(),
    "save_tree": lambda files: files.save_tree("a/b", [1]),
    "save_pool": lambda files: files.save_pool(1, [1]),
    "save_validation": lambda files: files.save_validation({"x": 1}),
    "save_json": lambda files: files.save_json("a.json", {}),
    "save_bytes": lambda files: files.save_bytes("a.txt", b""),
    "save_by": lambda files: files.save_by("a.npz", lambda path: path.touch()),
    "append": lambda files: files.append(ROUNDS, {"round": 1}),
    "forget_from": lambda files: files.forget_from(0),
    "begin": lambda files: files.begin({}, {}, overrides=[], started_in="", method={}),
}


def test_every_writing_is_tried():
    assert {name for name in vars(RunFolder) if name.startswith(("save", "append", "forget", "begin", "mend"))} == set(
        WRITINGS
    )


@pytest.mark.parametrize("writing", WRITINGS)
def test_a_driver_that_was_superseded_finds_out_before_it_writes_anything(files, writing):
    files.append(ROUNDS, {"round": 0})
    with driver.driving(files):
        taken_over(files.path)
        files.found = SimpleNamespace(wrong=["snapshot.json is damaged"])
        before = {path: path.read_bytes() for path in files.path.rglob("*") if path.is_file()}
        with pytest.raises(Superseded, match="process 4321 on elsewhere"):
            WRITINGS[writing](files)
    assert {path: path.read_bytes() for path in files.path.rglob("*") if path.is_file()} == before


# -- disks -----------------------------------------------------------------------------------------


def test_a_run_does_not_begin_where_there_is_no_room(files, tmp_path, monkeypatch):
    disk.check(files.path, str(tmp_path / "store" / "deep"), stored=True)
    assert not (tmp_path / "store").exists()
    monkeypatch.setattr(disk, "ROOM", 10**18)
    with pytest.raises(ConfigurationError, match="free there"):
        disk.check(files.path, None, stored=False)


@pytest.mark.parametrize("reason", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EDQUOT])
def test_a_run_does_not_begin_where_nothing_can_be_written(files, tmp_path, monkeypatch, reason):
    real = durable.write_aside

    def refusing(path, *args, **options):
        if path.is_relative_to(tmp_path / "store"):
            raise OSError(reason, os.strerror(reason))
        return real(path, *args, **options)

    (tmp_path / "store").mkdir()
    monkeypatch.setattr(durable, "write_aside", refusing)
    room = "Make room" if reason != errno.EACCES else "Give another"
    with pytest.raises(ConfigurationError, match=rf"store.*{os.strerror(reason)}.*{room}.*store=FOLDER"):
        disk.check(files.path, str(tmp_path / "store"), stored=True)
    disk.check(files.path, str(tmp_path / "store"), stored=False)
    disk.check(files.path, "none", stored=True)
    assert not list((tmp_path / "store").iterdir())


def sqlite_error(code):
    error = sqlite3.OperationalError("database or disk is full")
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "/a/b"), "No space left on device (/a/b)"),
        (OSError(errno.EIO, "Input/output error"), "Input/output error"),
        (sqlite_error(13), "database or disk is full"),
        (sqlite_error(10 | 3 << 8), "database or disk is full"),
        (sqlite_error(1), ""),
        (OSError(errno.ENOENT, "No such file"), ""),
        (ValueError("x"), ""),
        (None, ""),
    ],
)
def test_it_is_told_from_other_errors_that_a_disk_is_to_blame(error, said):
    assert disk.to_blame(error) == said
    if error is not None:
        outer = RuntimeError("because")
        outer.__cause__ = error
        assert disk.to_blame(outer) == said


# -- signals ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGUSR2])
def test_a_signal_stops_and_the_next_one_would_end_the_process(number):
    before = signal.getsignal(number)
    with stoppable() as check:
        check()
        with pytest.raises(Stopped, match=number.name):
            os.kill(os.getpid(), number)
        assert {signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR2)} == {signal.SIG_DFL}
        with pytest.raises(Stopped, match=number.name):
            check()
    assert signal.getsignal(number) is before


def test_a_stop_that_came_where_no_exception_gets_out_is_not_forgotten(monkeypatch):
    class Last:
        def __del__(self):
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(sys, "unraisablehook", lambda _: None)
    with stoppable() as check:
        one = Last()
        del one
        with pytest.raises(Stopped, match="SIGTERM"):
            check()
