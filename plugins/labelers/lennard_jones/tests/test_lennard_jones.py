"""Lennard-Jones labels against what is known of them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, fcc111
from ase.calculators.lj import LennardJones as AseLennardJones
from scipy.integrate import quad

from eltanin.batch import Ragged
from eltanin_atoms.conformance.labelers import LabelerConformance, ask, energies
from eltanin_atoms.structures import Structures
from eltanin_lennard_jones import LennardJones
from eltanin_lennard_jones.kernels import potential, switch

EPSILON, SIGMA = 0.0104, 3.405


def rattled(atoms: Atoms, seed: int, by: float = 0.12) -> Atoms:
    rng = np.random.default_rng(seed)
    atoms.positions += rng.normal(scale=by, size=atoms.positions.shape)
    atoms.set_cell(atoms.cell.array @ (np.eye(3) + rng.normal(scale=0.02, size=(3, 3))), scale_atoms=True)
    return atoms


def icosahedron(radius: float) -> Atoms:
    golden = (1 + 5**0.5) / 2
    corners = [(0, a, b * golden) for a in (-1, 1) for b in (-1, 1)]
    points = np.array([np.roll(corner, turn) for corner in corners for turn in range(3)])
    return Atoms("Ar13", np.vstack([np.zeros(3), points / np.linalg.norm(points[0]) * radius]))


class TestConformance(LabelerConformance):
    @pytest.fixture
    def labeler(self):
        return LennardJones(others={"Kr": [0.0141, 3.65]})

    @pytest.fixture
    def structures(self):
        mixed = rattled(bulk("Ar", "fcc", a=5.4, cubic=True), 1)
        mixed.symbols[[1, 3]] = "Kr"
        slab = rattled(fcc111("Ar", (2, 2, 3), a=5.3, vacuum=6.0), 2)
        slab.pbc = (True, True, False)
        return Structures.from_ase(
            [
                rattled(bulk("Ar", "fcc", a=5.26, cubic=True), 0),
                mixed,
                rattled(bulk("Ar", "hcp", a=3.7), 3),  # two atoms, far smaller than the cutoff
                slab,
                rattled(icosahedron(3.6), 4),
            ]
        )

    def test_the_suite_notices_a_wrong_sign_and_a_wrong_unit(self, labeler, structures):
        for factor in (-1.0, 27.211386, 1 + 1e-5):
            mutant = Mutant(labeler, factor)
            with pytest.raises(AssertionError):
                self.test_forces_are_minus_the_gradient(mutant, structures)
            with pytest.raises(AssertionError):
                self.test_the_virial_is_the_strain_derivative(mutant, structures)


@dataclass(frozen=True)
class Mutant:
    """A labeler whose forces and virials are off by a factor."""

    honest: LennardJones
    factor: float

    def label(self, x, wanted, rng):
        labels = self.honest.label(x, wanted, rng)
        values = dict(labels.values.values)
        if "forces" in values:
            values["forces"] = Ragged(values["forces"].values * self.factor, values["forces"].counts)
            values["virial"] = values["virial"] * self.factor
        return replace(labels, values=replace(labels.values, values=values))


def test_two_atoms_have_their_minimum_at_two_to_the_sixth_sigma():
    r = np.array([2 ** (1 / 6) * SIGMA, SIGMA, 2 * SIGMA])
    labels = ask(LennardJones(), Structures.from_ase([Atoms("Ar2", [[0, 0, 0], [0, 0, d]]) for d in r]))
    energy = labels.values.values["energy"]
    np.testing.assert_allclose(energy / EPSILON, [-1, 0, 4 * (2**-12 - 2**-6)], atol=1e-13)
    forces = labels.values.values["forces"].rows()
    np.testing.assert_allclose(forces[0], 0, atol=1e-15)
    # phi'(sigma) = -24 eps / sigma: the atoms push each other away.
    np.testing.assert_allclose(forces[1][:, 2], [-24 * EPSILON / SIGMA, 24 * EPSILON / SIGMA])


def test_the_fcc_crystal_has_the_published_lattice_sums():
    """E / N = 2 eps [A12 (sigma/d)^12 - A6 (sigma/d)^6], A6 = 14.45392, A12 = 12.13188 (Kittel)."""
    far = LennardJones(switch=48.0, cutoff=50.0)
    d = np.array([1.0, 1.0902, 1.3]) * SIGMA  # nearest neighbours; the middle one is the equilibrium
    found = energies(far, Structures.from_ase([bulk("Ar", "fcc", a=2**0.5 * distance) for distance in d]))
    per_volume = 2**0.5 / d**3

    def lost(r):
        s, _ = switch(np.array([r]), far.switch, far.cutoff)
        phi, _ = potential(np.array([r]), np.array(EPSILON), np.array(SIGMA), 1e6, 2e6)
        return 2 * np.pi * r**2 * float(phi[0] * (1 - s[0]))

    tail = per_volume * (quad(lost, far.switch, far.cutoff)[0] + quad(lost, far.cutoff, 1e5, limit=500)[0])
    x = (SIGMA / d) ** 6
    published = 2 * EPSILON * (12.13188 * x**2 - 14.45392 * x)
    np.testing.assert_allclose(found + tail, published, rtol=3e-6)


def test_thirteen_atoms_have_the_published_energy():
    """The icosahedron's minimum is -44.326801 eps (Wales and Doye, J. Phys. Chem. A 101, 5111 (1997))."""
    wide = LennardJones(switch=80.0, cutoff=90.0)
    # Scaling by s turns the energy into A s^-12 - B s^-6, whose minimum is -B^2 / 4 A.
    e1, e2 = energies(wide, Structures.from_ase([icosahedron(3.7), icosahedron(7.4)]))
    a, b = np.linalg.solve([[1, -1], [2.0**-12, -(2.0**-6)]], [e1, e2])
    assert -(b**2) / (4 * a) / EPSILON == pytest.approx(-44.326801, abs=1e-6)


def test_it_agrees_with_ase_where_nothing_is_switched():
    """ASE's calculator cuts sharply and shifts; within both ranges forces and virials are the same."""
    atoms = rattled(bulk("Ar", "fcc", a=5.26, cubic=True) * (2, 2, 2), 5)
    atoms.pbc, cluster = False, atoms
    cluster.calc = AseLennardJones(epsilon=EPSILON, sigma=SIGMA, rc=1000.0)
    ours = ask(LennardJones(switch=50.0, cutoff=60.0), Structures.from_ase([cluster])).values.values
    assert ours["energy"][0] == pytest.approx(cluster.get_potential_energy(), rel=1e-12)
    np.testing.assert_allclose(ours["forces"].values, cluster.get_forces(), atol=1e-12)


def test_it_agrees_with_ase_for_a_crystal_that_is_cut_between_shells():
    """No pair of the crystal lies in ASE's jump or in our switch, so that only the shift differs."""
    atoms = bulk("Ar", "fcc", a=5.26, cubic=True)
    shells = 5.26 * np.sqrt(np.arange(1, 9) / 2)
    low, high = shells[4], shells[5]
    cut = 0.5 * (low + high)
    atoms.calc = AseLennardJones(epsilon=EPSILON, sigma=SIGMA, rc=cut)
    ours = ask(LennardJones(switch=low + 0.1, cutoff=high - 0.1), Structures.from_ase([atoms])).values.values
    pairs = 4 * (12 + 6 + 24 + 12 + 24) / 2
    shift = 4 * EPSILON * ((SIGMA / cut) ** 12 - (SIGMA / cut) ** 6)
    assert ours["energy"][0] == pytest.approx(atoms.get_potential_energy() + pairs * shift, rel=1e-12)
    stress = -ours["virial"][0] / atoms.get_volume()
    np.testing.assert_allclose(stress, atoms.get_stress(voigt=False), atol=1e-14)


def test_the_switch_is_twice_continuously_differentiable():
    ends, h = np.array([7.5, 8.5]), 1e-4
    value, slope = switch(ends, 7.5, 8.5)
    np.testing.assert_allclose(value, [1, 0], atol=1e-15)
    np.testing.assert_allclose(slope, 0, atol=1e-15)
    around = switch(ends[:, None] + np.array([-h, h]), 7.5, 8.5)[1]
    curvature = (around[:, 1] - around[:, 0]) / (2 * h)
    np.testing.assert_allclose(curvature, 0, atol=60 * h)  # one side is zero, the other 60 h


def test_unlike_atoms_mix_by_lorentz_and_berthelot():
    labeler = LennardJones(others={"Kr": [0.0141, 3.65]})
    bottom = 2 ** (1 / 6) * (3.405 + 3.65) / 2
    pair = Structures.from_ase([Atoms("ArKr", [[0, 0, 0], [bottom, 0, 0]])])
    assert energies(labeler, pair)[0] == pytest.approx(-((0.0104 * 0.0141) ** 0.5), rel=1e-12)


def test_beyond_the_cutoff_there_is_nothing():
    labels = ask(LennardJones(), Structures.from_ase([Atoms("Ar2", [[0, 0, 0], [0, 0, 8.5]])]))
    assert labels.values.values["energy"][0] == 0
    assert not labels.values.values["forces"].values.any()


def test_elements_without_parameters_are_refused_before_work():
    copper = Structures.from_ase([bulk("Cu")])
    with pytest.raises(ValueError, match=r"Cu has no Lennard-Jones parameters.*Ar.*others=\{Cu:"):
        LennardJones().check(copper)
    assert ask(LennardJones(), copper).failures[0].kind == "unknown"
    LennardJones(others={"Cu": [0.4, 2.3]}).check(copper)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"epsilon": -1.0}, "positive"),
        ({"sigma": float("nan")}, "positive"),
        ({"switch": 9.0}, "0 < switch < cutoff"),
        ({"element": "Arr"}, "chemical symbol"),
        ({"others": {"Kr": [0.01]}}, "epsilon"),
        ({"others": {"Ar": [0.01, 3.0]}}, "give it once"),
    ],
)
def test_settings_are_checked(settings, says):
    with pytest.raises(ValueError, match=says):
        LennardJones(**settings)
