"""Files that settings name, as they are or inside an installed package."""

from dataclasses import dataclass
from typing import ClassVar

import pytest

from eltanin import labelled
from eltanin.locating import locate
from eltanin.protocols import Data
from eltanin.store.method import method_of


@dataclass(frozen=True)
class FromData:
    """A labeler whose labels lie in data."""

    domain: ClassVar[str] = "any"
    revision: ClassVar[int] = 1
    data: Data = ""


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package on the path that would say so if it were imported."""
    root = tmp_path / "shipping_toys"
    (root / "pool").mkdir(parents=True)
    (root / "__init__.py").write_text("raise AssertionError('imported')")
    (root / "pool" / "a.txt").write_text("one")
    monkeypatch.syspath_prepend(str(tmp_path))
    return root


def test_a_package_ships_files_and_folders_and_is_not_imported(package):
    assert locate("package:shipping_toys/pool/a.txt") == package / "pool" / "a.txt"
    assert labelled.find("package:shipping_toys/pool", ["*.txt"]) == [package / "pool" / "a.txt"]


def test_what_is_not_there_is_said_with_the_way_out(package, tmp_path):
    with pytest.raises(ValueError, match=r"data=package:shipping_toys/b: .* has no such file .* or give data=PATH"):
        labelled.find("package:shipping_toys/b", [])
    with pytest.raises(ValueError, match="no package 'shipping_tools' is installed"):
        locate("package:shipping_tools/a")
    with pytest.raises(ValueError, match=f"data={tmp_path}/b does not exist .* give data=PATH"):
        labelled.find(str(tmp_path / "b"), [])


def test_the_method_of_labels_holds_the_contents_of_data_that_a_package_ships(package):
    told = method_of(FromData(data="package:shipping_toys/pool"))
    assert told == method_of(FromData(data=str(package / "pool")))
    (package / "pool" / "a.txt").write_text("two")
    assert told != method_of(FromData(data="package:shipping_toys/pool"))
