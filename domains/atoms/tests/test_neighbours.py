"""A search that follows a dynamics finds what a search of its own finds, to the last bit."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk

from eltanin_atoms import neighbours
from eltanin_atoms.neighbours import SKIN, Following, images, pairs

CUTOFF = 4.0


def salt() -> Atoms:
    atoms = bulk("NaCl", "rocksalt", a=5.6, cubic=True)
    atoms.rattle(0.1, seed=1)
    return atoms


def searches(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return a list that the cutoff of every search is added to from now on."""
    asked, search = list[float](), neighbours.listed

    def counted(positions, cell, pbc, cutoff):
        asked.append(cutoff)
        return search(positions, cell, pbc, cutoff)

    monkeypatch.setattr(neighbours, "listed", counted)
    return asked


def same(found, atoms: Atoms) -> bool:
    expected = pairs(atoms.positions, atoms.cell.array, atoms.pbc, CUTOFF)
    return all(map(torch.equal, found, expected))


def follow(search: Following, atoms: Atoms):
    return search(atoms.positions, atoms.cell.array, atoms.pbc, CUTOFF)


@pytest.mark.parametrize("pbc", [True, False, [True, True, False]])
def test_a_dynamics_is_followed_bit_for_bit(pbc):
    atoms, search, rng = salt(), Following(), np.random.default_rng(0)
    atoms.pbc = pbc
    crossed = set()
    for _ in range(40):
        atoms.positions += rng.normal(scale=0.03, size=atoms.positions.shape)
        found = follow(search, atoms)
        assert same(found, atoms)
        crossed.add(len(found.centre))
    assert len(crossed) > 5  # pairs came and went at the cutoff


def test_a_strained_cell_is_followed_bit_for_bit():
    atoms, search, rng = salt(), Following(), np.random.default_rng(0)
    for _ in range(30):
        strain = np.eye(3) + rng.normal(scale=0.004, size=(3, 3))
        atoms.set_cell(atoms.cell.array @ strain, scale_atoms=True)
        atoms.positions += rng.normal(scale=0.01, size=atoms.positions.shape)
        assert same(follow(search, atoms), atoms)


def test_it_searches_anew_only_where_an_atom_may_have_crossed_the_skin(monkeypatch):
    atoms, search = salt(), Following()
    asked = searches(monkeypatch)
    follow(search, atoms)
    assert asked == [CUTOFF]  # the first structure may be alone
    follow(search, atoms)
    assert asked == [CUTOFF, CUTOFF + SKIN]
    atoms.positions[3, 0] += 0.49 * SKIN
    follow(search, atoms)
    assert len(asked) == 2
    atoms.positions[3, 0] += 0.02 * SKIN
    follow(search, atoms)
    assert len(asked) == 3


@pytest.mark.parametrize("change", ["cell", "pbc", "atoms", "cutoff"])
def test_another_structure_is_not_taken_for_the_last_one(change):
    atoms, search = salt(), Following()
    follow(search, atoms)
    follow(search, atoms)
    if change == "cell":
        atoms.set_cell(atoms.cell.array * 0.9)
    elif change == "pbc":
        atoms.pbc = [True, False, True]
    elif change == "atoms":
        atoms = atoms[:-1]
    else:
        found = search(atoms.positions, atoms.cell.array, atoms.pbc, CUTOFF + 1)
        assert all(map(torch.equal, found, pairs(atoms.positions, atoms.cell.array, atoms.pbc, CUTOFF + 1)))
    assert same(follow(search, atoms), atoms)


def test_it_travels_without_what_it_keeps():
    search = Following()
    follow(search, salt())
    assert search.kept is not None
    assert pickle.loads(pickle.dumps(search)).kept is None


def test_pairs_come_in_order_of_centre_neighbour_and_shift():
    atoms = bulk("Cu")
    found = pairs(atoms.positions, atoms.cell.array, atoms.pbc, CUTOFF)
    rows = torch.cat([found.centre[:, None], found.neighbour[:, None], found.shift], dim=1).tolist()
    assert rows == sorted(rows)


def test_images_far_apart_are_numbered_as_those_nearby():
    near = np.array([[0, 1, -1], [-1, 0, 0], [0, 1, -1], [0, 0, 2]])
    for shift in (near, near * 10**7):
        number, found = images(shift)
        assert np.array_equal(found[number], shift)
        assert number[0] == number[2]
        assert np.argsort(number[[0, 1, 3]]).tolist() == [1, 2, 0]
