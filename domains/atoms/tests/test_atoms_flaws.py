"""What no labeler is asked: each hostile structure is named, and none of them hangs or crashes the gate."""

from __future__ import annotations

import time
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from ase import Atoms as AseAtoms
from ase.build import bulk, fcc111, graphene, molecule
from ase.data import covalent_radii
from ase.geometry import complete_cell
from hypothesis import given, settings
from hypothesis import strategies as st

from eltanin.batch import Ragged
from eltanin_atoms.domain import Atoms
from eltanin_atoms.structures import Structures

CUBE = 5.0 * np.eye(3)


def flaw(atoms: AseAtoms, **limits):
    return Atoms(**limits).flaws(Structures.from_ase([atoms])).get(0)


def slab(gap: float) -> AseAtoms:
    """Return two atoms so far apart across the open side of a slab."""
    return AseAtoms("Cu2", [[0, 0, 0], [0, 0, gap]], cell=CUBE, pbc=(True, True, False))


def chiral(atoms: AseAtoms) -> AseAtoms:
    atoms.set_cell(atoms.cell.array[[1, 0, 2]])
    return atoms


SOUND = {
    "crystal": bulk("Cu"),
    "bcc": bulk("Fe"),
    "hcp": bulk("Mg"),
    "supercell": bulk("NaCl", "rocksalt", a=5.64, cubic=True) * (2, 2, 2),
    "diamond": bulk("C", "diamond", a=3.567),
    "water": molecule("H2O"),
    "hydrogen": molecule("H2"),
    "atom": AseAtoms("Cu"),
    "slab": fcc111("Al", (2, 2, 3), vacuum=15.0),
    "sheet": graphene(vacuum=None),
    "wire": AseAtoms("Au2", [[0, 0, 0], [0, 0, 2.6]], cell=[0, 0, 5.2], pbc=(False, False, True)),
    "molecule in a box": AseAtoms("CO", [[0, 0, 0], [0, 0, 1.13]], cell=20 * np.eye(3), pbc=True),
    "unwrapped": AseAtoms("Cu2", [[0, 0, 0], [1e6 + 2.5, 2.5, -2.5e6]], cell=CUBE, pbc=True),
    "radical": AseAtoms("N", info={"spin": 3}),
    "ion": AseAtoms("Na", info={"charge": 1.0, "spin": 0}),
}


@pytest.mark.parametrize("name", SOUND)
def test_sound_structures_have_none(name):
    assert flaw(SOUND[name]) is None


HOSTILE = {
    "no atoms": (AseAtoms(), "unphysical", "no atoms"),
    "NaN": (AseAtoms("Cu", [[0, 0, np.nan]]), "nonfinite", "position"),
    "infinite cell": (AseAtoms("Cu", cell=[[np.inf, 0, 0], [0, 3, 0], [0, 0, 3]]), "nonfinite", "cell"),
    "NaN charge": (AseAtoms("Cu", info={"charge": np.nan}), "nonfinite", "charge"),
    "Z=0": (AseAtoms("X"), "unknown", "atomic numbers"),
    "two at one place": (AseAtoms("Cu2", np.zeros((2, 3))), "unphysical", "Cu 0 and Cu 1 are 0 Å apart"),
    "1e-4 Å apart": (AseAtoms("Cu2", [[0, 0, 0], [0, 0, 1e-4]]), "unphysical", "0.0001 Å apart"),
    "1e-9 Å apart": (AseAtoms("CuAu", [[0, 0, 0], [0, 0, 1e-9]], cell=CUBE, pbc=True), "unphysical", "1e-09 Å"),
    "too near": (AseAtoms("CuAu", [[0, 0, 0], [0, 0, 1.2]]), "unphysical", "Cu 0 and Au 1 are 1.2 Å apart"),
    "own image": (AseAtoms("Cu", cell=1.2 * np.eye(3), pbc=True), "unphysical", "Cu 0 and Cu 0 are 1.2 Å apart"),
    "image of another": (
        AseAtoms("CuAu", [[0, 0, 0.1], [0, 0, 4.9]], cell=CUBE, pbc=True), "unphysical", "Cu 0 and Au 1 are 0.2 Å",
    ),
    "flat": (AseAtoms("Cu", cell=[[3, 0, 0], [3, 0, 0], [0, 0, 3]], pbc=True), "unphysical", "no volume"),
    "no vector": (AseAtoms("Cu", cell=[[3, 0, 0], [0, 3, 0], [0, 0, 0]], pbc=True), "unphysical", "no volume"),
    "sheared": (AseAtoms("Cu", cell=[[3, 0, 0], [90, 3, 0], [0, 0, 3]], pbc=True), "unphysical", "shorter lattice"),
    "needle": (AseAtoms("Cu", cell=np.diag([1e-3, 3, 3]), pbc=True), "unphysical", "0.001 Å thin"),
    "left-handed": (chiral(bulk("Cu")), "unphysical", "exchange two"),
    "fragments": (AseAtoms("Cu2", [[0, 0, 0], [1e6, 0, 0]]), "unphysical", "exploded"),
    "exploded slab": (slab(1e6), "unphysical", "exploded"),
    "empty cell": (AseAtoms("Cu2", [[0, 0, 0], [0, 0, 3]], cell=1e6 * np.eye(3), pbc=True), "unphysical", "too large"),
    "far out": (AseAtoms("Cu2", [[0, 0, 0], [0, 0, 1e300]]), "unphysical", "lost the digits"),
    "odd electrons": (AseAtoms("Na", info={"spin": 0}), "unphysical", "11 electrons cannot have 0 unpaired"),
    "all unpaired": (AseAtoms("He", info={"spin": 4}), "unphysical", "2 electrons cannot have 4 unpaired"),
    "stripped": (AseAtoms("H", info={"charge": 2.0}), "unphysical", "takes away more"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_structures_are_named(name):
    atoms, kind, says = HOSTILE[name]
    found = flaw(atoms)
    assert found is not None
    assert (found.kind, says in found.message) == (kind, True), found


def test_each_row_has_its_own():
    good = Structures.from_ase([bulk("Cu")])
    batch = Structures.concatenate([good, *(Structures.from_ase([atoms]) for atoms, *_ in HOSTILE.values()), good])
    assert sorted(Atoms().flaws(batch)) == list(range(1, len(batch) - 1))


def test_shapes_that_make_no_structure_are_named():
    one = Structures.from_ase([AseAtoms("Cu2", [[0, 0, 0], [0, 0, 3]])])
    fewer = replace(one, numbers=Ragged(one.numbers.values[:1], np.array([1])))
    flat = replace(one, positions=Ragged(one.positions.values[:, :2], one.counts))
    assert [Atoms().flaws(x)[0].kind for x in (fewer, flat)] == ["shape", "shape"]
    assert Atoms().flaws(replace(one, numbers=Ragged(np.array([29, 119]), one.counts)))[0].kind == "unknown"
    assert Atoms().flaws(replace(one, numbers=Ragged(np.array([29, -1]), one.counts)))[0].kind == "unknown"


CROWDS = {
    "all at one place": AseAtoms("Cu10000", np.zeros((10_000, 3)), cell=2 * np.eye(3), pbc=True),
    "a drop": AseAtoms("Cu10000", np.random.default_rng(0).random((10_000, 3)), cell=2 * np.eye(3), pbc=True),
    "every species": AseAtoms([1 + i % 118 for i in range(10_000)], np.random.default_rng(1).random((10_000, 3)) * 90),
    "a million": AseAtoms("H1000000", np.zeros((1_000_000, 3))),
}


@pytest.mark.parametrize("name", CROWDS)
def test_crowds_are_refused_in_no_time(name):
    begun = time.process_time()
    assert flaw(CROWDS[name]).kind == "unphysical"
    assert time.process_time() - begun < 5


def test_limits_are_settings():
    water = molecule("H2O")
    assert "H 1 and O 0 are 0.969 Å apart, nearer than 1.1 Å" in flaw(water, distances={"H-O": 1.1}).message
    assert flaw(water, distances={"O-H": 1.1}).message == flaw(water, distances={"H-O": 1.1}).message
    assert flaw(water, distances={"H-H": 1.1}) is None
    assert flaw(AseAtoms("Cu2", [[0, 0, 0], [0, 0, 1.2]]), distances={"Cu-Cu": 1.1}) is None
    assert flaw(AseAtoms("Cu2", [[0, 0, 0], [0, 0, 1.2]]), closest=0.4) is None
    assert flaw(bulk("Cu"), closest=0.99) is not None
    assert flaw(bulk("Cu"), thinnest=2.2) is not None
    assert flaw(bulk("Cu"), flattest=0.75) is not None  # 1/sqrt 2 of a cube
    assert flaw(bulk("Cu"), flattest=0.70) is None
    assert flaw(bulk("Cu") * 2, most_atoms=7) is not None
    assert flaw(slab(1e3), emptiest=2e3) is None


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([(1, 1, 1), (1, 1, 0), (0, 1, 0), (0, 0, 0)]))
def test_a_pair_is_too_near_if_it_is_so_among_all_pairs_and_images(seed, pbc):
    rng = np.random.default_rng(seed)
    numbers = rng.choice([1, 8, 29], size=rng.integers(1, 7))
    cell = 3 * np.eye(3) + rng.uniform(-0.5, 0.5, size=(3, 3))
    positions = rng.uniform(-9, 9, size=(len(numbers), 3))
    worst = min(badness(numbers, positions, cell, np.array(pbc, dtype=bool)), default=np.inf)
    found = flaw(AseAtoms(numbers, positions, cell=cell, pbc=pbc), closest=0.6, distances={"H-O": 1.7})
    assert (found is not None) == (worst < 1), (found, worst)


def badness(numbers, positions, cell, pbc):
    """Yield distances over allowed ones, of each pair in the images round its nearest."""
    axes = complete_cell(np.where(pbc[:, None], cell, 0.0))
    shifts = np.array(list(product(*(range(-2, 3) if p else (0,) for p in pbc))))
    for i, j in product(range(len(numbers)), repeat=2):
        fractions = (positions[j] - positions[i]) @ np.linalg.inv(axes)
        distance = np.linalg.norm((fractions - np.where(pbc, np.round(fractions), 0.0) + shifts) @ axes, axis=1)
        least = 1.7 if {numbers[i], numbers[j]} == {1, 8} else 0.6 * covalent_radii[[numbers[i], numbers[j]]].sum()
        yield from (distance if i != j else distance[np.any(shifts != 0, axis=1)]) / least
