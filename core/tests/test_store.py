"""The label store: what it acknowledged is there, whole, whatever happened since."""

import contextlib
import multiprocessing
import os
import sqlite3
import stat
import subprocess
import sys
import time
from dataclasses import dataclass, field, replace
from enum import Enum
from importlib.metadata import version
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from eltanin.batch import Properties, Ragged
from eltanin.errors import ConfigurationError
from eltanin.protocols import Data, Failure, OwnDomain, System
from eltanin.store import IntegrityError, LabelStore, Record, label_key, method_of, open_store
from eltanin.store import index as index_module
from eltanin.store.index import Index

TOYS = Path(__file__).parent / "toys"
sys.path.append(str(TOYS))
from toy_faults import damages, power_cut, same  # noqa: E402

METHOD = {"name": "springs", "revision": 1, "settings": {"stiffness": 1.0}}


def record(number, answer=None, **about):
    """Return the record of a question, with the label that belongs to it unless another answer is given."""
    if answer is None:
        forces = Ragged(np.full((number % 3, 3), float(number)), np.array([number % 3]))
        answer = Properties.of(energy=np.array([number / 7]), forces=forces)
    about = {"created": 1.7e9 + number, "origin": {"round": number}, "seconds": 0.25, **about}
    return Record(answer, f"{number:064x}", ("energy", "forces"), METHOD, **about)


@pytest.fixture
def store(tmp_path):
    with LabelStore(tmp_path / "store") as opened:
        yield opened


def files(store):
    return sorted(path for path in store.objects.rglob("*") if path.is_file())


def test_what_is_put_is_got_to_the_last_bit(store):
    for number in range(5):
        put = store.put(record(number).key, record(number))
        assert same(put, record(number))
    keys = [record(number).key for number in range(6)]
    found = store.get(keys)
    assert set(found) == set(keys[:5])
    assert all(same(found[record(number).key], record(number)) for number in range(5))
    assert store.verify() == []


def test_the_store_outlives_whoever_opened_it(tmp_path):
    with LabelStore(tmp_path) as store:
        store.put(record(1).key, record(1))
    with LabelStore(tmp_path) as store:
        assert same(store.get([record(1).key])[record(1).key], record(1))
        assert len(store.rows()) == 1


def test_the_first_label_stays(store):
    first, second = record(1), record(1, Properties.of(energy=np.array([17.0])))
    store.put(first.key, first)
    assert same(store.put(first.key, second), first)
    assert same(store.get([first.key])[first.key], first)
    assert len(store.rows()) == len(files(store)) == 1


def test_an_object_says_all_of_itself(store):
    from safetensors import safe_open

    store.put(record(4).key, record(4))
    with safe_open(files(store)[0], "numpy") as file:
        assert set(file.keys()) == {
            "values/energy",
            "values/forces/0",
            "values/forces/1",
            "present/energy",
            "present/forces",
        }
        told = file.metadata()["record"]
    for word in ('"springs"', '"stiffness"', '"round": 4', '"seconds": 0.25', record(4).configuration):
        assert word in told


@pytest.mark.parametrize("key", ["", "../../etc/passwd", "a" * 63, "A" * 64, "a" * 64 + "/", "a" * 64 + "\n"])
def test_what_is_no_key_is_refused(store, key):
    with pytest.raises(ValueError, match="no key of a label"):
        store.get([key])


def test_a_label_is_not_kept_under_another_key(store):
    with pytest.raises(ValueError, match="a key is made by label_key"):
        store.put(record(1).key, record(2))


def test_the_folder_is_its_owners(tmp_path):
    with LabelStore(tmp_path / "a" / "b"):
        assert stat.S_IMODE((tmp_path / "a" / "b").stat().st_mode) == 0o700


def test_damage_is_noticed_and_the_file_named(store):
    store.put(record(2).key, record(2))
    store.put(record(3).key, record(3, Failure("unconverged", "100 steps")))
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
    store.put(record(1).key, record(1))
    path = store.objects / record(2).key[:2] / f"{record(2).key}.safetensors"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(files(store)[0].read_bytes())
    with pytest.raises(IntegrityError, match="another question"):
        store.get([record(2).key])


def test_a_link_in_the_place_of_an_object_is_not_followed(store):
    store.put(record(1).key, record(1))
    path = files(store)[0]
    path.rename(store.root / "elsewhere")
    path.symlink_to(store.root / "elsewhere")
    with pytest.raises(IntegrityError, match="cannot be read"):
        store.get([record(1).key])


def test_failures_are_kept_and_answer_for_themselves(store):
    failed = record(1, Failure("unconverged", "100 steps"))
    kept = store.put(failed.key, failed)
    assert (kept.failure, kept.attempt) == (failed.answer, 1)
    assert store.answers([failed.key])[failed.key].failure == failed.answer
    with LabelStore(store.root, retry_failures=True) as eager:
        assert eager.answers([failed.key]) == {}


def test_accidents_are_tried_again_but_not_for_ever(store):
    killed = record(1, Failure("crash", "signal 9"))
    for attempt in (1, 2):
        assert store.put(killed.key, killed).attempt == attempt
        assert store.answers([killed.key]) == {}
    store.put(killed.key, killed)
    assert store.answers([killed.key])[killed.key].attempt == 3
    assert [row["attempt"] for row in store.rows()] == [1, 2, 3]
    assert store.verify() == []


def test_a_label_outranks_the_failures_before_it(store):
    store.put(record(1).key, record(1, Failure("crash", "signal 9")))
    store.put(record(1).key, record(1))
    late = store.put(record(1).key, record(1, Failure("crash", "signal 9")))
    assert same(late, record(1))
    assert same(store.answers([record(1).key])[record(1).key], record(1))


def filled(store, count=12):
    for number in range(count):
        store.put(record(number).key, record(number, Failure("unconverged", "") if number % 5 == 4 else None))
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
    store.put(record(50).key, record(50))
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
    old, young = store.objects / "00" / ".a.1.partial", store.objects / "00" / ".b.2.partial"
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
            store.put(record(1).key, record(1))
    assert "not in the index" in store.verify()[0]
    assert same(store.get([record(1).key])[record(1).key], record(1))
    assert store.verify() == []


def test_a_power_cut_leaves_a_label_or_none(tmp_path, monkeypatch):
    seen, cuts = set(), 0
    for after in range(40):
        with LabelStore(tmp_path / str(after)) as store:
            store.put(record(0).key, record(0))
            with power_cut(monkeypatch, after) as done:
                store.put(record(1).key, record(1))
            acknowledged = done[0] <= after
        with LabelStore(tmp_path / str(after)) as store:
            found = store.get([record(1).key])
            assert same(list(found.values()), [record(1)] if found else [])
            assert found or not acknowledged
            seen.add(bool(found))
            assert same(store.put(record(1).key, record(1)), record(1))
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
            store.put(record(1).key, record(1))
    assert store.get([record(1).key]) == {}
    assert files(store) == []


def test_without_links_the_store_still_works(store, monkeypatch):
    def refuse(*args):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    store.put(record(1).key, record(1))
    assert same(store.put(record(1).key, record(1, Properties.of(energy=np.array([17.0])))), record(1))
    assert store.verify() == []


def test_over_a_network_the_journal_needs_no_shared_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(index_module, "is_local", lambda folder: False)
    with LabelStore(tmp_path / "far") as store:
        rows = filled(store)
        assert store._opened().connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
        assert {path.name for path in store.root.iterdir()} == {"index.db", "objects"}
    monkeypatch.undo()
    with LabelStore(tmp_path / "far") as store:
        assert store.rows() == rows


def test_settings_of_the_index_are_the_durable_ones(store):
    ask = store._opened().connection.execute
    assert ask("PRAGMA synchronous").fetchone() == (2,)
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
            store.put(record(20).key, record(20))
            code = 0
        os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert len(store.rows()) == 13
    assert store.verify() == []


WRITER = """
import sys
sys.path.insert(0, {here!r})
from test_store import LabelStore, Path, np, record
store = LabelStore(Path({root!r}))
rng = np.random.default_rng()
for number in rng.permutation({count}):
    kept = store.put(record(number).key, record(int(number), created=float(rng.integers(10**9))))
    print(number, int(kept.created), flush=True)
store.close()
"""


def writer(root, count):
    code = WRITER.format(here=str(Path(__file__).parent), root=str(root), count=count)
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
                assert same(found[record(number).key], record(number, created=float(created)))
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
            store.put(record(1).key, record(1, Failure("crash", "signal 9")))


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


class Functional(Enum):
    PBE = "pbe.inp"


@dataclass(frozen=True)
class Basis:
    name: str = "sto-3g"
    exponents: tuple[float, ...] = (1.0, 2.5)


@dataclass(frozen=True)
class Method:
    domain: ClassVar[str] = "toy"
    revision: ClassVar[int] = 1
    outside: ClassVar[tuple[str, ...]] = ("numpy",)
    reader: OwnDomain = None
    lattice: System = None
    data: Data = ""
    basis: Basis = field(default_factory=Basis)
    functional: Functional = Functional.PBE
    cutoff: float = 5.0
    word: str = "PBE"
    files: tuple[str, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)
    scratch: str = field(default="/tmp", metadata={"method": False})


@dataclass(frozen=True)
class Revised(Method):
    revision: ClassVar[int] = 2


def test_the_method_tells_name_revision_settings_and_outside_code():
    told = method_of(Method())
    assert told["name"].endswith("Method")
    assert told["revision"] == 1
    assert told["outside"] == {"numpy": version("numpy")}
    assert told["settings"]["functional"] == "PBE"
    assert told["settings"]["basis"]["settings"] == {"name": "sto-3g", "exponents": [1.0, 2.5]}
    assert set(told["settings"]).isdisjoint({"scratch", "reader"})


def test_what_bears_on_labels_changes_the_key_and_nothing_else_does():
    def key(method, wanted=("energy",)):
        return label_key("0" * 64, method_of(method), frozenset(wanted))

    base = key(Method())
    assert base == key(Method(scratch="/elsewhere", reader=object()))
    assert base == key(replace(Method(), options={}))
    others = [
        Method(cutoff=5.5),
        Method(cutoff=float("inf")),
        Method(basis=Basis("6-31g")),
        Method(basis=Basis(exponents=(2.5, 1.0))),
        Method(word="LDA"),
        Method(options={"grid": 3}),
        Method(options={"grid": [3.0, None, True]}),
        Method(lattice=Basis("chain")),
        Method(lattice=np.arange(3)),
        Method(lattice=np.arange(3.0)),
        Revised(),
    ]
    keys = [key(one) for one in others] + [key(Method(), ("energy", "forces"))]
    assert len({base, *keys}) == 1 + len(keys)


def test_a_file_counts_by_its_contents(tmp_path):
    one, two = tmp_path / "one.upf", tmp_path / "two.upf"
    one.write_text("pseudopotential")
    two.write_text("pseudopotential")
    told = method_of(Method(files=(str(one),)))
    assert told == method_of(Method(files=(str(two),)))
    two.write_text("another one")
    assert told != method_of(Method(files=(str(two),)))
    assert str(tmp_path) not in str(told)


def test_a_folder_counts_by_its_contents(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name / "set").mkdir(parents=True)
        (tmp_path / name / "set" / "energy.npy").write_bytes(b"0")
    told = method_of(Method(data=str(tmp_path / "a")))
    assert told == method_of(Method(data=str(tmp_path / "b")))
    (tmp_path / "b" / "set" / "energy.npy").write_bytes(b"1")
    assert told != method_of(Method(data=str(tmp_path / "b")))


def test_a_word_is_a_word_even_where_a_file_is_called_so(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "PBE").write_text("notes")
    (tmp_path / "LDA").write_text("notes")
    assert method_of(Method(word="PBE")) != method_of(Method(word="LDA"))


def test_what_says_nothing_about_the_method_is_refused_with_the_remedy():
    with pytest.raises(ConfigurationError, match=r'labeler\.options\.call.*metadata=\{"method": False\}'):
        method_of(Method(options={"call": print}))


def test_outside_code_that_is_not_there_is_named():
    class Absent(Method):
        outside: ClassVar[tuple[str, ...]] = ("no-such-code",)

    with pytest.raises(ConfigurationError, match="version of no-such-code, which is not installed"):
        method_of(Absent())
