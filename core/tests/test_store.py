"""The label store: what it acknowledged is there, whole, whatever happened since."""

import contextlib
import json
import multiprocessing
import os
import sqlite3
import stat
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from eltanin.batch import Properties
from eltanin.errors import ConfigurationError
from eltanin.protocols import Failure
from eltanin.store import IntegrityError, LabelStore, durable, open_store
from eltanin.store import index as index_module
from eltanin.store.index import Index
from eltanin.store.leases import Held
from eltanin.store.records import to_bytes
from eltanin.store.sealed import open_arrays, seal_arrays, seal_json

TOYS = Path(__file__).parent / "toys"
sys.path.append(str(TOYS))
from toy_faults import damages, power_cut  # noqa: E402
from toy_labels import equal, record  # noqa: E402


@pytest.fixture
def store(tmp_path):
    with LabelStore(tmp_path / "store") as opened:
        yield opened


def files(store):
    return sorted(path for path in store.objects.folder.rglob("*") if path.is_file())


def test_what_is_put_is_got_to_the_last_bit(store):
    for number in range(5):
        put = store.put(record(number))
        assert equal(put, record(number))
    keys = [record(number).key for number in range(6)]
    found = store.get(keys)
    assert set(found) == set(keys[:5])
    assert all(equal(found[record(number).key], record(number)) for number in range(5))
    assert store.verify() == []


def test_the_store_outlives_whoever_opened_it(tmp_path):
    with LabelStore(tmp_path) as store:
        store.put(record(1))
    with LabelStore(tmp_path) as store:
        assert equal(store.get([record(1).key])[record(1).key], record(1))
        assert len(store.rows()) == 1


def test_the_first_label_stays(store):
    first, second = record(1), record(1, Properties.of(energy=np.array([17.0])))
    store.put(first)
    assert equal(store.put(second), first)
    assert equal(store.get([first.key])[first.key], first)
    assert len(store.rows()) == len(files(store)) == 1


def test_an_object_says_all_of_itself(store):
    from safetensors import safe_open

    store.put(record(4))
    with safe_open(files(store)[0], "numpy") as file:
        assert set(file.keys()) == {
            "answer/values/energy",
            "answer/values/forces/0",
            "answer/values/forces/1",
            "answer/present/energy",
            "answer/present/forces",
            "x/position",
            "evidence/gap",
        }
        told = file.metadata()["record"]
    for word in ('"springs"', '"stiffness"', '"round": 4', '"seconds": 0.25', record(4).configuration):
        assert word in told


@pytest.mark.parametrize("key", ["", "../../etc/passwd", "a" * 63, "A" * 64, "a" * 64 + "/", "a" * 64 + "\n"])
def test_what_is_no_key_is_refused(store, key):
    with pytest.raises(ValueError, match="no key of a label"):
        store.get([key])


def test_the_folder_is_its_owners(tmp_path):
    with LabelStore(tmp_path / "a" / "b"):
        assert stat.S_IMODE((tmp_path / "a" / "b").stat().st_mode) == 0o700


def test_damage_is_noticed_and_the_file_named(store):
    store.put(record(2))
    store.put(record(3, Failure("unconverged", "100 steps")))
    for number, path in zip((2, 3), sorted(files(store), key=lambda p: "failure" in p.name), strict=True):
        content = path.read_bytes()
        for damaged in damages(content, 300):
            path.write_bytes(damaged)
            with pytest.raises(IntegrityError, match=path.name):
                store.get([record(number).key])
        assert any(path.name in line for line in store.verify())
        path.write_bytes(content)
    assert store.verify() == []


def test_an_object_under_another_name_is_not_believed(store):
    store.put(record(1))
    path = store.objects.folder / record(2).key[:2] / f"{record(2).key}.safetensors"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(files(store)[0].read_bytes())
    with pytest.raises(IntegrityError, match="another question"):
        store.get([record(2).key])


def test_a_link_in_the_place_of_an_object_is_not_followed(store):
    store.put(record(1))
    path = files(store)[0]
    path.rename(store.root / "elsewhere")
    path.symlink_to(store.root / "elsewhere")
    with pytest.raises(IntegrityError, match="cannot be read"):
        store.get([record(1).key])


def test_failures_are_kept_and_answer_for_themselves(store):
    failed = record(1, Failure("unconverged", "100 steps"))
    kept = store.put(failed)
    assert (kept.failure, kept.attempt) == (failed.answer, 1)
    assert store.answers([failed.key])[failed.key].failure == failed.answer


def test_accidents_are_tried_again_but_not_for_ever(store):
    killed = record(1, Failure("crash", "signal 9"))
    for attempt in (1, 2):
        assert store.put(killed).attempt == attempt
        assert store.answers([killed.key]) == {}
    store.put(killed)
    assert store.answers([killed.key])[killed.key].attempt == 3
    assert [row["attempt"] for row in store.rows()] == [1, 2, 3]
    assert store.verify() == []


def test_a_label_outranks_the_failures_before_it(store):
    store.put(record(1, Failure("crash", "signal 9")))
    store.put(record(1))
    late = store.put(record(1, Failure("crash", "signal 9")))
    assert equal(late, record(1))
    assert equal(store.answers([record(1).key])[record(1).key], record(1))


def filled(store, count=12):
    for number in range(count):
        store.put(record(number, Failure("unconverged", "") if number % 5 == 4 else None))
    return store.rows()


@pytest.mark.parametrize("damage", ["deleted", "emptied", "zeroed", "garbage", "cut", "flipped"])
@pytest.mark.parametrize("act", ["open", "go on"])
def test_a_damaged_index_is_made_again_from_the_objects(tmp_path, damage, act):
    store = LabelStore(tmp_path)
    rows = filled(store)
    if act == "open" or damage in ("deleted", "emptied"):  # a living process would not even notice
        store.close()
    else:
        store._opened().connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    path = tmp_path / "index.db"
    content = path.read_bytes()
    new = {
        "deleted": None,
        "emptied": b"",
        "zeroed": bytes(len(content)),
        "garbage": np.random.default_rng(0).bytes(len(content)),
        "cut": content[: len(content) // 2],
        "flipped": content[:100] + bytes(byte ^ 255 for byte in content[100:]),
    }[damage]
    if new is None:
        path.unlink()
    else:
        path.write_bytes(new)
    if act == "open":
        store = LabelStore(tmp_path)
    store.put(record(50))
    assert [row for row in store.rows() if row["key"] != record(50).key] == rows
    assert store.verify() == []
    store.close()


def test_rebuilding_gives_the_same_rows(store):
    rows = filled(store)
    assert store.rebuild() == []
    assert store.rows() == rows
    assert len(rows) == 12


def test_a_damaged_object_is_told_of_and_does_not_keep_the_others_from_the_index(store):
    rows = filled(store)
    path = next(path for path in files(store) if path.name.startswith(rows[0]["key"]))
    path.write_bytes(path.read_bytes()[:-1])
    store.close()
    (store.root / "index.db").unlink()
    assert store.rows() == rows[1:]
    assert [path.name in line for line in store.rebuild()] == [True]


def test_rebuilding_forgets_what_is_gone_and_sweeps_what_died(store):
    rows = filled(store)
    old, young = store.objects.folder / "00" / ".a.1.partial", store.objects.folder / "00" / ".b.2.partial"
    old.parent.mkdir(exist_ok=True)
    old.write_bytes(b"half")
    young.write_bytes(b"half")
    os.utime(old, (0, 0))
    gone = next(path for path in files(store) if path.name.startswith(rows[0]["key"]))
    gone.unlink()
    assert store.verify() == [f"{gone} is in the index, and gone: it will be asked again"]
    store.rebuild()
    assert store.rows() == rows[1:]
    assert (old.exists(), young.exists()) == (False, True)


def test_a_label_that_never_reached_the_index_is_adopted(store, monkeypatch):
    def cut(index, rows):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Index, "add", cut)
        with pytest.raises(KeyboardInterrupt):
            store.put(record(1))
    assert "not in the index" in store.verify()[0]
    assert equal(store.get([record(1).key])[record(1).key], record(1))
    assert store.verify() == []


def test_a_power_cut_leaves_a_label_or_none(tmp_path, monkeypatch):
    seen, cuts = set(), 0
    for after in range(40):
        with LabelStore(tmp_path / str(after)) as store:
            store.put(record(0))
            with power_cut(monkeypatch, after) as done:
                store.put(record(1))
            acknowledged = done[0] <= after
        with LabelStore(tmp_path / str(after)) as store:
            found = store.get([record(1).key])
            assert all(equal(one, record(1)) for one in found.values())
            assert found or not acknowledged
            seen.add(bool(found))
            assert equal(store.put(record(1)), record(1))
            assert store.verify() == []
            assert len(store.rows()) == 2
        if acknowledged:
            break
        cuts += 1
    assert seen == {True, False}
    assert cuts >= 5


def test_a_disk_that_refuses_is_heard_and_nothing_is_acknowledged(store, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        with pytest.raises(OSError, match="No space left"):
            store.put(record(1))
    assert store.get([record(1).key]) == {}
    assert files(store) == []


def test_without_links_the_store_still_works(store, monkeypatch):
    def refuse(*args):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    store.put(record(1))
    assert equal(store.put(record(1, Properties.of(energy=np.array([17.0])))), record(1))
    assert store.verify() == []


def test_over_a_network_the_journal_needs_no_shared_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(index_module, "is_local", lambda folder: False)
    with LabelStore(tmp_path / "far") as store:
        rows = filled(store)
        assert store._opened().connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
        assert not list(store.root.glob("index.db-*"))
        assert not (store.root / "index.lock").exists()
    monkeypatch.undo()
    with LabelStore(tmp_path / "far") as store:
        assert store.rows() == rows


def test_settings_of_the_index_are_those_of_what_can_be_made_again(store):
    ask = store._opened().connection.execute
    assert ask("PRAGMA synchronous").fetchone() == (1,)
    assert ask("PRAGMA trusted_schema").fetchone() == (0,)
    assert ask("PRAGMA journal_mode").fetchone() == ("wal" if index_module.is_local(store.root) else "delete",)


def test_a_database_of_another_program_is_left_alone(tmp_path):
    with contextlib.closing(sqlite3.connect(tmp_path / "index.db")) as other:
        other.execute("CREATE TABLE recipes (name TEXT)")
    content = (tmp_path / "index.db").read_bytes()
    with pytest.raises(ConfigurationError, match="belongs to another program"):
        LabelStore(tmp_path)
    assert (tmp_path / "index.db").read_bytes() == content


def test_an_index_of_a_newer_form_is_left_alone(tmp_path):
    LabelStore(tmp_path).close()
    with contextlib.closing(sqlite3.connect(tmp_path / "index.db")) as newer:
        newer.execute("PRAGMA user_version=99")
    with pytest.raises(ConfigurationError, match="form 99"):
        LabelStore(tmp_path)


def test_a_place_where_nothing_can_be_kept_is_refused_with_the_remedy(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match=r"give a folder of yours with store=PATH"):
        open_store(str(tmp_path / "file" / "store"))
    with pytest.raises(ConfigurationError, match="URL"):
        open_store("s3://bucket")
    assert open_store("none") is None


def test_the_default_folder_is_the_users(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    with open_store(None) as store:
        assert store.root.is_relative_to(tmp_path)
        assert store.root.parts[-2:] == ("eltanin", "labels")


def test_a_forked_child_opens_an_index_of_its_own(store):
    filled(store)
    pid = os.fork()
    if pid == 0:
        code = 1
        with contextlib.suppress(BaseException):
            store.put(record(20))
            code = 0
        os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert len(store.rows()) == 13
    assert store.verify() == []


WRITER = """
import sys
sys.path.insert(0, {here!r})
from pathlib import Path
import numpy as np
from eltanin.store import LabelStore
from toy_labels import record
store = LabelStore(Path({root!r}))
rng = np.random.default_rng()
for number in rng.permutation({count}):
    kept = store.put(record(int(number), created=float(rng.integers(10**9))))
    print(number, int(kept.created), flush=True)
store.close()
"""


def writer(root, count):
    code = WRITER.format(here=str(TOYS), root=str(root), count=count)
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)


def test_killed_at_any_moment_nothing_acknowledged_is_lost(tmp_path):
    rng = np.random.default_rng(1)
    for life in range(5):
        root = tmp_path / str(life % 2)  # some die in a new store, some in one that others died in
        with writer(root, 100_000) as process:
            lines = [process.stdout.readline() for _ in range(rng.integers(1, 40))]
            time.sleep(rng.uniform(0, 0.02))
            process.kill()
            lines += process.stdout.read().splitlines(keepends=True)
        known = {int(line.split()[0]): int(line.split()[1]) for line in lines if line.endswith("\n")}
        with LabelStore(root) as store:
            found = store.get([record(number).key for number in known])
            assert len(found) == len(known)
            for number, created in known.items():
                assert equal(found[record(number).key], record(number, created=float(created)))
            store.rebuild()
            assert store.verify() == []


def test_many_processes_write_one_store_and_agree(tmp_path):
    writers = [writer(tmp_path, 60) for _ in range(4)]
    outputs = [process.communicate(timeout=100)[0] for process in writers]
    assert [process.returncode for process in writers] == [0] * 4
    assert len({line for output in outputs for line in output.splitlines()}) == 60  # the first stayed, for all
    with LabelStore(tmp_path) as store:
        assert len(store.rows()) == len(files(store)) == 60
        assert store.verify() == []


def _count_attempts(root):
    with LabelStore(root) as store:
        for _ in range(10):
            store.put(record(1, Failure("crash", "signal 9")))


def test_attempts_of_many_processes_are_all_counted(tmp_path):
    processes = [
        multiprocessing.get_context("fork").Process(target=_count_attempts, args=(tmp_path,)) for _ in range(3)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    with LabelStore(tmp_path) as store:
        assert [row["attempt"] for row in store.rows()] == list(range(1, 31))


def test_an_object_is_checked_and_told_of_without_its_plugin_and_opened_with_it(store):
    kept = store.put(record(3))
    code = f"""
from pathlib import Path
from eltanin.store import IntegrityError, LabelStore
with LabelStore(Path({str(store.root)!r})) as store:
    assert store.verify() == []
    found = store.get([{kept.key!r}])[{kept.key!r}]
    assert found.origin == {{"round": 3}} and found.evidence["steps"] == 3 and found.answer.values["energy"][0] == 3 / 7
    try:
        found.x
    except IntegrityError as error:
        print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.startswith(f"the label {kept.key} cannot be opened: it holds a toy_labels:Place")


def test_what_a_worker_kept_is_found_though_its_driver_died(store):
    """The worker has files alone; nothing was entered."""
    import pickle

    for failure in (Failure("crash", "signal 9"), Failure("crash", "signal 9"), None):
        pickle.loads(pickle.dumps(store.objects)).put(record(1, failure))
    assert store.rows() == []
    assert equal(store.answers([record(1).key])[record(1).key], record(1))
    assert [row["attempt"] for row in store.rows()] == [0, 1, 2]
    assert store.verify() == []


def test_what_workers_kept_is_entered_by_who_asked(store):
    kept = [store.objects.put(record(number)) for number in range(3)]
    store.enter(kept)
    store.enter(kept)
    assert store.verify() == []
    assert len(store.rows()) == 3


def test_a_failure_after_the_label_is_not_kept(store):
    store.put(record(1))
    assert equal(store.put(record(1, Failure("crash", "signal 9"))), record(1))
    assert len(files(store)) == 1


def test_a_key_is_claimed_by_one_at_a_time(store):
    lease = store.objects.claim(record(1).key)
    with pytest.raises(Held):
        store.objects.claim(record(1).key)
    store.objects.claim(record(2).key).remove()
    lease.remove()
    store.objects.claim(record(1).key).remove()
    with pytest.raises(ValueError, match="no key of a label"):
        store.objects.claim("../elsewhere")
    assert list((store.root / "leases").iterdir()) == []


def test_a_label_that_came_out_otherwise_is_noted_with_who_made_it(store):
    store.put(record(1))
    store.put(record(1, created=5.0, seconds=9.0))  # the same bits, made elsewhere
    assert store.objects.history.events("discrepancy") == []
    other = record(1, Properties.of(energy=np.array([np.nextafter(1 / 7, 1)])), origin={"round": 9})
    store.put(other)
    (event,) = store.objects.history.events("discrepancy")
    assert (event["key"], event["kept"], event["refused"]) == (other.key, record(1).bits, other.bits)
    assert event["origin"] == {"round": 9}
    assert store.verify() == []


def test_bits_are_those_of_the_answer_alone():
    assert record(1).bits == record(1, created=3.0, evidence={"steps": 5}).bits
    different = [
        record(1),
        record(1, Properties.of(energy=np.array([1 / 7]))),
        record(1, Properties.of(energy=np.array([1 / 7], dtype=np.float32))),
        record(1, Properties.of(energy=np.array([-0.0]))),
        record(1, Properties.of(energy=np.array([0.0]))),
        record(1, Failure("crash", "signal 9")),
        record(1, Failure("crash", "signal 11")),
    ]
    assert len({one.bits for one in different}) == len(different)


def test_of_the_history_a_torn_line_is_lost_and_no_other(store):
    for number in range(4):
        store.objects.history.note("rebuilt", rows=number)
    path = store.objects.history.path
    path.write_bytes(path.read_bytes()[:-5])
    store.objects.history.note("rebuilt", rows=9)
    assert [one["rows"] for one in store.objects.history.events()] == [0, 1, 2, 9]
    assert store.objects.history.damaged() == 1
    assert store.verify() == []


def test_merging_takes_what_is_new_and_the_first_stays(store, tmp_path):
    with LabelStore(tmp_path / "theirs") as theirs:
        for number in range(6):
            theirs.put(record(number))
        theirs.put(record(7, Failure("crash", "signal 9")))
        theirs.put(record(7, Failure("crash", "signal 11")))
        theirs.put(record(8, Failure("crash", "theirs")))
    mine = record(1, Properties.of(energy=np.array([17.0])))
    store.put(mine)
    store.put(record(2))
    store.put(record(8, Failure("unconverged", "mine")))
    merged = store.merge(theirs.objects)
    assert merged == (6, 2, 1, [])
    assert equal(store.get([mine.key])[mine.key], mine)
    assert all(equal(store.get([record(n).key])[record(n).key], record(n)) for n in (0, 2, 3, 4, 5))
    assert [row["message"] for row in store.rows() if row["key"] == record(7).key] == ["signal 9", "signal 11"]
    assert [row["message"] for row in store.rows() if row["key"] == record(8).key] == ["mine"]
    assert len(store.objects.history.events("discrepancy")) == 1
    assert store.verify() == []
    rows = store.rows()
    assert store.merge(theirs.objects)[0] == 0
    assert store.rows() == rows
    with pytest.raises(ConfigurationError, match="this store itself"):
        store.merge(store.objects)


def test_nothing_damaged_is_taken_over(store, tmp_path):
    filled(store, 4)
    for path in files(store):
        content = path.read_bytes()
        for number, damaged in enumerate(damages(content, 4)):
            path.write_bytes(damaged)
            with LabelStore(tmp_path / f"{path.name}{number}") as mine:
                merged = mine.merge(store.objects)
                assert (merged.taken, len(merged.wrong)) == (3, 1)
                assert path.name in merged.wrong[0]
                assert mine.verify() == []
        path.write_bytes(content)


def test_labels_that_say_they_are_of_another_method_are_not_taken_over(store, tmp_path):
    with LabelStore(tmp_path / "theirs") as theirs:
        for number, code in enumerate(["springs 2.1", "springs 2.1", "springs 3.0"]):
            theirs.put(record(number, evidence={"method": code}))
    with LabelStore(tmp_path / "first") as first:
        first.put(record(9, evidence={"method": "springs 3.0"}))
    assert store.merge(first.objects) == (1, 0, 0, [])
    merged = store.merge(theirs.objects)
    assert (merged.taken, len(merged.wrong)) == (1, 2)
    assert all(
        "made by springs 2.1, while the first label of this method says springs 3.0" in line for line in merged.wrong
    )
    assert set(store.get([record(n).key for n in range(3)])) == {record(2).key}


def forged(**changes):
    """Return the file of a record by somebody who can write checksums too."""
    content = to_bytes(record(1))
    arrays, header = open_arrays(Path("it"), content)
    about = {**json.loads(header["record"]), **changes}
    return seal_arrays(arrays, {"format": header["format"], "record": json.dumps(about)})


@pytest.mark.parametrize(
    "changes",
    [
        {"seconds": float("nan")},
        {"seconds": "long"},
        {"created": [1]},
        {"method": ["springs"]},
        {"method": {"name": "other"}},
        {"attempt": "../../x"},
        {"attempt": 3},
        {"attempt": -1},
        {"wanted": "energy"},
        {"failure": ["crash"] * 7},
        {"failure": ["\ud800", "m", "o"]},
        {"configuration": "f" * 64},
        {"content": {}},
        {"content": {"answer": {}, "x": {}}},
        {"versions": None},
    ],
)
def test_a_forged_object_is_refused_and_the_others_are_read(store, changes):
    filled(store, 3)
    path = store.objects.path(record(1).key)
    path.write_bytes(forged())
    assert store.verify() == []
    path.write_bytes(forged(**changes))
    (line,) = [line for line in store.rebuild() if "gone" not in line]
    assert path.name in line
    with pytest.raises(IntegrityError):
        store.get([record(1).key])


@pytest.mark.parametrize(
    "node",
    [{"batch": 3}, {"array": "none"}, {"tuple": 4}, {"a": 1, "b": 2}, {"exec": "1"}, {"batch": {"type": "os:x"}}],
)
def test_a_forged_tree_is_refused_when_it_is_opened(store, node):
    path = store.objects.path(record(1).key)
    path.write_bytes(forged(content={"answer": node, "x": node, "evidence": node}))
    found = store.get([record(1).key])[record(1).key]
    for part in ("answer", "x", "evidence"):
        with pytest.raises(IntegrityError, match="cannot be opened"):
            getattr(found, part)


def test_a_failure_under_the_name_of_a_label_is_not_believed(store):
    store.put(record(1, Failure("crash", "signal 9")))
    store.objects.path(record(1).key, 1).rename(store.objects.path(record(1).key))
    with pytest.raises(IntegrityError, match="another question"):
        store.get([record(1).key])


def test_failures_are_set_aside_and_labels_never(store):
    filled(store, 10)
    store.put(record(9, Failure("crash", "signal 9")))
    labels = [row for row in store.rows() if row["attempt"] == 0]
    assert store.retry() == sorted(record(n).key for n in (4, 9))
    assert store.rows() == labels
    assert store.verify() == []
    assert len(list((store.root / "set-aside").iterdir())) == 3
    assert store.answers([record(4).key]) == {}
    assert store.put(record(4, Failure("crash", "signal 9"))).attempt == 1
    assert store.objects.history.events("retried")[0]["keys"] == sorted(record(n).key for n in (4, 9))


def test_a_power_cut_while_failures_are_set_aside_loses_none_of_them(tmp_path, monkeypatch):
    failures = [record(1, Failure("crash", f"signal {n}")) for n in range(3)]
    for after in range(40):
        root = tmp_path / str(after)
        with LabelStore(root) as store:
            for one in (record(0), *failures):
                store.put(one)
            with power_cut(monkeypatch, after) as done:
                store.retry()
            acknowledged = done[0] <= after
        with LabelStore(root) as store:
            left = store.objects.attempts(record(1).key)
            aside = list((root / "set-aside").iterdir()) if (root / "set-aside").exists() else []
            assert left + len(aside) == 3
            assert [store.objects.read(p).answer.message for p in store.objects.all_of(record(1).key)] == [
                f"signal {n}" for n in range(left)
            ]
            assert equal(store.get([record(0).key])[record(0).key], record(0))
            store.retry()
            store.rebuild()
            assert store.verify() == []
            assert [row["key"] for row in store.rows()] == [record(0).key]
        if acknowledged:
            break
    assert after >= 5


def test_a_power_cut_in_a_merger_leaves_whole_labels(store, tmp_path, monkeypatch):
    filled(store, 4)
    for after in range(0, 30, 3):
        with LabelStore(tmp_path / str(after)) as mine:
            with power_cut(monkeypatch, after):
                mine.merge(store.objects)
            mine.rebuild()
            assert mine.verify() == []
            mine.merge(store.objects)
            assert mine.rows() == store.rows()
            assert mine.verify() == []


def test_a_damaged_label_can_be_asked_again_by_its_name_alone(store):
    filled(store, 3)
    path = store.objects.path(record(1).key)
    path.write_bytes(path.read_bytes()[:-1])
    assert store.retry() == []
    assert store.retry([record(1).key]) == [record(1).key]
    assert store.get([record(1).key]) == {}
    assert equal(store.put(record(1)), record(1))
    assert store.verify() == []


def test_a_store_of_a_newer_form_is_left_alone(store):
    store.put(record(1))
    (store.root / "format.json").write_bytes(seal_json({"format": "eltanin store", "version": 99}))
    with pytest.raises(ConfigurationError, match=r"is a store of form 99, this Eltanin knows 2: use a newer one"):
        LabelStore(store.root)


@pytest.mark.parametrize("content", [None, b"", b"garbage", b'{"sha256":"0","body":{"version":99}}\n'])
def test_a_lost_form_is_written_again(store, content):
    store.put(record(1))
    store.close()
    path = store.root / "format.json"
    before = path.read_bytes()
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with LabelStore(store.root) as again:
        assert path.read_bytes() == before
        assert again.verify() == []


def test_an_object_of_another_form_is_named(store):
    arrays, header = open_arrays(Path("it"), to_bytes(record(1)))
    store.objects.path(record(1).key).write_bytes(seal_arrays(arrays, {**header, "format": "eltanin label 1"}))
    with pytest.raises(IntegrityError, match="says 'eltanin label 1', not 'eltanin label 2'"):
        store.get([record(1).key])


def test_an_index_of_an_older_form_is_made_again(store):
    rows = filled(store)
    store.close()
    with contextlib.closing(sqlite3.connect(store.root / "index.db")) as older:
        older.execute("PRAGMA user_version=1")
    with LabelStore(store.root) as again:
        assert again.rows() == rows
        set_aside, rebuilt = again.objects.history.events()
        assert (set_aside["event"], set_aside["reason"]) == ("index set aside", "of form 1, older than 2")
        assert (rebuilt["event"], rebuilt["rows"]) == ("rebuilt", 12)


def test_a_folder_that_others_can_write_to_is_refused_with_the_remedy(store, monkeypatch):
    store.put(record(1))
    for place in (store.root, store.objects.folder):
        mode = stat.S_IMODE(place.stat().st_mode)
        for open_to_all in (0o777, 0o1777):  # as /tmp is: others cannot remove what is there, but add to it
            place.chmod(open_to_all)
            with pytest.raises(ConfigurationError, match=f"everybody may write there.*chmod o-w {place}"):
                open_store(str(store.root))
        place.chmod(mode)
    monkeypatch.setattr(os, "geteuid", lambda: store.root.stat().st_uid + 1)
    with pytest.raises(ConfigurationError, match=r"belongs to user .* a folder of your own .*elt store merge"):
        open_store(str(store.root))


def test_folders_that_were_lost_because_they_were_empty_are_made_again(store):
    store.close()
    for folder in store.objects.folder.iterdir():
        folder.rmdir()
    with LabelStore(store.root) as again:
        again.put(record(1))
        assert again.verify() == []


def test_room_is_made_sure_of_beforehand(tmp_path):
    durable.room(tmp_path / "not" / "there" / "yet", 1000)
    with pytest.raises(ConfigurationError, match=r"GB are free there, and 1000000000\.00 GB are needed: make room"):
        durable.room(tmp_path / "not" / "there", 10**18)


OPENER = """
import sys
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from eltanin.store import LabelStore
from toy_labels import record
print("ready", flush=True)
sys.stdin.readline()
with LabelStore(Path(sys.argv[1])) as store:
    store.put(record(int(sys.argv[3])))
    assert len(store.rows()) >= 13, len(store.rows())
"""


def test_a_damaged_index_that_many_find_at_once_is_made_again_once(tmp_path):
    with LabelStore(tmp_path) as store:
        filled(store)
    for path in tmp_path.glob("index.db*"):
        path.write_bytes(b"garbage" * 1000)
    command = [sys.executable, "-c", OPENER, str(tmp_path), str(TOYS)]
    crew = [
        subprocess.Popen([*command, str(50 + n)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for n in range(4)
    ]
    assert all(process.stdout.readline() == "ready\n" for process in crew)
    for process in crew:
        process.communicate("\n", timeout=100)
    assert [process.returncode for process in crew] == [0] * 4
    with LabelStore(tmp_path) as store:
        assert len(store.rows()) == 16
        assert store.verify() == []
        assert len(store.objects.history.events("index set aside")) == 1


def test_labels_that_come_while_a_store_is_verified_are_not_wrong(store, monkeypatch):
    store.put(record(1))
    listed = type(store.objects).files

    def growing(objects):
        store.put(record(2))
        yield from listed(objects)

    monkeypatch.setattr(type(store.objects), "files", growing)
    assert store.verify() == []
