"""Labels that exist already: found by configuration, and looked at only when asked for."""

from __future__ import annotations

import os
import pickle
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from ase import Atoms as AseAtoms

from eltanin.batch import Properties, Ragged
from eltanin_atoms.domain import Atoms
from eltanin_atoms.structures import Structures
from eltanin_dataset import Lookup

WANTED = frozenset({"energy", "forces", "virial"})


@pytest.fixture
def data():
    """Return six structures of two sizes, and energies and forces that tell them apart."""
    rng = np.random.default_rng(0)
    frames = [AseAtoms("CuAu"[: 2 + 2 * (i % 2)], rng.normal(size=(1 + i % 2, 3)) * 3) for i in range(6)]
    x = Structures.from_ase(frames)
    forces = Ragged(rng.normal(size=x.positions.values.shape), x.counts)
    return x, Properties.of(energy=np.arange(6.0), forces=forces)


def ask(labeler, x, wanted=WANTED):
    return labeler.label(x, wanted, np.random.default_rng(0))


def test_labels_are_found_in_any_order(data, tmp_path):
    x, y = data
    Atoms().write(tmp_path / "all.extxyz", x, y)
    order = np.array([4, 0, 3])
    labels = ask(Lookup(str(tmp_path / "all.extxyz"), Atoms()), x[order])
    assert not labels.failures
    np.testing.assert_array_equal(labels.values.values["energy"], order)
    np.testing.assert_array_equal(labels.values.values["forces"].values, y.values["forces"][order].values)
    assert not labels.values.has("virial").any()


def test_evidence_does_not_hide_a_configuration(data, tmp_path):
    x, y = data
    Atoms().write(tmp_path / "all.extxyz", x, y)
    seen = replace(x, evidence={"region": np.array(["hot"] * 6)})
    assert not ask(Lookup(str(tmp_path / "all.extxyz"), Atoms()), seen).failures


def test_what_is_not_in_the_data_is_unknown(data, tmp_path):
    x, y = data
    Atoms().write(tmp_path / "some.extxyz", x[:4], y[:4])
    labels = ask(Lookup(str(tmp_path / "some.extxyz"), Atoms()), x)
    assert {i: f.kind for i, f in labels.failures.items()} == {4: "unknown", 5: "unknown"}
    np.testing.assert_array_equal(labels.values.values["energy"][:4], np.arange(4))
    assert len(labels.values) == 6


def test_only_the_parts_that_are_named_are_looked_at(data, tmp_path):
    x, y = data
    Atoms().write(tmp_path / "a1.extxyz", x[:2], y[:2])
    Atoms().write(tmp_path / "a2.extxyz", x[2:4], y[2:4])
    Atoms().write(tmp_path / "b.extxyz", x[4:], y[4:])
    assert sorted(ask(Lookup(str(tmp_path), Atoms(), ["a*.extxyz"]), x).failures) == [4, 5]
    assert sorted(ask(Lookup(str(tmp_path), Atoms(), ["b.extxyz", "a1.extxyz"]), x).failures) == [2, 3]


def test_deepmd_folders_are_data_too(data, tmp_path):
    x, y = data
    Atoms().write(tmp_path / "systems", x, y)
    labels = ask(Lookup(str(tmp_path / "systems"), Atoms()), x)
    assert not labels.failures
    np.testing.assert_array_equal(labels.values.values["energy"], np.arange(6))


def test_of_a_repeated_configuration_the_first_label_counts(data, tmp_path):
    x, y = data
    Atoms().write(tmp_path / "twice.extxyz", x[[0, 1, 0]], y[[0, 1, 4]])
    assert ask(Lookup(str(tmp_path / "twice.extxyz"), Atoms()), x[:1]).values.values["energy"][0] == 0


def test_only_what_is_wanted_is_answered(data, tmp_path):
    x, y = data
    Atoms().write(tmp_path / "all.extxyz", x, y)
    labeler = Lookup(str(tmp_path / "all.extxyz"), Atoms())
    assert set(ask(labeler, x, frozenset({"forces"})).values.values) == {"forces"}
    nothing = ask(labeler, x, frozenset({"dipole"})).values
    assert not nothing.values
    assert len(nothing) == 6


@dataclass(frozen=True)
class Counting:
    """A reader that counts how often it is asked."""

    reads: list[str] = field(default_factory=list, hash=False, compare=False)

    def read(self, path):
        self.reads.append(path.name)
        return Atoms().read(path)


def test_data_are_read_when_they_are_first_asked_for_and_again_when_they_change(data, tmp_path):
    x, y = data
    path = tmp_path / "all.extxyz"
    Atoms().write(path, x, y)
    reader = Counting()
    labeler = Lookup(str(path), reader)
    assert reader.reads == []
    ask(labeler, x[:1])
    ask(Lookup(str(path), reader), x[1:])
    assert len(reader.reads) == 1
    Atoms().write(path, x[:1], y[4:5])
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 1))
    assert ask(labeler, x[:1]).values.values["energy"][0] == 4
    assert len(reader.reads) == 2


def test_it_travels_to_another_process(data, tmp_path):
    x, y = data
    Atoms().write(tmp_path / "all.extxyz", x, y)
    labeler = pickle.loads(pickle.dumps(Lookup(str(tmp_path / "all.extxyz"), Atoms())))
    np.testing.assert_array_equal(ask(labeler, x).values.values["energy"], np.arange(6))


def test_missing_data_are_refused_before_work(tmp_path):
    with pytest.raises(ValueError, match="does not exist"):
        Lookup(str(tmp_path / "nowhere"), Atoms())
    with pytest.raises(ValueError, match=r"nothing in data=.*called 'train'"):
        Lookup(str(tmp_path), Atoms(), ["train"])
