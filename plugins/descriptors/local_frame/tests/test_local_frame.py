"""The local frame: its features by plain loops, its symmetries, and where it jumps."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk

from eltanin_atoms.graphs import Graph, neighbour_graph
from eltanin_atoms.structures import Structures
from eltanin_local_frame import LocalFrame

ELEMENTS = ["H", "O", "Cu"]
FEW = LocalFrame(cutoff=4.0, sel=[2, 3, 4], sel_radial=[3, 0, 5])
KINDS = [FEW, replace(FEW, sort=False), replace(FEW, axes=[1]), LocalFrame(cutoff=4.0, sel=[0], sel_radial=[9])]
NAMES = ["sorted", "unsorted", "axes by oxygen", "distances alone"]


def frames() -> list[Atoms]:
    """A metal, a film and a molecule, without any two equal distances around an atom."""
    metal = bulk("Cu", cubic=True).repeat((3, 2, 2))
    positions = np.random.default_rng(5).uniform(0, 5, (12, 3))
    film = Atoms("CuO3H4Cu2OH", positions=positions, cell=[8.2, 8.4, 0], pbc=[True, True, False])
    water = Atoms("OH2", positions=[[0, 0, 0], [0.97, 0, 0.02], [-0.24, 0.93, 0]])
    for k, atoms in enumerate((metal, film, water)):
        atoms.rattle(0.1, seed=k)
    return [metal, film, water]


def graph_of(*atoms: Atoms, cutoff: float = FEW.cutoff) -> Graph:
    return neighbour_graph(Structures.from_ase(atoms), cutoff, ELEMENTS)


def plain(descriptor: LocalFrame, *atoms: Atoms) -> np.ndarray:
    """Features without statistics, (atoms, size)."""
    mean = torch.zeros(len(ELEMENTS), descriptor.size(len(ELEMENTS))).double()
    statistics = {"mean": mean, "range": torch.ones_like(mean)}
    return descriptor.environment(graph_of(*atoms), statistics, torch.float64).features({})[0].numpy()


def looped(d: LocalFrame, atoms: Atoms, i: int) -> np.ndarray:
    """All features of one atom."""
    around = [
        (ELEMENTS.index(atoms.symbols[j]), float(np.linalg.norm(v)), j, v)
        for shift in itertools.product(*(range(-2, 3) if periodic else range(1) for periodic in atoms.pbc))
        for j in range(len(atoms))
        if 0
        < np.linalg.norm(v := atoms.positions[j] - atoms.positions[i] + np.array(shift) @ atoms.cell.array)
        < d.cutoff
    ]
    wanted = [*d.axes, *(s for s in (2, 1, 0) if s not in d.axes)]
    first, *others = sorted(around, key=lambda n: (wanted.index(n[0]), n[1]))
    e1 = first[3] / first[1]
    b = next(n[3] for n in others if np.linalg.norm(np.cross(e1, n[3])) > 0.01 * n[1])
    p = b - (b @ e1) * e1
    axes = np.array([e1, p / np.linalg.norm(p), np.cross(e1, p / np.linalg.norm(p))])
    sel, radial = ([*x] * (3 // len(x)) for x in (d.sel, d.sel_radial))
    near, far = [], []
    for species in range(3):
        mine = sorted((n for n in around if n[0] == species), key=lambda n: n[1])
        parts = mine[: sel[species]], mine[sel[species] :][: radial[species]]
        if not d.sort:
            parts = tuple(sorted(part, key=lambda n: n[2]) for part in parts)
        slots = np.zeros((sel[species], 4)), np.zeros(radial[species])
        for k, (_, r, _, v) in enumerate(parts[0]):
            slots[0][k] = [1 / r, *(axes @ v / r**2)]
        for k, (_, r, _, _) in enumerate(parts[1]):
            slots[1][k] = 1 / r
        near.append(slots[0].ravel())
        far.append(slots[1])
    return np.concatenate([*near, *far])


@pytest.mark.parametrize("descriptor", KINDS, ids=NAMES)
def test_features_are_those_of_the_definition(descriptor):
    found = plain(descriptor, *frames())
    expected = [looped(descriptor, atoms, i) for atoms in frames() for i in range(len(atoms))]
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13)


def test_a_water_molecule_in_its_own_axes():
    water = Atoms("OH2", positions=[[1, 1, 1], [1, 1, 3], [1, 2, 1]])
    d = LocalFrame(cutoff=4.0, sel=[2], sel_radial=[1])
    oxygen, *_ = plain(d, water)
    # The nearest hydrogen, 1 Å away, gives x; the other one, 2 Å away at a right angle, lies along y.
    np.testing.assert_allclose(oxygen[:8], [1, 1, 0, 0, 0.5, 0, 0.5, 0], atol=1e-15)
    assert not oxygen[8:].any()
    # From a hydrogen, oxygen is the heavier one and comes first, though there is a hydrogen as well.
    _, _, hydrogen = plain(d, water)
    np.testing.assert_allclose(hydrogen[8:12], [1, 1, 0, 0], atol=1e-15)
    r = 5**0.5
    np.testing.assert_allclose(hydrogen[:4], [1 / r, 1 / 5, 2 / 5, 0], atol=1e-15)


@pytest.mark.parametrize("line", [["H", "O"], ["H", "O", "H"], ["Cu", "Cu", "Cu", "H"], ["Cu"]])
def test_atoms_on_a_line_or_alone_have_features_that_turn_away_nothing(line):
    atoms = Atoms(line, positions=np.arange(len(line))[:, None] * [0.6, 0.8, 0.3])
    turned = atoms.copy()
    turned.positions = atoms.positions @ proper(1).T
    np.testing.assert_allclose(plain(FEW, turned), plain(FEW, atoms), rtol=1e-10, atol=1e-12)
    bent = atoms.copy()
    bent.positions[0] += [0.05, -0.05, 0.0]
    assert len(line) < 3 or np.abs(plain(FEW, bent) - plain(FEW, atoms)).max() > 1e-3


def proper(seed: int) -> np.ndarray:
    """A rotation without reflection."""
    q = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))[0]
    return q * np.linalg.det(q)


@pytest.mark.parametrize("descriptor", KINDS, ids=NAMES)
@pytest.mark.parametrize("seed", range(3))
def test_turning_and_shifting_change_nothing(descriptor, seed):
    for atoms in frames():
        turned, q = atoms.copy(), proper(seed)
        turned.set_cell(atoms.cell.array @ q.T)
        turned.positions = (atoms.positions + np.array([0.3, -11.0, 5.0])) @ q.T
        turned.wrap()
        np.testing.assert_allclose(plain(descriptor, turned), plain(descriptor, atoms), rtol=1e-10, atol=1e-10)


def test_a_reflection_is_seen():
    film = frames()[1]
    mirrored = film.copy()
    mirrored.positions[:, 2] *= -1
    here, there = plain(FEW, film), plain(FEW, mirrored)
    assert np.abs(here - there).max() > 0.05
    z = np.arange(3, 4 * sum(FEW.sel), 4)
    there[:, z] *= -1
    np.testing.assert_allclose(there, here, atol=1e-12)


def test_the_order_of_atoms_matters_only_if_nothing_is_sorted():
    for atoms in frames()[:2]:
        order = np.random.default_rng(0).permutation(len(atoms))
        shuffled = atoms[order]
        np.testing.assert_allclose(plain(FEW, shuffled), plain(FEW, atoms)[order], rtol=1e-12, atol=1e-12)
        unsorted = replace(FEW, sort=False)
        assert np.abs(plain(unsorted, shuffled) - plain(unsorted, atoms)[order]).max() > 0.05


def test_in_a_perfect_crystal_all_atoms_see_the_same():
    """Ties are broken by direction, whatever the numbers of the atoms, their images, and the size of the cell."""
    one, many = bulk("Cu"), bulk("Cu").repeat(3)
    many.positions += np.random.default_rng(0).integers(-2, 3, (27, 3)) @ many.cell.array
    d = LocalFrame(cutoff=5.0, sel=[16], sel_radial=[20])
    expected = plain(d, one)
    assert (expected[0, 8 * 16 : 8 * 16 + 16 * 4] != 0).any()
    np.testing.assert_allclose(plain(d, many), np.tile(expected, (27, 1)), atol=1e-9)


@pytest.mark.parametrize("descriptor", KINDS, ids=NAMES)
def test_gradients_are_those_of_differences(descriptor):
    graph = graph_of(*frames())
    statistics = descriptor.statistics([graph], len(ELEMENTS))
    rng = np.random.default_rng(0)
    weights = torch.from_numpy(rng.normal(size=(len(graph.species), descriptor.size(len(ELEMENTS)))))
    direction, values = torch.from_numpy(rng.normal(size=tuple(graph.vector.shape))), []
    for step in np.array([-2.0, -1.0, 1.0, 2.0]) * 1e-5:  # by so little that no two neighbours swap
        moved = replace(graph, vector=graph.vector + step * direction)
        values.append(float((descriptor.environment(moved, statistics, torch.float64).features({})[0] * weights).sum()))
    expected = np.array([1.0, -8.0, 8.0, -1.0]) @ values / 12 / 1e-5
    _, pull = descriptor.environment(graph, statistics, torch.float64).features({})
    assert float((pull(weights) * direction).sum()) == pytest.approx(expected, rel=1e-7)


@pytest.mark.parametrize("descriptor", KINDS, ids=NAMES)
def test_what_is_pulled_back_is_differentiable(descriptor):
    graph = graph_of(*frames())
    statistics = descriptor.statistics([graph], len(ELEMENTS))
    _, pull = descriptor.environment(graph, statistics, torch.float64).features({})
    rng = np.random.default_rng(0)
    shape = (len(graph.species), descriptor.size(len(ELEMENTS)))
    x, y = (torch.from_numpy(rng.normal(size=shape)) for _ in range(2))
    back = torch.from_numpy(rng.normal(size=tuple(graph.vector.shape)))
    (transposed,) = torch.autograd.grad(pull(x.requires_grad_()), x, back)
    assert float((transposed * y).sum()) == pytest.approx(float((pull(y) * back).sum()), rel=1e-12)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_environments_join_as_graphs(dtype):
    parts = [*frames(), Atoms("Cu"), Atoms("HO", positions=[[0, 0, 0], [1, 0, 0]])]
    graph = graph_of(*parts)
    statistics = FEW.statistics([graph], len(ELEMENTS))
    first, *others = (FEW.environment(graph_of(a), statistics, dtype) for a in parts)
    found, expected = (e.features({}) for e in (first.joined(others), FEW.environment(graph, statistics, dtype)))
    weights = torch.linspace(-1, 2, found[0].numel(), dtype=dtype).view(found[0].shape)
    torch.testing.assert_close(found[0], expected[0], rtol=0, atol=0)
    precision = 1e-12 if dtype == torch.float64 else 1e-4
    torch.testing.assert_close(found[1](weights), expected[1](weights), rtol=precision, atol=precision)
    assert found[1](weights).dtype == dtype


def test_features_of_the_first_data_have_mean_0_and_range_1():
    statistics = FEW.statistics((graph_of(a) for a in frames()), len(ELEMENTS))
    raw = np.concatenate([plain(FEW, a) for a in frames()])
    kind = graph_of(*frames()).species.numpy()
    for k in range(len(ELEMENTS)):
        np.testing.assert_allclose(statistics["mean"][k], raw[kind == k].mean(0), atol=1e-14)
        np.testing.assert_allclose(statistics["range"][k], np.ptp(raw[kind == k], axis=0).clip(0.1), atol=1e-14)


def test_atoms_at_the_same_place_are_refused():
    good, twice = graph_of(frames()[0]), graph_of(Atoms("Cu2", positions=np.zeros((2, 3))))
    statistics = FEW.statistics([good], len(ELEMENTS))
    assert FEW.covering(statistics, [good]) is statistics
    for refused in (lambda: FEW.covering(statistics, [good, twice]), lambda: FEW.statistics([twice], len(ELEMENTS))):
        with pytest.raises(ValueError, match="two atoms of a structure lie at the same place"):
            refused()


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"cutoff": 0.0}, "cutoff=0.0"),
        ({"sel": []}, r"sel=\[\]"),
        ({"sel_radial": [-1]}, r"sel_radial=\[-1\]"),
        ({"sel": [0], "sel_radial": [0]}, "no neighbour would be seen"),
        ({"axes": [1, 1]}, r"axes=\[1, 1\]"),
    ],
)
def test_settings_that_mean_nothing_are_refused(setting, message):
    with pytest.raises(ValueError, match=message):
        replace(FEW, **setting)


@pytest.mark.parametrize(("setting", "message"), [({"sel": [1, 2]}, r"sel=\[1, 2\]"), ({"axes": [3]}, r"axes=\[3\]")])
def test_settings_for_other_numbers_of_elements_are_refused(setting, message):
    with pytest.raises(ValueError, match=message + r".*3 elements"):
        replace(FEW, **setting).size(3)
