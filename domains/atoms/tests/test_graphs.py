"""Neighbour graphs hold every pair within the cutoff, once, whatever the cell."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk
from hypothesis import given, settings
from hypothesis import strategies as st

from eltanin_atoms.graphs import Graph, neighbour_graph
from eltanin_atoms.structures import Structures

CUTOFF = 4.0


def brute_force(atoms: Atoms, cutoff: float) -> set[tuple]:
    """All (centre, neighbour, shift) by going through all images."""
    cell, found = atoms.cell.array, set()
    volume = abs(np.linalg.det(atoms.cell.complete().array))
    spread = np.ptp(atoms.positions, axis=0).sum() if len(atoms) else 0.0
    heights = [volume / np.linalg.norm(np.cross(*np.delete(atoms.cell.complete().array, k, axis=0))) for k in range(3)]
    ranges = [
        range(-n, n + 1) if p else range(1)
        for p, n in zip(atoms.pbc, (int((cutoff + spread) / h) + 1 for h in heights), strict=True)
    ]
    for shift in itertools.product(*ranges):
        for i, j in itertools.product(range(len(atoms)), repeat=2):
            d = np.linalg.norm(atoms.positions[j] - atoms.positions[i] + np.array(shift) @ cell)
            if d < cutoff and (i != j or any(shift)):
                found.add((i, j, *shift))
    return found


def graph_of(*frames: Atoms, elements=("Cu", "Na", "Cl")) -> Graph:
    return neighbour_graph(Structures.from_ase(frames), CUTOFF, elements)


def edges(graph: Graph) -> list[tuple]:
    columns = [graph.centre[:, None], graph.neighbour[:, None], graph.shift]
    return [tuple(row) for row in torch.cat(columns, dim=1).tolist()]


def rattled(atoms: Atoms) -> Atoms:
    atoms.rattle(0.1, seed=3)
    return atoms


FRAMES = {
    "crystal": rattled(bulk("Cu", cubic=True)),
    "cell-smaller-than-the-cutoff": rattled(bulk("Cu")),
    "single-atom-cell-much-smaller": Atoms("Cu", cell=np.diag([1.7, 2.0, 2.3]), pbc=True),
    "skewed": Atoms(
        "NaCl", positions=[[0, 0, 0], [1.1, 0.9, 1.6]], cell=[[3, 0, 0], [2.4, 2, 0], [1, -1.5, 3]], pbc=True
    ),
    "slab": Atoms("Cu3", positions=np.eye(3) * 2, cell=[3, 3.5, 0], pbc=[True, True, False]),
    "slab-with-a-vector": Atoms("Cu3", positions=np.eye(3) * 2, cell=[3, 3.5, 30], pbc=[True, True, False]),
    "wire": Atoms(
        "Cu2", positions=[[0, 0, 0], [1.0, 2.0, 1.0]], cell=[[1, 0, 2], [0] * 3, [0] * 3], pbc=[True, False, False]
    ),
    "cluster": rattled(Atoms("Cu4", positions=np.random.default_rng(0).uniform(0, 4, (4, 3)))),
    "outside-of-the-cell": Atoms("Cu2", positions=[[-9.0, 20.0, 3.0], [4.0, 1.0, -30.0]], cell=[3, 3.2, 3.4], pbc=True),
}


@pytest.mark.parametrize("atoms", FRAMES.values(), ids=FRAMES)
def test_pairs_are_those_of_all_images(atoms):
    found = edges(graph_of(atoms))
    assert len(found) == len(set(found))
    assert set(found) == brute_force(atoms, CUTOFF)


@pytest.mark.parametrize("atoms", FRAMES.values(), ids=FRAMES)
def test_vectors_lead_from_the_centre_to_the_image(atoms):
    graph = graph_of(atoms)
    x, cell = torch.from_numpy(atoms.positions), torch.from_numpy(atoms.cell.array)
    expected = x[graph.neighbour] - x[graph.centre] + graph.shift.double() @ cell
    torch.testing.assert_close(graph.vector, expected, rtol=0, atol=1e-12)


def test_structures_of_a_batch_do_not_know_of_each_other():
    frames = [*FRAMES.values(), Atoms("Cu"), Atoms()]
    graph = graph_of(*frames)
    assert graph.structures == len(frames)
    assert len(graph.species) == sum(map(len, frames))
    assert torch.equal(graph.structure[graph.centre], graph.structure[graph.neighbour])
    parts = [graph_of(atoms) for atoms in frames]
    for name in ("species", "structure", "centre", "neighbour", "vector", "shift"):
        assert torch.equal(getattr(Graph.joined(parts), name), getattr(graph, name))


def test_isolated_atoms_and_empty_batches_have_no_pairs():
    alone = graph_of(Atoms("CuNa", positions=[[0, 0, 0], [9, 0, 0]]), Atoms("Cl"), Atoms())
    assert len(alone.centre) == 0
    assert alone.species.tolist() == [0, 1, 2]
    assert alone.neighbours.tolist() == [0, 0, 0]
    none = neighbour_graph(Structures.from_ase([Atoms("Cu")])[:0], CUTOFF, ["Cu"])
    assert (none.structures, len(none.species), len(none.centre)) == (0, 0, 0)


@pytest.mark.parametrize("pbc", [[True, True, False], [True, False, False], [False, False, False]])
def test_fragments_of_an_explosion_are_found_at_any_distance(pbc):
    cell = np.diag([3.0, 3.3, 0.0]) * np.array(pbc)[:, None]
    positions = np.array([[0, 0, 0], [0.5, 0.4, 2.0], [1.0, 0.2, 1e5], [0.1, 1.0, 1e5 + 1.5], [0, 0, -1e12]])
    far = graph_of(Atoms("Cu5", positions=positions, cell=cell, pbc=pbc))
    positions[2:4, 2] -= 1e5 - 20
    positions[4, 2] = -20
    near = graph_of(Atoms("Cu5", positions=positions, cell=cell, pbc=pbc))
    assert sorted(edges(far)) == sorted(edges(near))
    lengths = [torch.sort(torch.linalg.vector_norm(g.vector, dim=1)).values for g in (far, near)]
    torch.testing.assert_close(*lengths, rtol=0, atol=1e-9)


def test_an_element_that_is_not_asked_for_is_refused_by_name():
    with pytest.raises(ValueError, match="Cl: the model was set up for Cu, Na alone"):
        graph_of(FRAMES["skewed"], elements=("Cu", "Na"))


def test_forces_and_virials_are_derivatives_of_a_sum_over_pairs():
    atoms, rng = FRAMES["crystal"], np.random.default_rng(5)
    graph = graph_of(atoms, FRAMES["cluster"])
    vector = graph.vector.requires_grad_()
    energy = ((CUTOFF**2 - (vector**2).sum(1)) ** 3).sum()
    (gradient,) = torch.autograd.grad(energy, vector)
    graph = graph_of(atoms, FRAMES["cluster"])

    def energy_of(first: Atoms) -> float:
        g = graph_of(first, FRAMES["cluster"])
        return float(((CUTOFF**2 - (g.vector**2).sum(1)) ** 3).sum())

    direction, strain, h = rng.normal(size=(len(atoms), 3)), rng.normal(size=(3, 3)), 1e-5

    def shifted(t: float) -> Atoms:
        return Atoms(atoms.symbols, positions=atoms.positions + t * direction, cell=atoms.cell, pbc=True)

    def strained(t: float) -> Atoms:
        turn = np.eye(3) + t * strain
        return Atoms(atoms.symbols, positions=atoms.positions @ turn, cell=atoms.cell @ turn, pbc=True)

    slopes = [(energy_of(change(h)) - energy_of(change(-h))) / (2 * h) for change in (shifted, strained)]
    forces, virials = graph.forces(gradient), graph.virials(gradient)
    work = -(forces[: len(atoms)].numpy() * direction).sum(), -(virials[0].numpy() * strain).sum()
    np.testing.assert_allclose(work, slopes, rtol=1e-7)
    torch.testing.assert_close(graph_of(atoms).virials(gradient[: len(graph_of(atoms).centre)]), virials[:1])


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 6), st.lists(st.booleans(), min_size=3, max_size=3))
def test_pairs_of_random_structures(seed, n, pbc):
    rng = np.random.default_rng(seed)
    cell = np.diag(rng.uniform(2.0, 6.0, 3)) + rng.uniform(-0.8, 0.8, (3, 3))
    atoms = Atoms(f"Cu{n}", positions=rng.uniform(-3, 8, (n, 3)), cell=cell, pbc=pbc)
    assert set(edges(graph_of(atoms))) == brute_force(atoms, CUTOFF)
