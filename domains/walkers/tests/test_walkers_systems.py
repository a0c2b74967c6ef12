"""Molecules and lattices: parsed, begun, refused."""

import numpy as np
import pytest

from eltanin_walkers.systems.geometry import parse
from eltanin_walkers.systems.lattice import Lattice
from eltanin_walkers.systems.molecule import Molecule


def test_atoms_are_read_with_their_unit():
    found = parse("H 0 0 0;\n He 0 0 1.5e0", "bohr")
    np.testing.assert_array_equal(found.charges, [1, 2])
    np.testing.assert_array_equal(found.positions, [[0, 0, 0], [0, 0, 1.5]])
    assert parse("H 0 0 0; H 0 0 0.529177210903", "angstrom").positions[1, 2] == pytest.approx(1, rel=1e-12)


def test_atoms_are_read_from_a_file(tmp_path):
    path = tmp_path / "h2.xyz"
    path.write_text("2\na comment\nH 0 0 0 7.0\nH 0 0 0.7414\n")
    assert parse(str(path), "bohr").positions[1, 2] == pytest.approx(0.7414 / 0.529177210903)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "empty"),
        ("Xx 0 0 0", "no element"),
        ("H 0 0", "three numbers"),
        ("H 0 0 one", "three numbers"),
        ("H 0 0 nan", "three numbers"),
        ("H 0 0 __import__('os')", "three numbers"),
        ("H 0 0 0; H 0 0 0.01", "bohr apart"),
        ("nowhere.xyz", "no such file"),
    ],
)
def test_what_is_no_molecule_is_refused(text, told):
    with pytest.raises(ValueError, match=told):
        parse(text, "bohr")


def test_a_file_of_something_else_is_refused(tmp_path):
    path = tmp_path / "other.xyz"
    path.write_text("5\n\nH 0 0 0\n")
    with pytest.raises(ValueError, match="no xyz file"):
        parse(str(path), "bohr")
    with pytest.raises(ValueError, match="bohr, angstrom"):
        parse("H 0 0 0", "inch")


@pytest.mark.parametrize(
    ("molecule", "spins", "homes"),
    [
        (Molecule("He 0 0 0"), (1, 1), [0, 0]),
        (Molecule("H 0 0 0; H 0 0 1.4"), (1, 1), [0, 1]),
        (Molecule("Li 0 0 0; H 0 0 3"), (2, 2), [0, 0, 0, 1]),
        (Molecule("N 0 0 0", spin=3), (5, 2), [0] * 7),
        (Molecule("H 0 0 0; H 0 0 2", charge=1), (1, 0), [0]),
    ],
)
def test_electrons_begin_as_charge_and_spin_ask(molecule, spins, homes):
    assert molecule.spins == spins
    assert list(molecule.homes) == homes
    x = molecule.start(4000, np.random.default_rng(0))
    assert x.shape == (4000, molecule.number, 3)
    expected = molecule.geometry.positions[molecule.homes]
    np.testing.assert_allclose(x.mean(axis=0), expected, atol=4 / np.sqrt(4000))


def test_every_atom_of_a_neutral_molecule_begins_neutral():
    molecule = Molecule("O 0 0 0; C 0 0 2; H 2 0 0; H -2 0 0; N 9 9 9; N 9 9 11")
    np.testing.assert_array_equal(np.bincount(molecule.homes), molecule.geometry.charges)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (lambda: Molecule(charge=2), "no electron"),
        (lambda: Molecule(spin=1), r"system\.spin"),
        (lambda: Molecule(spin=4), r"system\.spin"),
        (lambda: Lattice(()), r"system\.shape"),
        (lambda: Lattice((2,)), "twice"),
        (lambda: Lattice((5,), magnetization=0), "magnetization"),
        (lambda: Lattice((4,), magnetization=6), "magnetization"),
    ],
)
def test_systems_that_cannot_be_are_refused(wrong, told):
    with pytest.raises(ValueError, match=told):
        wrong()


def test_bonds_and_translations():
    chain = Lattice((4,))
    assert sorted(map(tuple, chain.bonds)) == [(0, 1), (1, 2), (2, 3), (3, 0)]
    assert len(Lattice((4,), periodic=False).bonds) == 3
    square = Lattice((3, 4))
    assert len(square.bonds) == 24
    assert len({tuple(order) for order in square.translations.tolist()}) == 12
    bonds = {frozenset(b) for b in square.bonds.tolist()}
    for order in square.translations:
        assert {frozenset(b) for b in order[square.bonds].tolist()} == bonds
    assert len(Lattice((3, 4), periodic=False).translations) == 1


def test_spins_begin_with_their_magnetization():
    s = Lattice((6,), magnetization=2).start(500, np.random.default_rng(0))
    assert (s.sum((1, 2)) == 2).all()
    np.testing.assert_allclose(s.mean(axis=0)[:, 0], 1 / 3, atol=4 / np.sqrt(500))
    s = Lattice((6,)).start(500, np.random.default_rng(0))
    assert set(np.unique(s)) == {-1, 1}
    assert abs(s.mean()) < 4 / np.sqrt(3000)
