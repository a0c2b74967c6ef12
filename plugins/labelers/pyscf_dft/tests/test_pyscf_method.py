"""What a label stands on: the content of a basis, not its name; the same for all structures of a campaign."""

from __future__ import annotations

import pytest
from ase import Atoms
from ase.build import molecule

from eltanin.store.method import method_id, method_of
from eltanin_atoms.conformance.labelers import ask
from eltanin_atoms.structures import Structures
from eltanin_pyscf_dft import PyscfMolecule, basis
from eltanin_pyscf_dft.atoms import unpaired


def test_the_method_names_all_that_bears_on_a_label():
    about = method_of(PyscfMolecule(density_fit="def2-universal-jkfit"))
    assert about["settings"].keys() >= {"method", "xc", "basis", "density_fit", "grid", "conv_tol", "ladder"}
    assert not about["settings"].keys() & {"memory", "atomic_energies"}
    assert about["contents"].keys() == {"basis", "density_fit", "libxc"}
    assert about["outside"].keys() == {"pyscf"}


@pytest.mark.parametrize(
    "settings",
    [{"xc": "b3lyp"}, {"basis": "def2-tzvp"}, {"grid": 4}, {"conv_tol": 1e-9}, {"method": "HF"}, {"ladder": ["diis"]},
     {"stability": "never"}, {"grid_response": False}, {"density_fit": "def2-universal-jkfit"}, {"charge": 1}],
)  # fmt: skip
def test_another_setting_is_another_method(settings):
    assert method_id(method_of(PyscfMolecule(**settings))) != method_id(method_of(PyscfMolecule()))


def test_memory_is_of_no_account():
    assert method_of(PyscfMolecule(memory=1.0)) == method_of(PyscfMolecule(memory=9.0))


def test_another_content_under_the_same_name_is_another_method(monkeypatch):
    before = method_of(PyscfMolecule(basis="sto-3g"))
    known = basis.shells

    def other(name, symbol):
        found = known(name, symbol)
        if symbol != "O" or not found:
            return found
        (angular, (exponent, *rest), *more), *others = found
        return [[angular, [exponent * (1 + 1e-12), *rest], *more], *others]

    basis.contents.cache_clear()
    monkeypatch.setattr(basis, "shells", other)
    after = method_of(PyscfMolecule(basis="sto-3g"))
    basis.contents.cache_clear()
    assert before["settings"] == after["settings"]
    assert method_id(before) != method_id(after)


def test_all_structures_of_a_campaign_report_one_method():
    """Open shells beside closed ones, and different elements."""
    frames = [molecule("H2"), Atoms("He"), molecule("OH")]
    labels = ask(PyscfMolecule(basis="sto-3g", grid=0, atomic_energies=False), Structures.from_ase(frames), "energy")
    assert not labels.failures
    assert len({labels.evidence[i]["method"] for i in range(3)}) == 1
    assert "s2" in labels.evidence[2]
    assert "s2" not in labels.evidence[0]


@pytest.mark.parametrize(
    ("number", "expected"),
    [(1, 1), (2, 0), (3, 1), (6, 2), (7, 3), (8, 2), (10, 0), (13, 1), (14, 2), (24, 6), (26, 4), (29, 1), (79, 1)],
)
def test_ground_states_of_atoms_after_hund(number, expected):
    assert unpaired(number) == expected
