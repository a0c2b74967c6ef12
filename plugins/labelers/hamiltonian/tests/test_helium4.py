"""Helium atoms in a box: their potential energy against ASE's, and the tail against an integral."""

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.lj import LennardJones

from eltanin_hamiltonian import Helium4
from eltanin_hamiltonian.helium4 import lennard_jones, tail
from eltanin_walkers.harmonic.system import Particles
from eltanin_walkers.systems.periodic_box import PeriodicBox
from eltanin_walkers.walkers import Walkers


def rng(seed=0):
    return np.random.default_rng(seed)


def test_potential_is_that_of_another_code():
    box = PeriodicBox(32)
    labeler, x = Helium4(box), box.start(3, rng()) + rng(1).normal(scale=0.3, size=(3, 32, 3))
    x[1] += 100.0  # outside of the box is inside
    cutoff = box.edge / 2
    for walker, found in zip(x, labeler.potential(x), strict=True):
        atoms = Atoms("He32", positions=walker, cell=np.eye(3) * box.edge, pbc=True)
        atoms.calc = LennardJones(epsilon=10.22, sigma=2.556, rc=cutoff, smooth=False)
        distances = atoms.get_all_distances(mic=True)[np.triu_indices(32, 1)]
        shift = lennard_jones(np.array(cutoff**2), 10.22, 2.556) * (distances < cutoff).sum()  # ASE's is 0 at rc
        beyond = 32 * tail(cutoff, box.density, 10.22, 2.556)
        assert found == pytest.approx(atoms.get_potential_energy() + shift + beyond, rel=1e-10)


def test_tail_is_an_integral():
    r = np.linspace(8.0, 4000.0, 4_000_000)
    integrand = 2 * np.pi * 0.0218 * r**2 * lennard_jones(r**2, 10.22, 2.556)
    assert tail(8.0, 0.0218, 10.22, 2.556) == pytest.approx(np.trapezoid(integrand, r), rel=1e-6)


def test_depth_of_the_well():
    assert lennard_jones(np.array((2 ** (1 / 6) * 2.556) ** 2), 10.22, 2.556) == pytest.approx(-10.22)


def test_many_walkers_are_taken_in_pieces(monkeypatch):
    box = PeriodicBox(32)
    x = box.start(9, rng())
    whole = Helium4(box).potential(x)
    monkeypatch.setattr("eltanin_hamiltonian.helium4.TOGETHER", 1000)
    np.testing.assert_allclose(Helium4(box).potential(x), whole, rtol=1e-13)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (lambda: Helium4(Particles()), "system=periodic_box"),
        (lambda: Helium4(PeriodicBox(32), epsilon=0.0), r"labeler\.epsilon"),
        (lambda: Helium4(PeriodicBox(32), sigma=-1.0), r"labeler\.sigma"),
        (lambda: Helium4(PeriodicBox(32)).check(Walkers(np.zeros((2, 4, 3)))), r"system\.number"),
    ],
)
def test_what_is_no_helium_is_refused(wrong, told):
    with pytest.raises(ValueError, match=told):
        wrong()
