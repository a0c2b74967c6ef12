"""Whatever ends a run, `elt resume` goes on to the same end; and whatever is damaged is told, and mended or refused."""

import errno
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from eltanin import cli
from eltanin.batch import fingerprints
from eltanin.campaign import Campaign
from eltanin.hooks import Observers
from eltanin.run import disk, publish, recording
from eltanin.run.folder import RunFolder
from eltanin.store import LabelStore, durable, leases, lines
from eltanin.store.trees import encode
from eltanin_gas.lorentz.relaxation import Relaxation

GAS = [
    "experiment=null", "system=lorentz_gas", "explorer=random_states", "explorer.problems=3", "explorer.cells=8",
    "explorer.windows=2", "labeler=relaxation", "model=ridge_closure", "model.terms=3", "selector=trust_levels",
    "selector.low=1e-9", "selector.budget=2", "committee=2", "rounds=4", "executor=inline", "store=labels",
]  # fmt: skip
WELL = [
    "experiment=null", "system=particles", "labeler=harmonic_well", "explorer=metropolis",
    "model=gaussian_wavefunction", "selector=everything", "memory=latest", "committee=1", "rounds=4", "executor=inline",
]  # fmt: skip
REPORTED: list[Path] = []


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """A folder of its own to start runs in, and reports without figures, which take most of the time."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(publish, "write_report", lambda files: REPORTED.append(files.path))
    REPORTED.clear()
    return tmp_path


def elt(*words):
    """Do what the command does, here; return its exit code."""
    sys.argv = ["elt", *map(str, words)]
    try:
        return cli.main()
    except SystemExit as end:
        return end.code
    finally:
        os.chdir(START)


START = Path.cwd()


@pytest.fixture(autouse=True)
def start_in(here, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "START", here)


def run(name="mine", *words, settings=GAS):
    return elt("run", *settings, *words, f"hydra.run.dir={name}")


def outcome(folder):
    """Return what a run hands over."""
    summary = RunFolder(folder.resolve()).summary
    manifest = json.loads((folder / "model" / "manifest.json").read_text())["sha256"]
    said = {key: summary[key] for key in ("status", "stop_reason", "rounds", "explored", "labelled", "audit")}
    return hashlib.sha256(next(folder.glob("dataset.*")).read_bytes()).hexdigest(), manifest, said


def held(folder):
    """Return all that is in a folder."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """What uninterrupted runs hand over, by settings."""
    ends = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(publish, "write_report", lambda _: None)
        patch.setattr(sys.modules[__name__], "START", Path.cwd())
        for name, settings in (("gas", GAS), ("well", WELL)):
            folder = tmp_path_factory.mktemp("whole")
            patch.chdir(folder)
            assert run(settings=settings) == 0
            ends[name] = outcome(folder / "mine")
    return ends


def at_round(monkeypatch, number, act):
    """Do something when a round begins, once."""
    real, done = Campaign.advance, []

    def advance(self, now):
        if now.round == number and not done:
            done.append(now)
            act()
        return real(self, now)

    monkeypatch.setattr(Campaign, "advance", advance)


def stopped(monkeypatch, number=2, settings=GAS, at_risk=0.0):
    """Leave a run that was stopped in a round, with a snapshot for each round before."""
    monkeypatch.setattr(recording, "AT_RISK", at_risk)
    with monkeypatch.context() as patch:
        at_round(patch, number, lambda: os.kill(os.getpid(), signal.SIGTERM))
        assert run(settings=settings) == 75
    return Path("mine").resolve()


# -- orderly ends ----------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGUSR2])
@pytest.mark.parametrize("at", [0, 2])
def test_a_signal_ends_in_order_and_resume_ends_as_if_nothing_had_been(monkeypatch, whole, number, at):
    with monkeypatch.context() as patch:
        at_round(patch, at, lambda: os.kill(os.getpid(), number))
        assert run() == 75
    files = RunFolder(Path("mine").resolve())
    assert files.summary["status"] == "stopped"
    assert files.summary["stop_reason"] == f"stopped by {number.name}; `elt resume {files.path}` goes on"
    assert files.summary["rounds"] == at == files.snapshot.round
    assert not REPORTED
    assert not list(files.path.glob("dataset.*"))
    assert elt("resume", "mine") == 0
    assert outcome(files.path) == whole["gas"]
    assert [files.path] == REPORTED


def test_a_stop_that_was_swallowed_holds_at_the_end_of_the_round(monkeypatch):
    def swallow():
        with suppress(BaseException):  # as somebody's library does
            os.kill(os.getpid(), signal.SIGTERM)

    at_round(monkeypatch, 1, swallow)
    assert run() == 75
    assert RunFolder(Path("mine").resolve()).summary["rounds"] == 2


@pytest.mark.parametrize("where", ["save_committee", "save_batch", "digests", "write_report"])
def test_a_signal_while_it_publishes_ends_in_order_and_resume_publishes(monkeypatch, whole, where):
    with monkeypatch.context() as patch:
        real, done = getattr(publish, where), []

        def signalled(*args):
            if not done:
                done.append(True)
                os.kill(os.getpid(), signal.SIGUSR2)
            return real(*args)

        patch.setattr(publish, where, signalled)
        assert run() == 75
    assert RunFolder(Path("mine").resolve()).summary["status"] == "stopped"
    with monkeypatch.context() as patch:
        patch.setattr(Campaign, "advance", None)  # there is nothing left to do but to publish
        assert elt("resume", "mine") == 0
    assert outcome(Path("mine")) == whole["gas"]


SLEEPER = """
import sys, time
from eltanin import cli
from eltanin.batch import fingerprints
from eltanin.run import driver
driver.halted = lambda *_: time.sleep(60)
def advance(self, now):
    print("ready", flush=True)
    time.sleep(60)
driver.Campaign.advance = advance
sys.argv = ["elt", "run", *{words!r}, "hydra.run.dir=mine"]
cli.main()
"""


def test_the_second_signal_ends_the_process_at_once():
    code = SLEEPER.format(words=GAS)
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        while process.stdout.readline().strip() != "ready":
            assert process.poll() is None
        begun = time.monotonic()
        process.terminate()
        time.sleep(0.3)
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == -signal.SIGINT
        assert time.monotonic() - begun < 5


# -- sudden ends -----------------------------------------------------------------------------------


def test_death_before_the_first_snapshot_begins_at_round_0(monkeypatch, whole):
    folder = stopped(monkeypatch, 1)
    shutil.rmtree(folder / "checkpoint")
    (folder / "summary.json").unlink()
    assert elt("resume", "mine") == 0
    assert outcome(folder) == whole["gas"]
    assert [record["round"] for record in RunFolder(folder).rounds] == [0, 1, 2, 3]


def spoilt(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)


@pytest.mark.parametrize("spoil", [Path.unlink, spoilt], ids=["gone", "damaged"])
@pytest.mark.parametrize(
    "name", ["summary.json", "published.json", "dataset.npz", "model/manifest.json", "model/member-1.safetensors"]
)
def test_what_is_not_wholly_published_is_published_again(whole, capsys, name, spoil):
    assert run() == 0
    assert elt("resume", "mine") == 0
    assert "nothing to resume" in capsys.readouterr().out
    spoil(Path("mine", name))
    assert elt("resume", "mine") == 0
    assert "nothing to resume" not in capsys.readouterr().out
    assert outcome(Path("mine")) == whole["gas"]
    assert elt("resume", "mine") == 0
    assert "nothing to resume" in capsys.readouterr().out


def test_a_damaged_model_is_refused_with_the_command_that_mends_it(capsys):
    assert run() == 0
    spoilt(Path("mine/model/member-0.safetensors"))
    assert elt("evaluate", "mine", "mine/dataset.npz") == 2
    said = capsys.readouterr().err
    assert "member-0.safetensors is not the file that manifest.json vouches for" in said
    assert f"elt resume {Path('mine').resolve()}`" in said
    assert elt("resume", "mine") == 0
    assert elt("evaluate", "mine", "mine/dataset.npz") == 0


def test_a_run_folder_that_was_moved_goes_on(monkeypatch, whole, tmp_path, capsys):
    folder = stopped(monkeypatch)
    there = tmp_path / "else" / "where"
    there.parent.mkdir()
    folder.rename(there)
    assert elt("resume", there) == 0
    assert outcome(there) == whole["gas"]
    assert not folder.exists()
    assert capsys.readouterr().err == ""
    assert elt("resume", there) == 0


def test_where_it_was_started_may_be_gone_and_that_is_told(monkeypatch, whole, tmp_path, capsys):
    monkeypatch.setattr(sys.modules[__name__], "START", tmp_path / "old")
    (tmp_path / "old").mkdir()
    os.chdir(tmp_path / "old")
    folder = stopped(monkeypatch)
    monkeypatch.setattr(sys.modules[__name__], "START", tmp_path)
    os.chdir(tmp_path)
    folder.rename(tmp_path / "new")
    shutil.rmtree(tmp_path / "old")
    assert elt("resume", "new") == 0
    assert "is gone: relative paths begin here" in capsys.readouterr().err
    assert outcome(tmp_path / "new") == whole["gas"]


def test_any_damaged_file_of_a_checkpoint_costs_training_and_no_label(monkeypatch, whole, capsys):
    folder = stopped(monkeypatch, 3)
    asked, real = [], Relaxation.label
    shutil.copytree(folder, "another")
    assert elt("resume", "another") == 0
    kept = {path: path.read_bytes() for path in (folder / "checkpoint").iterdir()}
    began = set()
    for path in kept:
        copy = folder.with_name(f"copy-{path.name}")
        shutil.copytree(folder, copy)
        spoilt(copy / "checkpoint" / path.name)
        capsys.readouterr()
        with monkeypatch.context() as patch:
            patch.setattr(Relaxation, "label", lambda self, x, *rest: asked.append(len(x)) or real(self, x, *rest))
            assert elt("resume", copy) == 0
        said = capsys.readouterr().err
        assert outcome(copy) == whole["gas"]
        assert [record["round"] for record in RunFolder(copy).rounds] == [0, 1, 2, 3]
        if said:
            assert f"{copy / 'checkpoint' / path.name} is damaged" in said
            assert "the labels come from the store" in said
            assert (copy / "checkpoint" / "damaged" / path.name).exists()
            began.add(said.partition("The campaign ")[2].partition(":")[0])
    assert began == {"goes on at round 2, with the snapshot before", "begins again at round 0"}
    assert not asked  # all labels were in the store


def test_without_kept_labels_damage_is_told_with_what_is_lost(monkeypatch, whole, capsys):
    folder = stopped(monkeypatch, 3, settings=WELL)
    for path in (folder / "checkpoint").glob("*.json"):
        spoilt(path)
    assert elt("resume", "mine") == 0
    said = capsys.readouterr().err
    assert "begins again at round 0: no labels were kept, so they are made again" in said
    assert outcome(folder) == whole["well"]


def test_damaged_lines_are_told_and_nothing_else_is_lost(monkeypatch, whole):
    folder = stopped(monkeypatch, 3)
    content = (folder / "rounds.jsonl").read_bytes().splitlines(keepends=True)
    (folder / "rounds.jsonl").write_bytes(content[0] + content[1].replace(b"explored", b"explosed") + content[2])
    assert RunFolder(folder).damaged == [
        f"{folder}/rounds.jsonl: lines that are torn or damaged: 1",
        f"{folder}/rounds.jsonl: no line tells of round 1",
    ]
    assert elt("resume", "mine") == 0
    files = RunFolder(folder)
    assert outcome(folder) == whole["gas"]
    assert files.summary["rounds_lost"] == [1]
    assert f"{folder}/rounds.jsonl: no line tells of round 1" in files.damaged


def test_damaged_pools_are_left_out_and_told():
    assert run() == 0
    folder = Path("mine").resolve()
    whole_ones = RunFolder(folder).pools
    assert len(whole_ones) == 4
    assert RunFolder(folder).damaged == []
    spoilt(folder / "pools" / "000002.safetensors")
    files = RunFolder(folder)
    assert [len(pool) for pool in files.pools] == [len(whole_ones[n]) for n in (0, 1, 3)]
    (told,) = files.damaged
    assert told.startswith(f"{folder}/pools/000002.safetensors is damaged")


@pytest.mark.parametrize("end", [75, 0])
def test_a_damaged_test_set_is_made_again(monkeypatch, capsys, end):
    tested = [*GAS, "validation=reference", "validation.samples=2"]
    assert run("whole", settings=tested) == 0
    expected = RunFolder(Path("whole").resolve()).validation
    assert stopped(monkeypatch, settings=tested) if end else run(settings=tested) == 0
    for name in ("validation.json", "validation.safetensors"):
        spoilt(Path("mine", name))
        files = RunFolder(Path("mine").resolve())
        assert files.validation is None
        assert any(name in told for told in files.damaged)
        assert elt("resume", "mine") == 0
        assert f"mine/{name} is damaged" in capsys.readouterr().err
        found = RunFolder(Path("mine").resolve()).validation
        assert list(found) == ["x", "labels", "predicted"]
        assert encode(found)[0] == encode(expected)[0]
        assert {k: v.tobytes() for k, v in encode(found)[1].items()} == {
            k: v.tobytes() for k, v in encode(expected)[1].items()
        }


# -- what cannot change ----------------------------------------------------------------------------


@pytest.mark.parametrize("command", [["resume", "mine"], ["evaluate", "mine", "mine/rounds.jsonl"]])
@pytest.mark.parametrize("name", ["config.yaml", "run.json"])
def test_settings_that_were_changed_are_refused(monkeypatch, capsys, name, command):
    folder = stopped(monkeypatch)
    path = folder / name
    path.write_text(path.read_text().replace("rounds", "sounds", 1))
    before = held(folder)
    assert elt(*command) == 2
    assert str(path) in capsys.readouterr().err
    assert held(folder) == before


def test_a_method_that_drifted_is_refused_and_the_field_named(monkeypatch, capsys):
    folder = stopped(monkeypatch)
    before = held(folder)
    monkeypatch.setattr(Relaxation, "revision", 7)
    assert elt("resume", "mine") == 2
    said = capsys.readouterr().err
    assert "the method of the labels is not what it was" in said
    assert "labeler.revision" in said
    assert "7" in said
    assert held(folder) == before


# -- one driver ------------------------------------------------------------------------------------


def test_a_second_driver_is_refused_and_told_of_the_first(monkeypatch, capsys):
    folder = stopped(monkeypatch)
    before = held(folder)
    lease = leases.take(folder, "driver")
    assert elt("resume", "mine") == 2
    said = capsys.readouterr().err
    assert f"{folder} is driven by process {os.getpid()} on {socket.gethostname()}, since" in said
    assert "its last sign of life came at" in said
    lease.release()
    assert {path: content for path, content in held(folder).items() if "lease" not in path.name} == {
        path: content for path, content in before.items() if "lease" not in path.name
    }
    assert elt("resume", "mine") == 0


def test_a_driver_that_was_superseded_says_so_and_writes_nothing_more(monkeypatch, capsys):
    monkeypatch.setattr(recording, "AT_RISK", 0.0)
    then = {}

    def supersede():
        number = max(leases._numbers(folder, "driver")) + 1
        owner = leases.Owner("elsewhere", "machine", "boot", "pid:[1]", 4321, 17, time.time())
        leases._path(folder, "driver", number).write_text(json.dumps([*owner, "token"]))
        then.update(held(folder))

    folder = Path("mine").resolve()
    at_round(monkeypatch, 2, supersede)
    assert run() == 1
    said = capsys.readouterr().err
    assert f"{folder} is driven by process 4321 on elsewhere" in said
    assert "Traceback" not in said
    assert held(folder) == then


# -- disks -----------------------------------------------------------------------------------------


def test_without_room_nothing_begins(monkeypatch, capsys):
    monkeypatch.setattr(disk, "ROOM", 10**18)
    assert run() == 2
    assert "free there" in capsys.readouterr().err
    assert not Path("mine").exists()
    assert not Path("labels").exists()


@pytest.mark.parametrize("reason", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
def test_a_disk_that_refuses_stops_the_run_in_order(monkeypatch, whole, reason):
    def refuse():
        raise OSError(reason, os.strerror(reason))

    with monkeypatch.context() as patch:
        at_round(patch, 2, refuse)
        assert run() == 75
    summary = RunFolder(Path("mine").resolve()).summary
    assert summary["status"] == "stopped"
    assert os.strerror(reason) in summary["stop_reason"]
    assert "`elt resume" in summary["stop_reason"]
    assert elt("resume", "mine") == 0
    assert outcome(Path("mine")) == whole["gas"]


@pytest.mark.parametrize("at", [0, 1, 3])
def test_a_disk_that_takes_nothing_any_more_does_not_hide_why(monkeypatch, whole, capsys, at):
    def full(*args, **options):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:

        def fill():
            for module, name in ((durable, "write_aside"), (lines, "append")):
                patch.setattr(module, name, full)

        at_round(patch, at, fill)
        assert run() == 75
    said = capsys.readouterr()
    assert "Traceback" not in said.err
    assert "No space left on device" in said.out
    assert "elt resume" in said.out
    assert "summary could not be written" in said.err
    for lease in Path("mine").glob("driver.lease-*"):  # the end of a process frees it as well
        lease.write_bytes(b"")
    assert elt("resume", "mine") == 0
    assert outcome(Path("mine")) == whole["gas"]


# -- one label again -------------------------------------------------------------------------------


def test_a_label_is_repeated_with_all_that_is_written_and_compared(monkeypatch, capsys):
    assert run() == 0
    store = LabelStore(Path("labels").resolve())
    key = store.rows()[0]["key"]
    real = Relaxation.label

    def talking(self, x, wanted, rng):
        print("cycle 1")
        return real(self, x, wanted, rng)

    monkeypatch.setattr(Relaxation, "label", talking)
    capsys.readouterr()
    assert elt("repeat", "mine", key[:20], "--keep") == 0
    said = capsys.readouterr().out
    assert said.startswith(f"{key}\nknown: a label;")
    assert "\ncycle 1\n" in said
    assert "the same to the last bit\nkept in" in said

    def other(self, x, wanted, rng):
        found = real(self, x, wanted, rng)
        moved = {k: replace(v, values=v.values + 0.25) for k, v in found.values.values.items()}
        return replace(found, values=replace(found.values, values=moved))

    monkeypatch.setattr(Relaxation, "label", other)
    before = store.objects.path(key).read_bytes()
    assert elt("repeat", "mine", key[:20], "--keep") == 0
    said = capsys.readouterr().out
    assert "differs by 0.25 at most" in said
    assert "not kept:" in said
    assert store.objects.path(key).read_bytes() == before
    store.close()


def test_a_failure_is_repeated_with_its_traceback_and_its_label_is_kept_when_it_comes(monkeypatch, capsys):
    real, seen = Relaxation.label, []

    def failing(self, x, wanted, rng):
        (name,) = fingerprints(x)
        seen.append(name)
        return 1 / 0 if name == [*dict.fromkeys(seen), ""][1] else real(self, x, wanted, rng)

    monkeypatch.setattr(Relaxation, "label", failing)
    assert run() == 0
    (told, *_), damaged = lines.read(Path("mine/failures.jsonl"))
    assert damaged == 0
    assert (told["round"], told["kind"], told["message"]) == (0, "error", "ZeroDivisionError: division by zero")
    capsys.readouterr()
    assert elt("repeat", "mine", told["key"]) == 1
    said = capsys.readouterr().out
    assert "now: error: ZeroDivisionError: division by zero" in said
    assert "in failing\n" in said  # the traceback
    monkeypatch.setattr(Relaxation, "label", real)
    assert elt("repeat", "mine", told["key"]) == 0
    assert "it is not what it was" in capsys.readouterr().out
    with LabelStore(Path("labels").resolve()) as store:
        assert store.objects.find(told["key"]).failure is not None
        assert elt("repeat", "mine", told["key"], "--keep") == 0
        assert store.objects.find(told["key"]).failure is None


def test_what_cannot_be_repeated_is_said(capsys):
    assert run() == 0
    assert elt("repeat", "mine", "xyz") == 2
    assert "xyz: no label has such a key" in capsys.readouterr().err
    assert elt("repeat", "mine", "") == 2
    assert "labels begin so: give more of it" in capsys.readouterr().err
    assert run("other", settings=WELL) == 0
    assert elt("repeat", "other", "00") == 2
    assert "kept no labels in a store" in capsys.readouterr().err


# -- what others get wrong -------------------------------------------------------------------------


def test_a_report_that_fails_takes_nothing_from_the_result(monkeypatch, whole, capsys):
    def broken(_):
        raise RuntimeError("no such font")

    monkeypatch.setattr(publish, "write_report", broken)
    assert run() == 0
    said = capsys.readouterr().err
    assert "the report could not be written (RuntimeError: no such font)" in said
    assert "elt report" in said
    assert outcome(Path("mine")) == whole["gas"]
    assert publish.is_published(RunFolder(Path("mine").resolve()), RunFolder(Path("mine").resolve()).snapshot)


def test_an_observer_that_fails_at_the_end_takes_nothing_from_the_result(monkeypatch, whole, capsys):
    class Broken:
        def campaign_finished(self):
            raise RuntimeError("out of tune")

    real = Observers.add_hookspecs

    def add(self, module):
        real(self, module)
        self.register(Broken())

    monkeypatch.setattr(Observers, "add_hookspecs", add)
    assert run() == 0
    assert "an observer failed at the end (RuntimeError: out of tune)" in capsys.readouterr().err
    assert outcome(Path("mine")) == whole["gas"]


def test_a_bug_leaves_a_summary_and_a_run_that_goes_on_when_it_is_mended(monkeypatch, whole, capsys):
    def bug():
        raise ZeroDivisionError("one over none")

    with monkeypatch.context() as patch:
        at_round(patch, 2, bug)
        assert run() == 1
    assert "Traceback" in capsys.readouterr().err
    summary = RunFolder(Path("mine").resolve()).summary
    assert (summary["status"], summary["rounds"]) == ("failed", 2)
    assert "ZeroDivisionError: one over none" in summary["stop_reason"]
    assert elt("resume", "mine") == 0
    assert outcome(Path("mine")) == whole["gas"]
