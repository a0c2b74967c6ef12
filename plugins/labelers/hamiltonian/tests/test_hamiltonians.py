"""Hamiltonians: matrices in full, published energies, and what a wrong system is told."""

import itertools

import numpy as np
import pytest

from eltanin_hamiltonian import Coulomb, Heisenberg, TransverseFieldIsing
from eltanin_hamiltonian.heisenberg import bethe_chain_energy
from eltanin_hamiltonian.ising import exact_chain_energy
from eltanin_walkers.harmonic.system import Particles
from eltanin_walkers.systems.lattice import Lattice
from eltanin_walkers.systems.molecule import Molecule
from eltanin_walkers.walkers import Walkers

X, Y, Z = np.array([[0, 1], [1, 0]]), np.array([[0, -1j], [1j, 0]]), np.diag([1, -1])


def operator(sites, factors):
    """Return a product of one-site matrices over all sites."""
    found = np.ones((1, 1))
    for site in range(sites):
        found = np.kron(found, factors.get(site, np.eye(2)))
    return found


def matrix_of(hamiltonian, sites):
    """Return the matrix that the labels say, in the basis of all spins, +1 first."""
    s = np.array(list(itertools.product([1.0, -1.0], repeat=sites)))
    labels = hamiltonian.label(Walkers(s[..., None]), frozenset(), np.random.default_rng()).values.values
    matrix = np.diag(labels["potential"])
    columns = ((1 - labels["connected"][..., 0]) / 2 @ (1 << np.arange(sites)[::-1])).astype(int)
    for row, (column, elements) in enumerate(zip(columns, labels["elements"], strict=True)):
        np.add.at(matrix[row], column, elements)
    return matrix


LATTICES = [Lattice((6,)), Lattice((5,), periodic=False), Lattice((3, 3))]


@pytest.mark.parametrize("lattice", LATTICES)
def test_ising_matrix(lattice):
    n = lattice.sites
    expected = -0.7 * sum(operator(n, {a: Z, b: Z}) for a, b in lattice.bonds)
    expected = expected - 1.3 * sum(operator(n, {a: X}) for a in range(n))
    np.testing.assert_allclose(matrix_of(TransverseFieldIsing(lattice, 0.7, 1.3), n), expected, atol=1e-14)


@pytest.mark.parametrize("lattice", LATTICES)
def test_heisenberg_matrix(lattice):
    n = lattice.sites
    expected = 1.1 / 4 * sum(operator(n, {a: s, b: s}) for a, b in lattice.bonds for s in (X, Y, Z))
    np.testing.assert_allclose(matrix_of(Heisenberg(lattice, 1.1, turned=False), n), expected, atol=1e-14)


def test_turned_spins_have_the_same_energies_and_no_positive_element():
    lattice = Lattice((6,))
    turned, plain = (matrix_of(Heisenberg(lattice, turned=t), 6) for t in (True, False))
    np.testing.assert_allclose(np.linalg.eigvalsh(turned), np.linalg.eigvalsh(plain), atol=1e-12)
    assert (turned - np.diag(np.diag(turned))).max() == 0


@pytest.mark.parametrize("field", [0.5, 1.0, 2.0])
def test_exact_energy_of_the_ising_chain_is_the_lowest_eigenvalue(field):
    hamiltonian = TransverseFieldIsing(Lattice((8,)), field=field)
    assert hamiltonian.exact_energy() == pytest.approx(np.linalg.eigvalsh(matrix_of(hamiltonian, 8))[0], rel=1e-12)


def test_exact_energies_of_long_chains():
    assert exact_chain_energy(80, 1, 1) == pytest.approx(-2 / np.sin(np.pi / 160), rel=1e-12)
    assert exact_chain_energy(10_000, 1, 1) / 10_000 == pytest.approx(-4 / np.pi, rel=1e-7)
    # exact diagonalisation of 4, 6 and 10 sites; the infinite chain has 1/4 - log 2 (Hulthén 1938)
    for sites, energy in ((4, -2.0), (6, -2.8027756377), (10, -4.5154463545)):
        assert bethe_chain_energy(sites) == pytest.approx(energy, abs=1e-10)
    assert Heisenberg(Lattice((8,)), 2.0).exact_energy() == pytest.approx(
        np.linalg.eigvalsh(matrix_of(Heisenberg(Lattice((8,)), 2.0), 8))[0], rel=1e-11
    )
    assert bethe_chain_energy(100) / 100 == pytest.approx(0.25 - np.log(2), rel=1e-3)


@pytest.mark.parametrize(
    "hamiltonian",
    [
        TransverseFieldIsing(Lattice((3, 3))),
        TransverseFieldIsing(Lattice((5,))),
        TransverseFieldIsing(Lattice((6,), periodic=False)),
        Heisenberg(Lattice((4, 4))),
        Heisenberg(Lattice((6,)), coupling=-1.0),
    ],
)
def test_an_energy_that_is_not_known_is_not_told(hamiltonian):
    assert hamiltonian.exact_energy() is None


def test_coulomb_energy_by_hand():
    water_like = Molecule("O 0 0 0; H 0 0 1.8; H 0 1.7 -0.4")
    rng = np.random.default_rng(0)
    x = water_like.start(3, rng)
    nuclei, charges = water_like.geometry.positions, water_like.geometry.charges
    expected = np.zeros(3)
    for walker, electrons in enumerate(x):
        everything = [(1.0, -1, e) for e in electrons] + [(1.0, z, r) for z, r in zip(charges, nuclei, strict=True)]
        for (_, q, r), (_, p, s) in itertools.combinations(everything, 2):
            expected[walker] += q * p / np.linalg.norm(r - s)
    np.testing.assert_allclose(Coulomb(water_like).potential(x), expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (lambda: Coulomb(Particles()), "system=molecule"),
        (lambda: TransverseFieldIsing(Particles()), "system=lattice"),
        (lambda: Heisenberg(Molecule()), "system=lattice"),
        (lambda: TransverseFieldIsing(Lattice((4,), magnetization=0)), "magnetization"),
        (lambda: Heisenberg(Lattice((5,))), "sublattices"),
        (lambda: Coulomb(Molecule()).check(Walkers(np.zeros((2, 3, 3)))), r"system\.atoms"),
    ],
)
def test_a_system_that_does_not_fit_is_refused(wrong, told):
    with pytest.raises(ValueError, match=told):
        wrong()
