"""Molecules: labels are PySCF's own numbers in other units, and derivatives of one energy."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms, units
from ase.build import molecule

from eltanin.execution import Processes
from eltanin.labelling.answer import ask as ask_once
from eltanin_atoms.conformance.labelers import STENCIL, WEIGHTS, LabelerConformance, ask, energies
from eltanin_atoms.structures import Structures
from eltanin_pyscf_dft import PyscfMolecule
from eltanin_pyscf_dft.molecules import molecule_of
from eltanin_pyscf_dft.perturbed import in_field

SPEC = importlib.util.spec_from_file_location("direct", Path(__file__).with_name("direct.py"))
direct = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(direct)
ALL = ("energy", "forces", "dipole", "polarizability")
HARTREE, BOHR, DEBYE = units.Hartree, units.Bohr, units.Debye
TIGHT = {"conv_tol": 1e-12, "atomic_energies": False}


def water(seed: int = 0, by: float = 0.08) -> Atoms:
    atoms = molecule("H2O")
    atoms.positions += np.random.default_rng(seed).normal(scale=by, size=(3, 3))
    return atoms


def one(atoms: Atoms) -> Structures:
    return Structures.from_ase([atoms])


class TestHartreeFockConformance(LabelerConformance):
    has_virial = False
    has_small_cells = False
    derivative_tolerance = 1e-6
    symmetry_tolerance = 1e-8

    @pytest.fixture
    def labeler(self):
        return PyscfMolecule(method="HF", basis="sto-3g", conv_tol=1e-13, atomic_energies=False)

    @pytest.fixture
    def structures(self):
        return Structures.from_ase(
            [Atoms("H2", [[0, 0, 0], [0.1, 0.2, 0.9]]), water(1), Atoms("OH", [[0, 0, 0], [0, 0.3, 1.0]])]
        )


@pytest.mark.slow
class TestKohnShamConformance(LabelerConformance):
    """The points of a grid keep their directions when a molecule turns: so energies change by a little."""

    has_virial = False
    has_small_cells = False
    invariant_under_rotation = False
    derivative_tolerance = 1e-6
    symmetry_tolerance = 1e-8

    @pytest.fixture
    def labeler(self):
        return PyscfMolecule(basis="sto-3g", grid=1, conv_tol=1e-12, atomic_energies=False)

    @pytest.fixture
    def structures(self):
        return Structures.from_ase([Atoms("H2", [[0, 0, 0], [0.1, 0.2, 0.9]]), water(1)])


@pytest.mark.parametrize(
    ("settings", "by_hand"),
    [
        ({"method": "KS", "xc": "pbe"}, {"method": "R", "xc": "pbe", "grid": 3}),
        (
            {"method": "UKS", "xc": "b3lyp", "grid": 1, "charge": 1},
            {"method": "U", "xc": "b3lyp", "grid": 1, "charge": 1, "spin": 1},
        ),
        ({"method": "RHF"}, {"method": "R"}),
        ({"method": "MP2"}, {"method": "MP2"}),
    ],
)  # fmt: skip
def test_a_label_is_what_pyscf_says(settings, by_hand):
    atoms = water(2)
    labels = ask(PyscfMolecule(basis="def2-svp", **TIGHT, **settings), one(atoms), "energy", "forces", "dipole")
    assert not labels.failures
    energy, gradient, dipole = direct.calculate(
        list(atoms.symbols), atoms.positions.tolist(), basis="def2-svp", **by_hand
    )
    values = labels.values.values
    assert values["energy"][0] == pytest.approx(energy * HARTREE, abs=2e-5)  # PySCF has another bohr, in the 10th digit
    np.testing.assert_allclose(values["forces"].values, -np.array(gradient) * HARTREE / BOHR, atol=2e-5)
    if settings == {"method": "KS", "xc": "pbe"}:  # neutral, and of the density
        np.testing.assert_allclose(values["dipole"][0], np.array(dipole) * DEBYE, atol=2e-5)


@pytest.mark.parametrize("dispersion", ["d3bj", "d4"])
def test_dispersion_is_added_and_differentiated(dispersion):
    pytest.importorskip("pyscf.dispersion")
    atoms = Atoms("He2", [[0, 0, 0], [0, 0, 3.0]])
    settings = {"xc": "pbe", "basis": "sto-3g", "grid": 1, **TIGHT}
    without, with_it = (
        ask(PyscfMolecule(dispersion=d, **settings), one(atoms), "energy", "forces") for d in (None, dispersion)
    )
    energy, gradient, _ = direct.calculate(
        ["He", "He"], atoms.positions.tolist(), "R", "sto-3g", "pbe", 1, disp=dispersion
    )
    gain = with_it.values.values["energy"][0] - without.values.values["energy"][0]
    assert -0.01 < gain < -1e-4
    assert with_it.values.values["energy"][0] == pytest.approx(energy * HARTREE, abs=1e-5)
    np.testing.assert_allclose(with_it.values.values["forces"].values, -np.array(gradient) * HARTREE / BOHR, atol=1e-5)


def slope(labeler, atoms, direction, step=2e-3):
    points = []
    for s in STENCIL:
        moved = atoms.copy()
        moved.positions += s * step * direction
        points.append(moved)
    return float(WEIGHTS @ energies(labeler, Structures.from_ase(points))) / step


def test_forces_are_derivatives_with_the_response_of_the_grid_and_nearly_without():
    """On a grid of level 1 they are off by up to 1e-2 eV/Å where the response is left out, and add up to no zero."""
    atoms = water(3)
    direction = np.random.default_rng(0).normal(size=(3, 3))
    direction /= np.linalg.norm(direction)
    exact, left_out = (
        ask(PyscfMolecule(grid=1, grid_response=response, **TIGHT), one(atoms)).values.values["forces"].values
        for response in (True, False)
    )
    found = -slope(PyscfMolecule(grid=1, **TIGHT), atoms, direction)
    assert abs(float((exact * direction).sum()) - found) < 1e-5
    assert np.abs(exact.sum(axis=0)).max() < 1e-8
    assert 1e-3 < np.abs(left_out - exact).max() < 0.1
    assert np.abs(left_out.sum(axis=0)).max() > 1e-3


def test_forces_of_an_open_shell_and_of_perturbation_theory_are_derivatives():
    direction = np.random.default_rng(1).normal(size=(3, 3))
    direction /= np.linalg.norm(direction)
    for settings in ({"method": "MP2", "basis": "sto-3g"}, {"grid": 1, "basis": "sto-3g", "charge": 1}):
        labeler = PyscfMolecule(**TIGHT, **settings)
        found = -slope(labeler, water(4), direction)
        said = ask(labeler, one(water(4))).values.values["forces"].values
        assert abs(float((said * direction).sum()) - found) < 1e-5


@pytest.mark.parametrize("method", ["HF", "UHF", "KS"])
def test_dipole_and_polarisability_are_derivatives_in_a_field(method):
    """mu = -dE/dF and alpha = -d²E/dF², by differences of fourth order of energies, with fields of 0.002 a.u."""
    labeler = PyscfMolecule(method=method, basis="6-31g", grid=1, **TIGHT)
    x = one(water(5))
    mol = molecule_of(x, labeler, None)
    mol.verbose = 0
    values = ask(labeler, x, *ALL).values.values
    axis = np.array([0.6, 0.0, 0.8])
    step = 2e-3
    found = {}
    for s in (-2, -1, 0, 1, 2):
        field = in_field(lambda: labeler.mean_field(mol, 1.0), s * step * axis)()
        found[s] = field.kernel()
        assert field.converged
    first = (found[-2] - 8 * found[-1] + 8 * found[1] - found[2]) / (12 * step)
    second = (-found[-2] + 16 * found[-1] - 30 * found[0] + 16 * found[1] - found[2]) / (12 * step**2)
    assert values["dipole"][0] @ axis == pytest.approx(-first * BOHR, abs=1e-6)
    assert axis @ values["polarizability"][0] @ axis == pytest.approx(-second * BOHR**3, abs=1e-4)


def test_the_dipole_of_perturbation_theory_turns_and_is_near_that_of_its_field():
    settings = {"basis": "sto-3g", **TIGHT}
    x = one(water(6))
    of_mp2, of_hf = (
        ask(PyscfMolecule(method=method, **settings), x, "dipole").values.values["dipole"][0]
        for method in ("MP2", "HF")
    )
    assert 1e-3 < np.linalg.norm(of_mp2 - of_hf) < 0.1
    said = ask(PyscfMolecule(method="MP2", **settings), x, "dipole", "polarizability")
    assert said.values.has("dipole").all()
    assert not said.values.has("polarizability").any()


def test_the_dipole_of_an_ion_is_about_its_centre_of_charge():
    labeler = PyscfMolecule(method="HF", basis="sto-3g", **TIGHT)
    ion = Atoms("OH", [[0, 0, 0], [0, 0, 0.97]], info={"charge": -1.0})
    away = ion.copy()
    away.positions += [3.0, -2.0, 7.0]
    here, there = (ask(labeler, one(a), "dipole").values.values["dipole"][0] for a in (ion, away))
    np.testing.assert_allclose(here, there, atol=1e-6)
    assert abs(here[2]) > 0.05


def test_charge_and_spin_come_from_the_structure_or_from_the_settings():
    """Two ways to say the same, and one label."""
    quick = {"method": "HF", "basis": "sto-3g", **TIGHT}
    told = molecule("O2")
    told.info["spin"] = 2
    (by_structure,), (by_setting,) = (
        energies(PyscfMolecule(**quick), one(told)),
        energies(PyscfMolecule(**quick, spin=2), one(molecule("O2"))),
    )
    assert by_structure == by_setting
    ion = water(1)
    ion.info["charge"] = 1.0
    assert energies(PyscfMolecule(**quick), one(ion)) == energies(PyscfMolecule(**quick, charge=1), one(water(1)))


def test_labels_are_the_same_bits_whatever_was_computed_before_and_in_another_process():
    labeler = PyscfMolecule(basis="sto-3g", grid=1)
    x, wanted = one(water(7)), frozenset(ALL)
    first = labeler.label(x, wanted, None)
    ask(labeler, one(molecule("CO")), *ALL)
    again = labeler.label(x, wanted, None)
    ((_, (elsewhere, _)),) = Processes(workers=1).run(ask_once, [(labeler, x, wanted, 0)])
    for name in ALL:
        columns = [labels.values.values[name] for labels in (first, again, elsewhere)]
        values = [np.asarray(getattr(column, "values", column)) for column in columns]
        assert all(np.array_equal(values[0], v) for v in values[1:]), name
    assert first.evidence == again.evidence == elsewhere.evidence


def test_density_fitting_is_near_and_is_another_method():
    x = one(water(8))
    exact, fitted = (
        energies(PyscfMolecule(grid=1, density_fit=fit, **TIGHT), x)[0] for fit in (None, "def2-universal-jkfit")
    )
    assert 1e-6 < abs(exact - fitted) < 5e-3


def test_core_potentials_belong_to_their_basis():
    """Iodine in def2 has 28 electrons in its core potential; without it the energy would be lower by 6600 hartree."""
    mol = molecule_of(one(Atoms("HI", [[0, 0, 0], [0, 0, 1.6]])), PyscfMolecule(), None)
    assert mol.nelectron == 1 + 53 - 28


def test_isolated_atoms_stand_beside_a_label():
    labels = ask(PyscfMolecule(method="HF", basis="sto-3g"), one(water(9)), "energy")
    atoms = labels.evidence[0]["atoms"]
    assert atoms["H"] == pytest.approx(-0.46658185 * HARTREE, abs=1e-5)  # Szabo & Ostlund: -0.4666
    bound = labels.values.values["energy"][0] - atoms["O"] - 2 * atoms["H"]
    assert -8.0 < bound < -2.0


def test_polarisability_of_helium_is_isotropic_and_near_the_hartree_fock_limit():
    """1.322 bohr^3 at the limit of the basis, 10 % less in aug-cc-pVDZ."""
    labeler = PyscfMolecule(method="HF", basis="aug-cc-pvdz", **TIGHT)
    alpha = ask(labeler, one(Atoms("He")), "polarizability").values.values["polarizability"][0] / BOHR**3
    np.testing.assert_allclose(alpha, alpha[0, 0] * np.eye(3), atol=1e-7)
    assert 1.15 < alpha[0, 0] < 1.33
