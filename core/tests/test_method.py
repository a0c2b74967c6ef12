"""The description of a method: what bears on a label is in it, and nothing else is."""

from dataclasses import dataclass, field, replace
from enum import Enum
from importlib.metadata import version
from typing import Any, ClassVar

import numpy as np
import pytest

from eltanin.errors import ConfigurationError
from eltanin.protocols import Data, OwnDomain, System
from eltanin.store import label_key, method_of
from eltanin.store.method import differences


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


def test_what_changed_is_named_field_by_field(tmp_path):
    potential = tmp_path / "cu.upf"
    potential.write_text("pseudopotential")
    before = method_of(Method(files=(str(potential),)))
    assert differences(before, method_of(Method(files=(str(potential),), scratch="/elsewhere"))) == []
    potential.write_text("another one")
    after = method_of(Method(cutoff=5.5, basis=Basis("6-31g", (1.0, 3.5)), files=(str(potential),), options={"k": 2}))
    changed = differences(before, after)
    assert changed[0] == "labeler.basis.exponents[1] was 2.5, now 3.5"
    assert changed[1] == 'labeler.basis.name was "sto-3g", now "6-31g"'
    assert changed[2] == "labeler.cutoff was 5.0, now 5.5"
    assert changed[3].startswith('labeler.files[0].sha256 was "')
    assert changed[4:] == ["labeler.options.k was not there, now 2"]


def test_revisions_and_versions_are_named_too():
    before = method_of(Method())
    assert differences(before, method_of(Revised()))[-1] == "labeler.revision was 1, now 2"
    newer = {**before, "outside": {"numpy": "99.0"}}
    assert differences(before, newer) == [f'labeler.outside.numpy was "{version("numpy")}", now "99.0"']
    assert differences(newer, {**newer, "outside": {}}) == ['labeler.outside.numpy was "99.0", now not there']


@pytest.mark.parametrize(("one", "two"), [(1, 1.0), (1, True), (0.0, -0.0), ([1], [1, 2]), ({}, [])])
def test_what_gives_another_key_is_a_difference(one, two):
    before, after = {"name": "springs", "settings": {"k": one}}, {"name": "springs", "settings": {"k": two}}
    assert label_key("0" * 64, before, {"energy"}) != label_key("0" * 64, after, {"energy"})
    (line,) = differences(before, after)
    assert line.startswith("labeler.k was ")
