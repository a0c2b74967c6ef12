"""Checkpoints: to the last bit, or an error that names the file; never the half of anything."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as stn

from eltanin.batch import Properties, Ragged
from eltanin.campaign import Snapshot
from eltanin.protocols import Dataset, Feedback, Reason
from eltanin.store.checkpoint import (
    IntegrityError,
    find_snapshot,
    load_snapshot,
    load_tree,
    save_snapshot,
    save_tree,
    set_aside,
)
from eltanin.store.sealed import seal_json

TOYS = Path(__file__).parent / "toys"
sys.path.append(str(TOYS))
import toy_tasks  # noqa: E402
from toy_faults import damages, power_cut, same  # noqa: E402


def labels(n):
    return Properties.of(energy=np.arange(n) / 3, forces=Ragged(np.arange(6.0 * n).reshape(-1, 3), np.full(n, 2)))


def trees():
    numbers = ["<i1", "<i8", "<u2", "<f2", "<f4", "<f8", "|b1", "<c8", "<c16", "<U3"]
    arrays = stn.arrays(st.sampled_from(numbers).map(np.dtype), stn.array_shapes(min_dims=0, max_dims=3, min_side=0))
    leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.complex_numbers() | arrays
    branches = lambda inner: (  # noqa: E731
        st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3) | st.tuples(inner, inner)
    )
    return st.recursive(leaves, branches, max_leaves=8)


@given(tree=trees())
@settings(max_examples=150, deadline=None)
def test_trees_come_back_to_the_last_bit(tmp_path_factory, tree):
    path = tmp_path_factory.getbasetemp() / "tree"
    save_tree(path, tree)
    assert same(load_tree(path), tree)


@pytest.mark.parametrize(
    ("tree", "back"),
    [
        (np.float64(0.1), np.float64(0.1)),
        (np.int16(-3), np.int16(-3)),
        (np.True_, np.True_),
        (-0.0, -0.0),
        (float("nan"), float("nan")),
        (Reason.AUDIT, 2),
        (np.arange(12.0).reshape(3, 4).T, np.arange(12.0).reshape(3, 4).T.copy()),
        (np.arange(3, dtype=">f8"), np.arange(3.0)),
        (np.arange(6.0)[::-2], np.array([5.0, 3.0, 1.0])),
        ({"a/b": np.zeros(1), "a": {"b": np.ones(1)}}, {"a/b": np.zeros(1), "a": {"b": np.ones(1)}}),
        (np.array(["Cu", "Ar "]), np.array(["Cu", "Ar "])),
        (Ragged(np.zeros((3, 2)), np.array([1, 0, 2])), Ragged(np.zeros((3, 2)), np.array([1, 0, 2]))),
        (labels(3), labels(3)),
    ],
)
def test_what_is_special_comes_back_as_well(tmp_path, tree, back):
    save_tree(tmp_path / "tree", tree)
    assert same(load_tree(tmp_path / "tree"), back)


def test_tensors_come_back_as_arrays_that_may_be_written_to(tmp_path):
    torch = pytest.importorskip("torch")
    save_tree(tmp_path / "tree", [torch.arange(4.0, requires_grad=True), np.arange(3.0)])
    tensor, array = load_tree(tmp_path / "tree")
    np.testing.assert_array_equal(tensor, np.arange(4, dtype=np.float32))
    torch.from_numpy(tensor).mul_(2)
    array += 1


def test_the_arrays_are_plain_safetensors_and_the_rest_is_json(tmp_path):
    from safetensors.numpy import load_file

    save_tree(tmp_path / "tree.v1", {"weights": [np.arange(3.0)], "step": 7})
    np.testing.assert_array_equal(load_file(tmp_path / "tree.v1.safetensors")["weights/0"], np.arange(3.0))
    assert json.loads((tmp_path / "tree.v1.json").read_text())["body"]["tree"]["dict"]["step"] == 7


@pytest.mark.parametrize(
    ("tree", "where"),
    [
        ({"a": [object()]}, "/a/0 there is object"),
        ({"a": np.array([None])}, "/a there is an array of object"),
        ({"a": {1: 2}}, "/a a mapping has the key 1"),
        ({"a": {1, 2}}, "/a there is set"),
    ],
)
def test_what_cannot_be_stored_is_named_with_its_place(tmp_path, tree, where):
    with pytest.raises(TypeError, match=where):
        save_tree(tmp_path / "tree", tree)
    assert not list(tmp_path.iterdir())


def test_a_batch_of_a_package_that_is_not_imported_is_named_and_not_imported(tmp_path):
    save_tree(tmp_path / "tree", None)
    body = json.loads((tmp_path / "tree.json").read_text())["body"]
    body["tree"] = {"batch": {"type": "this:Structures", "columns": {}}}
    (tmp_path / "tree.json").write_bytes(seal_json(body))
    with pytest.raises(IntegrityError, match=r"tree\.json: it holds a this:Structures.*import this first"):
        load_tree(tmp_path / "tree")
    assert "this" not in sys.modules


def test_damage_to_a_tree_is_noticed_and_the_file_named(tmp_path):
    save_tree(tmp_path / "tree", {"labels": labels(20), "energies": [0.125, 1e-3, -7.5], "name": "Cu"})
    for path in (tmp_path / "tree.safetensors", tmp_path / "tree.json"):
        content = path.read_bytes()
        for damaged in damages(content, 200):
            path.write_bytes(damaged)
            with pytest.raises(IntegrityError, match=path.name):
                load_tree(tmp_path / "tree")
        path.unlink()
        with pytest.raises((IntegrityError, FileNotFoundError), match=path.name):
            load_tree(tmp_path / "tree")
        path.write_bytes(content)
    assert load_tree(tmp_path / "tree")["name"] == "Cu"


def test_a_link_in_the_place_of_a_file_is_not_followed(tmp_path):
    save_tree(tmp_path / "tree", np.arange(3))
    (tmp_path / "tree.safetensors").rename(tmp_path / "elsewhere")
    (tmp_path / "tree.safetensors").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(IntegrityError, match=r"tree\.safetensors cannot be read"):
        load_tree(tmp_path / "tree")


def test_a_power_cut_leaves_the_old_tree_or_the_new_one(tmp_path, monkeypatch):
    old, new, newer = ({"a": np.full(50, float(n)), "b": n} for n in range(3))
    seen, cuts = set(), 0
    for after in range(100):
        path = tmp_path / f"tree{after}"
        save_tree(path, old)
        with power_cut(monkeypatch, after) as done:
            save_tree(path, new)
        found = load_tree(path)
        assert same(found, old) or same(found, new)
        seen.add(found["b"])
        for again in range(5):  # and once more, in the ruins
            folder = tmp_path / f"{after}-{again}"
            folder.mkdir()
            for file in tmp_path.glob(f"*tree{after}.*"):
                shutil.copy(file, folder)
            with power_cut(monkeypatch, again):
                save_tree(folder / path.name, newer)
            assert same(load_tree(folder / path.name), found) or same(load_tree(folder / path.name), newer)
            save_tree(folder / path.name, newer)
            assert same(load_tree(folder / path.name), newer)
        if done[0] <= after:
            break
        cuts += 1
    assert seen == {0, 1}
    assert cuts >= 10


def rows(number, count):
    x = toy_tasks.points(*np.arange(count) * 0.5, first=number)
    verdict = np.zeros(count)
    known = Properties.none(count) if number == 0 else labels(count)
    return Dataset(x, labels(count), np.full(count, number), np.zeros(count, dtype=int), verdict, known)


def snapshot(number, data=None):
    feedback = Feedback({"region": np.array(["solid", "hot"])}, np.arange(2), np.array([0.1, np.nan]), np.ones(2, bool))
    state = {"net": [np.full((3, 2), float(number)), np.arange(4, dtype=np.float32)], "step": 10 * number}
    return Snapshot(number, data, {"trajectory": number}, (state, state), feedback, "running", "", {"labelled": number})


def grown(rounds):
    """Return snapshots of a campaign whose dataset grows by three rows in each round."""
    data, snapshots = None, []
    for number in range(rounds):
        new = rows(number, 3)
        data = new if data is None else Dataset.concatenate([data, new])
        snapshots.append(snapshot(number, data))
    return snapshots


def test_snapshots_come_back_to_the_last_bit(tmp_path):
    for now in [snapshot(0), *grown(4)]:
        save_snapshot(tmp_path, now)
        assert same(load_snapshot(tmp_path), now)


def test_rows_are_written_once(tmp_path):
    written = {}
    for number, now in enumerate(grown(4)[1:], 1):
        save_snapshot(tmp_path, now)
        there = {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("rows-*")}
        assert {name: there[name] for name in written} == written
        assert sorted(there) == sorted(f"rows-{n:06d}{s}" for n in range(number + 1) for s in (".json", ".safetensors"))
        written = there


def test_only_what_the_snapshot_stands_on_is_kept(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    before = None
    for now in grown(6)[1:]:
        recent = Snapshot(now.round, now.data[now.data.round >= now.round - 1], *list(vars(now).values())[2:])
        save_snapshot(tmp_path, recent)
        assert same(load_snapshot(tmp_path), recent)
        names = {path.name for path in tmp_path.iterdir()}
        first = now.round - (1 if before is None else 2)
        kept = {f"rows-{n:06d}{s}" for n in range(first, now.round + 1) for s in (".json", ".safetensors")}
        assert kept < names
        alone = {"snapshot.json", "state arrays", "state"}
        assert len(names) == len(kept) + 1 + len(alone) * (1 if before is None else 2)
        assert before is None or same(load_snapshot(tmp_path, "before.json"), before)
        before = recent


def test_rows_of_another_campaign_in_the_folder_are_not_taken_for_ours(tmp_path):
    save_snapshot(tmp_path, snapshot(0, rows(0, 3)))
    other = rows(0, 3)
    other.labels.values["energy"][1] = 17.0
    save_snapshot(tmp_path, snapshot(0, other))
    assert load_snapshot(tmp_path).data.labels.values["energy"][1] == 17.0


def test_rows_out_of_order_are_refused(tmp_path):
    data = Dataset.concatenate([rows(1, 3), rows(0, 3)])
    with pytest.raises(ValueError, match="order of their rounds"):
        save_snapshot(tmp_path, snapshot(1, data))


def test_damage_to_a_snapshot_is_noticed_and_the_file_named(tmp_path):
    save_snapshot(tmp_path, grown(3)[-1])
    files = list(tmp_path.iterdir())
    assert len(files) == 9
    for path in files:
        content = path.read_bytes()
        for damaged in damages(content, 60):
            path.write_bytes(damaged)
            with pytest.raises(IntegrityError, match=path.name):
                load_snapshot(tmp_path)
        path.unlink()
        with pytest.raises((IntegrityError, FileNotFoundError), match=path.name):
            load_snapshot(tmp_path)
        path.write_bytes(content)


@pytest.fixture
def three(tmp_path):
    """A checkpoint of three snapshots, of which the last two are there, and what it holds."""
    snapshots = grown(3)
    for now in snapshots:
        save_snapshot(tmp_path, now)
    return tmp_path, {path: path.read_bytes() for path in tmp_path.iterdir()}, snapshots


def test_damage_costs_the_last_snapshot_at_most_unless_it_is_to_what_both_stand_on(three):
    folder, files, snapshots = three
    for path, content in files.items():
        own = path.name.startswith(("snapshot", "rows-000002")) or path.stem == state_of(files, "snapshot.json")
        shared = path.name.startswith(("rows-000000", "rows-000001"))
        for wrong in [*damages(content, 2), None]:
            path.unlink() if wrong is None else path.write_bytes(wrong)
            found = find_snapshot(folder)
            expected = snapshots[1] if own else None if shared else snapshots[2]
            assert same(found.snapshot, expected)
            assert [path.name in said for said in found.wrong] == [True] * (own + 2 * shared)
            path.write_bytes(content)


def state_of(files, name):
    return next(json.loads(c)["body"]["state"]["name"] for path, c in files.items() if path.name == name)


def test_what_is_damaged_is_set_aside_and_the_next_snapshots_are_whole(three):
    folder, files, snapshots = three
    for path, content in files.items():
        for other, whole in files.items():
            other.write_bytes(whole)
        path.write_bytes(content[:-1])
        found = find_snapshot(folder)
        if found.wrong:
            set_aside(folder, found)
            there = {one.name for one in (folder / "damaged").iterdir()}
            assert path.name in there
            again = find_snapshot(folder)
            assert not again.wrong
            assert same(again.snapshot, found.snapshot)
        for now in snapshots[1:]:
            save_snapshot(folder, now)
            assert same(load_snapshot(folder), now)
        assert same(load_snapshot(folder, "before.json"), snapshots[1])
        shutil.rmtree(folder / "damaged", ignore_errors=True)


def test_a_power_cut_while_damage_is_set_aside_loses_no_more(three, monkeypatch):
    folder, files, snapshots = three
    state = state_of(files, "snapshot.json")
    first = next(path.name for path in files if path.match("rows-000000*.safetensors"))
    for broken, left in ((f"{state}.safetensors", snapshots[1]), (first, None)):
        for after in range(100):
            copy = folder.with_name(f"{folder.name}-{broken}-{after}")
            copy.mkdir()
            for path, content in files.items():
                (copy / path.name).write_bytes(content[:-1] if path.name == broken else content)
            with power_cut(monkeypatch, after) as done:
                set_aside(copy, find_snapshot(copy))
            assert same(find_snapshot(copy).snapshot, left)
            if done[0] <= after:
                break
        assert after > 5


def test_saving_one_snapshot_twice_keeps_the_one_before(three):
    folder, _, snapshots = three
    save_snapshot(folder, snapshots[2])
    assert same(load_snapshot(folder, "before.json"), snapshots[1])


@pytest.mark.parametrize(
    "name", ["../elsewhere", "/etc/passwd", "..", "", ".hidden", "a/b", "a\0b", "a" * 300, 7, None]
)
def test_a_snapshot_that_names_what_is_not_in_its_folder_is_refused(three, name):
    folder, *_ = three
    body = json.loads((folder / "snapshot.json").read_bytes())["body"]
    body["rows"][1]["name"] = name
    (folder / "snapshot.json").write_bytes(seal_json(body))
    with pytest.raises(IntegrityError, match=r"snapshot\.json names .*, which is no plain name"):
        load_snapshot(folder)


def test_what_another_eltanin_wrote_is_not_taken_for_damage(three):
    folder, *_ = three
    body = json.loads((folder / "snapshot.json").read_bytes())["body"]
    (folder / "snapshot.json").write_bytes(seal_json(body | {"format": 99}))
    with pytest.raises(IntegrityError, match=r"snapshot\.json is of form 99"):
        find_snapshot(folder)


def test_after_damage_the_next_snapshot_is_whole(tmp_path):
    before, now = grown(3)[-2:]
    save_snapshot(tmp_path, before)
    (tmp_path / "snapshot.json").write_bytes(b"")
    (tmp_path / "rows-000001.safetensors").unlink()
    save_snapshot(tmp_path, now)
    assert same(load_snapshot(tmp_path), now)


def test_rows_that_somebody_removed_are_written_again(tmp_path):
    before, now = grown(3)[-2:]
    save_snapshot(tmp_path, before)
    (tmp_path / "rows-000000.safetensors").unlink()
    save_snapshot(tmp_path, now)
    assert same(load_snapshot(tmp_path), now)


def test_a_damaged_tree_can_be_written_over(tmp_path):
    save_tree(tmp_path / "tree", np.arange(3))
    (tmp_path / "tree.json").write_bytes(b"")
    (tmp_path / "tree.safetensors.new").write_bytes(b"half")
    save_tree(tmp_path / "tree", np.arange(4))
    assert same(load_tree(tmp_path / "tree"), np.arange(4))
    assert len(list(tmp_path.iterdir())) == 2


def test_a_power_cut_leaves_the_last_snapshot_or_the_new_one(tmp_path, monkeypatch):
    old, new = grown(3)[1:]
    seen, cuts = set(), 0
    for after in range(100):
        folder = tmp_path / str(after)
        save_snapshot(folder, old)
        with power_cut(monkeypatch, after) as done:
            save_snapshot(folder, new)
        found = load_snapshot(folder)
        assert same(found, old) or same(found, new)
        seen.add(found.round)
        save_snapshot(folder, new)
        assert same(load_snapshot(folder), new)
        assert not list(folder.glob("*.partial"))
        if done[0] <= after:
            break
        cuts += 1
    assert seen == {1, 2}
    assert cuts >= 20


SAVER = """
import sys
sys.path.insert(0, {here!r})
from test_checkpoint import grown, Path, save_snapshot
snapshots = grown(60)
while True:
    for now in snapshots:
        save_snapshot(Path({folder!r}), now)
        print(now.round, flush=True)
"""


def test_killed_at_any_moment_the_last_acknowledged_snapshot_or_the_one_after_it_is_there(tmp_path):
    expected = grown(60)
    code = SAVER.format(here=str(Path(__file__).parent), folder=str(tmp_path))
    rng = np.random.default_rng(0)
    for _ in range(4):
        with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as saver:
            saver.stdout.readline()
            time.sleep(rng.uniform(0.05, 0.3))
            saver.kill()
            acknowledged = int([0, *saver.stdout.read().split()][-1])
        found = load_snapshot(tmp_path)
        assert found.round in (acknowledged, (acknowledged + 1) % 60)
        assert same(found, expected[found.round])


def test_a_reader_beside_a_writer_sees_whole_snapshots(tmp_path):
    code = SAVER.format(here=str(Path(__file__).parent), folder=str(tmp_path))
    expected = grown(60)
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as saver:
        saver.stdout.readline()
        seen, begun = set(), time.monotonic()
        while len(seen) < 10:
            assert time.monotonic() - begun < 60
            found = load_snapshot(tmp_path)
            assert same(found, expected[found.round])
            seen.add(found.round)
        saver.kill()


def test_a_disk_that_refuses_is_heard_and_no_partial_file_is_left(tmp_path, monkeypatch):
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda descriptor: (_ for _ in ()).throw(OSError(5, "Input/output error")))
    with pytest.raises(OSError, match="Input/output error"):
        save_tree(tmp_path / "tree", np.arange(3))
    monkeypatch.setattr(os, "fsync", real)
    assert not list(tmp_path.iterdir())
