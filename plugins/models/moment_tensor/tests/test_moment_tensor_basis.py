"""The basis: how many contractions there are, that they are invariant, and their values written out."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch
from ase import Atoms
from numpy.polynomial.chebyshev import chebval

from eltanin_atoms.conformance.labelers import rotation
from eltanin_atoms.graphs import neighbour_graph
from eltanin_atoms.structures import Structures
from eltanin_moment_tensor.basis import Functions
from eltanin_moment_tensor.contractions import basis
from eltanin_moment_tensor.rows import of_derivatives, of_energies

# alpha_scalar_moments of the files that MLIP ships for each level, untrained_mtps/02.mtp to 18.mtp.
PUBLISHED = {2: 1, 4: 2, 6: 5, 8: 9, 10: 16, 12: 29, 14: 52, 16: 92, 18: 163}
ELEMENTS = ["Cl", "Na"]


@pytest.mark.parametrize("level", PUBLISHED)
def test_there_are_as_many_contractions_as_mlip_has(level):
    assert len(basis(level, 0, 1).products) == PUBLISHED[level]


def test_pair_functions_are_there_at_any_level():
    found = basis(2, 6, 2)
    assert len(found.products) == 12
    assert {s.channels[0] for s in found.scalars} == {(mu, kind) for mu in range(6) for kind in range(2)}


def cluster(seed: int = 0, atoms: int = 7) -> Atoms:
    rng = np.random.default_rng(seed)
    return Atoms(
        ["Na", "Na", "Cl"] * 2 + ["Na"] if atoms == 7 else f"Na{atoms}", positions=rng.uniform(0, 4, (atoms, 3))
    )


def values(atoms: Atoms, functions: Functions, elements=ELEMENTS) -> np.ndarray:
    return functions.values(neighbour_graph(Structures.from_ase([atoms]), functions.cutoff, elements)).numpy()


@pytest.mark.parametrize("mirrored", [False, True])
def test_functions_are_invariant_under_rotations_reflections_and_permutations(mirrored):
    functions, atoms = Functions(16, 4, 2, 1.0, 5.0), cluster()
    q = rotation(np.random.default_rng(3)) * (-1 if mirrored else 1)
    order = np.random.default_rng(4).permutation(len(atoms))
    before = values(atoms, functions)
    moved = atoms[order]
    moved.positions = moved.positions @ q.T + [3.0, -2.0, 11.0]
    np.testing.assert_allclose(values(moved, functions), before[order], rtol=1e-10, atol=1e-12 * np.abs(before).max())


def test_functions_are_independent():
    """No function of a level is a combination of the others: the rank of many neighbourhoods is full."""
    functions = Functions(10, 3, 1, 1.0, 5.0)
    rows = np.concatenate([values(cluster(seed, 12), functions, ["Na"]) for seed in range(12)])
    scaled = rows / np.linalg.norm(rows, axis=0)
    assert np.linalg.matrix_rank(scaled, tol=1e-9) == functions.size == 1 + 16


def test_contractions_are_those_of_the_definition():
    """Moments by loops over neighbours, contractions by loops over indices: M, M·M, M:M and M·M:M."""
    functions, atoms = Functions(10, 0, 1, 1.2, 5.0), cluster(2, 9)
    found = values(atoms, functions, ["Na"])
    moment = {(v, mu): [tensor(atoms, i, v, mu, 1.2, 5.0) for i in range(9)] for v in range(4) for mu in range(3)}
    written = {
        "M00": lambda i: moment[0, 0][i],
        "M10": lambda i: moment[0, 1][i],
        "M20": lambda i: moment[0, 2][i],
        "M01.M01": lambda i: moment[1, 0][i] @ moment[1, 0][i],
        "M01.M11": lambda i: moment[1, 0][i] @ moment[1, 1][i],
        "M02:M02": lambda i: (moment[2, 0][i] ** 2).sum(),
        "M03:M03": lambda i: (moment[3, 0][i] ** 2).sum(),
        "M01.M02.M01": lambda i: moment[1, 0][i] @ moment[2, 0][i] @ moment[1, 0][i],
        "M00 M02:M02": lambda i: moment[0, 0][i] * (moment[2, 0][i] ** 2).sum(),
        "M00^4": lambda i: moment[0, 0][i] ** 4,
    }
    for name, value in written.items():
        column = np.array([value(i) for i in range(9)])
        distance = np.abs(found - column[:, None]).max(axis=0) / np.abs(column).max()
        assert np.sum(distance < 1e-12) == 1, name


def tensor(atoms: Atoms, i: int, order: int, mu: int, closest: float, cutoff: float) -> np.ndarray:
    total = np.zeros([3] * order)
    for j in range(len(atoms)):
        vector = atoms.positions[j] - atoms.positions[i]
        r = np.linalg.norm(vector)
        if 0 < r < cutoff:
            f = chebval((2 * r - closest - cutoff) / (cutoff - closest), [0] * mu + [1]) * (1 - r / cutoff) ** 3
            for index in product(range(3), repeat=order):
                total[index] += f * np.prod([vector[a] / r for a in index])
    return total


def test_rows_are_the_derivatives_of_the_functions():
    """Against torch's own derivative of Σ_i b(i)·θ, for θ at random."""
    functions = Functions(12, 5, 2, 1.0, 4.0)
    frames = [cluster(), Atoms("NaCl", positions=[[0, 0, 0], [1.9, 0.2, 0.4]], cell=np.eye(3) * 3.1 + 0.2, pbc=True)]
    graph = neighbour_graph(Structures.from_ase(frames), 4.0, ELEMENTS)
    theta = torch.from_numpy(np.random.default_rng(0).normal(size=(2, functions.size)))
    vector = graph.vector.clone().requires_grad_()
    energy = (functions.values(graph, vector) * theta[graph.species]).sum()
    (gradient,) = torch.autograd.grad(energy, vector)
    forces, virials = of_derivatives(functions, graph)
    torch.testing.assert_close(forces @ theta.ravel(), graph.forces(gradient), rtol=1e-11, atol=1e-11)
    torch.testing.assert_close(virials @ theta.ravel(), graph.virials(gradient), rtol=1e-11, atol=1e-11)
    torch.testing.assert_close((of_energies(functions, graph) @ theta.ravel()).sum(), energy.detach())
