"""Files that were made to do harm are refused: soon, in little memory, and without touching anything outside."""

from __future__ import annotations

import io
import json
import os
import pickle
import resource
import struct
import time
import zipfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from numpy.lib import format as npy

from eltanin import labelled
from eltanin.batch import Properties
from eltanin.locating import locate
from eltanin.protocols import Failure
from eltanin.store import IntegrityError, LabelStore, Record
from eltanin.store.arrays import load_npy, load_npz
from eltanin.store.checkpoint import find_snapshot, load_tree, save_tree
from eltanin.store.sealed import open_arrays, seal_json, sha256, unpack
from eltanin.store.trees import decode
from eltanin_atoms import files as structures
from eltanin_gas import files as problems
from eltanin_walkers import files as walkers

SECONDS, MEGABYTES = 5.0, 500.0
DEEP = 100_000


@contextmanager
def cheaply():
    """Fail if what happens takes long, or much memory."""
    before, begun = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    yield
    assert time.process_time() - begun < SECONDS
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024 < MEGABYTES


def safetensors(header: object, data: bytes = b"\0" * 64, size: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if size is None else size) + text + data


def tensor(begin: int = 0, end: int = 32, shape: tuple[int, ...] = (4,), dtype: str = "F64") -> dict[str, object]:
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]}


TENSORS = {
    "no header": b"",
    "header of 2^63 bytes": safetensors({}, size=2**63),
    "header of 2^64 - 1 bytes": safetensors({}, size=2**64 - 1),
    "header of 5 GB": safetensors({}, size=5 * 10**9),
    "header that is no JSON": safetensors(b"{" * 50),
    "header nested without end": safetensors(b'{"a":' + b"[" * DEEP + b"]" * DEEP + b"}"),
    "tensors that overlap": safetensors({"a": tensor(), "b": tensor(16, 48)}),
    "a hole between tensors": safetensors({"a": tensor(), "b": tensor(40, 64, (3,))}),
    "data beyond the end": safetensors({"a": tensor(0, 3200, (400,))}),
    "data before the beginning": safetensors({"a": tensor(-32, 0)}),
    "2^63 numbers": safetensors({"a": tensor(0, 64, (2**63,))}),
    "a product beyond 2^64": safetensors({"a": tensor(0, 64, (2**33, 2**33))}),
    "a negative length": safetensors({"a": tensor(0, 64, (-8,))}),
    "unknown numbers": safetensors({"a": tensor(dtype="O8"), "b": tensor(32, 64)}),
    "numbers that NumPy lacks": safetensors({"a": tensor(0, 64, (64,), "F8_E5M2")}),
    "more data than tensors": safetensors({"a": tensor()}, b"\0" * 128),
    "a pickle": pickle.dumps({"weights": [1.0]}),
    "a zip": b"PK\x03\x04" + b"\0" * 60,
}


@pytest.mark.parametrize("case", TENSORS)
def test_tensors_that_are_none_are_refused(case):
    with cheaply(), pytest.raises(IntegrityError, match=r"x\.safetensors is damaged"):
        unpack(Path("x.safetensors"), TENSORS[case])


def test_a_tensor_that_is_there_twice_is_refused_or_read_as_one():
    """Whoever checks what was said first and reads what was said last would be deceived."""
    twice = json.dumps({"a": tensor(), "b": tensor(32, 64)}).replace('"b"', '"a"').encode()
    with cheaply(), pytest.raises(IntegrityError):
        unpack(Path("x.safetensors"), safetensors(twice))


def test_a_hundred_thousand_tensors_take_no_time():
    header = {f"t{i}": tensor(i, i + 1, (1,), "U8") for i in range(DEEP)}
    with cheaply():
        assert len(unpack(Path("x.safetensors"), safetensors(header, b"\0" * DEEP))) == DEEP


@pytest.mark.parametrize("said", [b'"sha256":"' + b"0" * 64, b"", b'"sha256":"'])
def test_a_seal_in_the_wrong_place_seals_nothing(said):
    content = safetensors({"a": tensor()}, said + b"\0" * 64)
    with pytest.raises(IntegrityError):
        open_arrays(Path("x"), content)


TREES = {
    "an unknown form": {"python": "os.system"},
    "two forms at once": {"float": "1", "array": "a"},
    "no form": {},
    "a type to import": {"batch": {"type": "os:system", "columns": {}}},
    "a type by its path": {"batch": {"type": "eltanin.batch.Properties", "columns": {}}},
    "a type that is no text": {"batch": {"type": ["os"], "columns": {}}},
    "a batch without columns": {"batch": {"type": "eltanin:Properties", "columns": {}}},
    "a batch with columns too many": {"batch": {"type": "eltanin:Properties", "columns": {"evil": 1}}},
    "an array that is not there": {"array": "../../etc/passwd"},
    "strings of a terabyte": {"strings": {"items": ["x"] * 1000, "shape": [1000], "width": 2**28}},
    "strings of negative width": {"strings": {"items": ["x"], "shape": [1], "width": -3}},
    "counts that are text": {"ragged": [{"list": 1}, "xy"]},
    "a number that is a list": {"float": [1]},
    "nesting without end": "DEEP",
}


@pytest.mark.parametrize("case", TREES)
def test_trees_that_nobody_encoded_are_refused(case, tmp_path):
    save_tree(tmp_path / "x", {"a": np.arange(3.0)})
    body = json.loads((tmp_path / "x.json").read_bytes())["body"]
    text = json.dumps({**body, "tree": TREES[case]}).encode()
    text = text.replace(b'"DEEP"', b"[" * DEEP + b"]" * DEEP)
    (tmp_path / "x.json").write_bytes(b'{"sha256":"' + sha256(text).encode() + b'","body":' + text + b"}\n")
    with cheaply(), pytest.raises(IntegrityError, match=r"x\.json"):
        load_tree(tmp_path / "x")


def test_ragged_counts_must_add_up():
    for counts in ([-1, 4], [1, 1], [2.0, 1.0], [[3]]):
        with pytest.raises(ValueError, match="do not add up"):
            decode({"ragged": [{"array": "v"}, {"array": "c"}]}, {"v": np.ones(3), "c": np.array(counts)})


@pytest.mark.parametrize("name", ["../outside", "/etc/hostname", "a/../../outside", "\0", "x" * 300, "", ".", "CON"])
def test_a_snapshot_stands_on_files_of_its_own_folder_alone(name, tmp_path):
    folder = tmp_path / "checkpoint"
    folder.mkdir()
    save_tree(tmp_path / "outside", {"round": 3})
    part = {"name": name, "sha256": sha256((tmp_path / "outside.json").read_bytes())}
    (folder / "snapshot.json").write_bytes(seal_json({"format": 1, "state": part, "rows": []}))
    with cheaply():
        found = find_snapshot(folder)
    assert found.snapshot is None
    assert found.wrong


@pytest.fixture
def store(tmp_path):
    """Return a store of two labels."""
    store = LabelStore(tmp_path / "labels")
    for number in (1.0, 2.0):
        about = {"configuration": f"{number}", "wanted": ("energy",), "method": {"name": "toy"}}
        store.put(Record.of(Properties.of(energy=np.array([number])), None, **about))
    return store


def replaced(path: Path, how: str) -> None:
    """Put something else in the place of a file."""
    content = path.read_bytes()
    path.unlink()
    match how:
        case "pickle":
            path.write_bytes(pickle.dumps({"energy": 3.0}))
        case "link":
            elsewhere = path.parents[3] / "elsewhere"
            elsewhere.write_bytes(content)
            path.symlink_to(elsewhere)
        case "pipe":
            os.mkfifo(path)
        case "folder":
            path.mkdir()
        case "device":
            path.symlink_to("/dev/zero")
        case "empty":
            path.touch()


@pytest.mark.parametrize("how", ["pickle", "link", "pipe", "folder", "device", "empty"])
def test_what_stands_in_the_place_of_a_label_costs_that_label_alone(store, how):
    broken, whole = list(store.objects.files())
    key = store.objects.read(whole).key
    replaced(broken, how)
    with cheaply():
        wrong = store.verify()
    assert any(broken.name in one for one in wrong), wrong
    assert not any(whole.name in one for one in wrong)
    assert store.get([key])[key].failure is None


@pytest.mark.parametrize(
    "key", ["../../x", "/etc/passwd", "x" * 64, "A" * 64, "0" * 63, "0" * 65, "0" * 64 + "\n", "\0" * 64]
)
def test_a_key_is_no_path(store, key):
    with pytest.raises(ValueError, match="is no key of a label"):
        store.objects.path(key)


def test_a_failure_that_says_anything_is_only_said(store):
    about = {"configuration": "x", "wanted": ("energy",), "method": {"name": "toy"}}
    kept = store.put(Record.of(Failure("crash", "'; DROP TABLE labels; --\0\x1b[2J"), None, **about))
    assert kept.failure is not None
    assert len(list(store.rows())) == 3


def member(header: bytes, data: bytes = b"\0" * 64) -> bytes:
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data


NPY = {
    "a pickle": pickle.dumps([1.0]),
    "2^63 numbers": member(b"{'descr': '<f8', 'fortran_order': False, 'shape': (9223372036854775808,)}"),
    "a terabyte": member(b"{'descr': '<f8', 'fortran_order': False, 'shape': (125000000000,)}"),
    "a negative length": member(b"{'descr': '<f8', 'fortran_order': False, 'shape': (-8,)}"),
    "two negative lengths": member(b"{'descr': '<f8', 'fortran_order': False, 'shape': (-2, -4)}"),
    "code in the header": member(b"{'descr': __import__('os').system('x'), 'fortran_order': False, 'shape': ()}"),
    "objects": member(b"{'descr': '|O', 'fortran_order': False, 'shape': (8,)}"),
    "a header without end": member(b"[" * 60000),
    "nothing": b"",
}


@pytest.mark.parametrize("case", NPY)
def test_arrays_that_are_none_are_refused(case, tmp_path):
    (tmp_path / "x.npy").write_bytes(NPY[case])
    with cheaply(), pytest.raises(ValueError, match=r"x\.npy cannot be read as an npy file"):
        load_npy(tmp_path / "x.npy")
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("positions.npy", NPY[case])
    for read in (load_npz, problems.read, walkers.read):
        with cheaply(), pytest.raises(ValueError, match=r"x\.npz cannot be read as an npz file"):
            read(tmp_path / "x.npz")


def array(values: object) -> bytes:
    file = io.BytesIO()
    npy.write_array(file, np.asarray(values), allow_pickle=False)
    return file.getvalue()


def test_a_zip_bomb_is_not_unpacked(tmp_path):
    header = member(b"{'descr': '|u1', 'fortran_order': False, 'shape': (1000000000,)}", b"")
    with (
        zipfile.ZipFile(tmp_path / "x.npz", "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("positions.npy", "w", force_zip64=True) as file,
    ):
        file.write(header)
        for _ in range(100):
            file.write(bytes(10_000_000))
    assert (tmp_path / "x.npz").stat().st_size < 2_000_000
    with cheaply(), pytest.raises(ValueError, match="would unpack to 1000000"):
        load_npz(tmp_path / "x.npz")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_is_there_twice_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        for values in ([1.0], [2.0]):
            archive.writestr("positions.npy", array(values))
    with pytest.raises(ValueError, match="a name is in it twice"):
        load_npz(tmp_path / "x.npz")


def test_names_in_an_archive_are_no_paths(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        for name in ("../../up.npy", "/etc/evil.npy", "a/b.npy", "a.npy"):
            archive.writestr(name, array([1.0]))
    assert set(load_npz(tmp_path / "x.npz")) == {"../../up", "/etc/evil", "a/b", "a"}
    assert not any(path.exists() for path in (tmp_path.parents[1] / "up.npy", Path("/etc/evil.npy")))
    assert [path.name for path in tmp_path.rglob("*")] == ["x.npz"]
    for read in (problems.read, walkers.read):
        with pytest.raises(ValueError, match=r"x\.npz"):
            read(tmp_path / "x.npz")


XYZ = {
    "2^63 atoms": f"{2**63}\n\nAr 0 0 0\n",
    "a number of atoms without end": "9" * 100_000 + "\n\nAr 0 0 0\n",
    "columns without end": f"1\nProperties=species:S:1:pos:R:{10**12}\nAr 0 0 0\n",
    "a negative number of columns": "1\nProperties=species:S:1:pos:R:-3\nAr 0 0 0\n",
    "a hundred thousand columns": f"1\nProperties=species:S:1:{':'.join(f'c{i}:R:1' for i in range(10**5))}\nAr\n",
    "JSON nested without end": f'1\nkey="_JSON {"[" * 60_000}" \nAr 0 0 0 0\n',
    "quotes without end": "1\n" + '"' * 60_001 + "\nAr 0 0 0 0\n",
    "a position beyond all numbers": "1\n\nAr 1e999 0 0\n",
    "NUL": "1\n\nAr\0 0 0 0\n",
}


@pytest.mark.parametrize("case", XYZ)
def test_structures_that_are_none_are_refused(case, tmp_path):
    (tmp_path / "x.extxyz").write_text(XYZ[case])
    with cheaply(), pytest.raises(ValueError, match=r"x\.extxyz"):
        structures.read(tmp_path / "x.extxyz")


@pytest.mark.parametrize("part", ["../secret", "a/../../secret", "/etc", "..", "*/../../secret"])
def test_parts_of_data_lie_in_the_data(part, tmp_path):
    (tmp_path / "data" / "a").mkdir(parents=True)
    (tmp_path / "secret").mkdir()
    with pytest.raises(ValueError, match="lies outside"):
        labelled.find(str(tmp_path / "data"), [part])


@pytest.mark.parametrize(
    "path", ["package:eltanin/../../pyvenv.cfg", "package:os/x", "package:../x", "package:eltanin//etc/hosts"]
)
def test_files_of_packages_lie_in_the_package(path):
    with pytest.raises(ValueError, match="package"):
        locate(path)
