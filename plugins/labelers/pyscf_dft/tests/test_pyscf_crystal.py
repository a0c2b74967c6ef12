"""Crystals: labels against PySCF alone, derivatives against differences, refusals before work, typed failures."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.eos import EquationOfState
from ase.units import Bohr, GPa, Hartree

from eltanin.store.method import method_of
from eltanin_atoms.conformance.labelers import LabelerConformance, moved, slope, strained
from eltanin_atoms.structures import Structures
from eltanin_pyscf_dft import crystal_level, pseudopotentials
from eltanin_pyscf_dft.cells import cell_of
from eltanin_pyscf_dft.closed import pyscf
from eltanin_pyscf_dft.crystal import PyscfCrystal, without_gap
from eltanin_pyscf_dft.crystal_atoms import atomic_energies
from eltanin_pyscf_dft.crystal_estimate import size_of
from eltanin_pyscf_dft.crystal_level import CrystalLevel

ALL = frozenset({"energy", "forces", "virial"})
COARSE = {"basis": "gth-szv", "cutoff": 400.0, "kpoint_spacing": 1.2, "conv_tol": 1e-10}
METAL = {**COARSE, "smearing": 0.3}
SOUND = {"basis": "gth-szv", "cutoff": 820.0, "kpoint_spacing": 0.8, "conv_tol": 1e-10}


def ask(labeler, x, wanted=ALL):
    return labeler.label(x, frozenset(wanted), np.random.default_rng(0))


def chain():
    """Two silicon atoms in a small skewed cell, a metal: three k-points along the short vector, else one."""
    cell = [[2.5, 0.1, 0.0], [0.0, 5.3, 0.2], [0.3, 0.0, 5.5]]
    return Structures.from_ase([Atoms("Si2", [[0.1, 0.2, 0.3], [1.3, 1.9, 1.1]], cell=cell, pbc=True)])


def diamond(a=5.43, cubic=False, displaced=0.05):
    atoms = bulk("Si", "diamond", a=a, cubic=cubic)
    atoms.positions += np.random.default_rng(0).normal(size=atoms.positions.shape) * displaced
    return Structures.from_ase([atoms])


def alone(one, **settings):
    """Energy (eV), forces and stress as PySCF alone has them, over all k-points, without anything kept."""
    from pyscf.pbc import dft, gto

    cell = gto.Cell(
        atom=list(zip(["Si"] * len(one.numbers.values), one.positions.values, strict=True)),
        a=one.cell[0], unit="Angstrom", basis="gth-szv", pseudo="gth-pbe",
        ke_cutoff=settings["cutoff"] / Hartree, precision=1e-8, verbose=0,
    )  # fmt: skip
    cell.build(dump_input=False, parse_arg=False)
    field = dft.KRKS(cell, cell.make_kpts(settings["mesh"], wrap_around=True))
    field.xc, field.conv_tol = "pbe", settings["conv_tol"]
    field = pyscf.pbc.scf.addons.smearing_(field, sigma=settings["smearing"] / Hartree, method="fermi")
    field.kernel()
    energy = field.e_free * Hartree
    gradient = field.nuc_grad_method()
    return energy, -gradient.kernel() * Hartree / Bohr, gradient.get_stress() * Hartree / Bohr**3


def test_a_label_is_what_pyscf_alone_says():
    """Half of the k-points, kept basis functions and forces from the density change nothing."""
    one = chain()
    labels = ask(PyscfCrystal(**METAL), one)
    assert labels.evidence[0]["kpoints"] == [3, 1, 1]
    assert labels.evidence[0]["atoms"].keys() == {"Si"}
    energy, forces, stress = alone(one, cutoff=400.0, mesh=[3, 1, 1], smearing=0.3, conv_tol=1e-10)
    values = labels.values.values
    assert abs(values["energy"][0] - energy) < 1e-6
    np.testing.assert_allclose(values["forces"].values, forces, atol=2e-5)
    stress = (stress + stress.T) / 2
    np.testing.assert_allclose(-values["virial"][0] / one.volume[0], stress, atol=2e-6)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("one", "settings"),
    [pytest.param(diamond(), COARSE, id="whole"), pytest.param(chain(), METAL, id="smeared")],
)
def test_forces_and_virial_are_derivatives_of_the_energy(one, settings):
    """1e-4 eV/Å and 1e-5 eV/Å^3 were asked for; on any mesh it is a tenth of that. With smearing: the free energy."""
    labeler = PyscfCrystal(**settings)
    labels = ask(labeler, one)
    forces, virial = labels.values.values["forces"].values, labels.values.values["virial"][0]
    way = np.random.default_rng(1).normal(size=forces.shape)
    way /= np.linalg.norm(way)
    found = slope(labeler, lambda s: moved(one, one.positions.values + s * way), 3e-3)
    assert abs(found + float((forces * way).sum())) < 1e-5
    for a, b in ((0, 0), (1, 2)):
        strain = np.zeros((3, 3))
        strain[a, b] = 1.0
        found = slope(labeler, lambda s, e=strain: strained(one, s * e), 1e-3)
        assert abs(found + virial[a, b]) / one.volume[0] < 1e-5
    if labeler.smearing:  # broken occupations there are, or the test would be of nothing
        assert labels.evidence[0]["entropy_ev"] > 0.01
        assert labels.evidence[0]["energy_zero_ev"] > labels.values.values["energy"][0]


def test_the_same_bits_kept_or_not_and_whatever_else_is_in_the_batch(monkeypatch):
    """Whether basis functions are kept bears on speed alone; order and company of structures on nothing."""
    labeler, one = PyscfCrystal(**METAL), chain()
    other = strained(one, 0.02 * np.eye(3))
    here = ask(labeler, one, {"energy", "forces"}).values.values
    both = ask(labeler, Structures.concatenate([other, one]), {"energy", "forces"}).values.values
    monkeypatch.setattr(crystal_level, "KEPT", 0.0)
    scarce = ask(labeler, one, {"energy", "forces"}).values.values
    np.testing.assert_array_equal(here["energy"][0], both["energy"][1])
    np.testing.assert_array_equal(here["energy"], scarce["energy"])
    np.testing.assert_array_equal(here["forces"].values, both["forces"].values[2:])
    np.testing.assert_array_equal(here["forces"].values, scarce["forces"].values)


def test_order_of_atoms_and_images_are_of_no_account():
    """An atom moved by lattice vectors is the same atom; atoms in another order have their own forces."""
    labeler, one = PyscfCrystal(**METAL), chain()
    here = ask(labeler, one).values.values
    far = moved(one, (one.positions.values + np.array([[1, -2, 0], [0, 0, 3]]) @ one.cell[0])[::-1].copy())
    there = ask(labeler, far).values.values
    assert abs(here["energy"][0] - there["energy"][0]) < 1e-7
    np.testing.assert_allclose(there["forces"].values[::-1], here["forces"].values, atol=1e-5)
    np.testing.assert_allclose(there["virial"], here["virial"], atol=1e-5)


def test_what_is_estimated_is_what_is_built():
    """Grid points and basis functions without building a cell are those of the cell."""
    labeler, one = PyscfCrystal(**SOUND), diamond(cubic=True)
    cell = cell_of(one, "gth-szv", "gth-pbe", 820.0, None)
    assert size_of(labeler, one) == (int(np.prod(cell.mesh)), int(cell.nao), 8)


@pytest.mark.parametrize(
    ("structure", "settings", "words"),
    [
        (Atoms("Si", cell=[5, 5, 5], pbc=[True, True, False]), {}, "pbc=.*pyscf_molecule"),
        (Atoms("Si2", [[0, 0, 0], [1.3, 1.3, 1.3]], cell=[5, 5, 5], pbc=True, info={"charge": 1}), {}, "charge"),
        (Atoms("Si2", [[0, 0, 0], [1.3, 1.3, 1.3]], cell=[5, 5, 5], pbc=True, info={"spin": 2}), {}, "magnetism"),
        (Atoms("Og", cell=[5, 5, 5], pbc=True), {}, "nothing for Og"),
        (Atoms("Si", cell=[5, 5, 5], pbc=True), {"cutoff": 300.0}, "cutoff=300.*give 393"),
        (Atoms("P", cell=[3, 3, 3], pbc=True), {"cutoff": 900.0, "kpoint_spacing": 9.0}, "cannot all be paired"),
        (bulk("Si", "diamond", a=5.43, cubic=True) * (6, 6, 6), {}, "1728 atoms.*GB"),
    ],
)
def test_what_has_no_label_is_refused_before_work(structure, settings, words):
    """Each with the wrong value, why, and what to do; asked all the same, it is a failure and costs nothing."""
    labeler, x = PyscfCrystal(**{**COARSE, **settings}), Structures.from_ase([structure])
    with pytest.raises(ValueError, match=words):
        labeler.check(x)
    failure = ask(labeler, x).failures[0]
    assert failure.kind in {"unknown", "unphysical", "memory"}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"xc": "pbe0"}, "without exact exchange"),
        ({"xc": "scan"}, "kinetic energy density"),
        ({"xc": "pbee"}, "no functional"),
        ({"basis": "def2-svp"}, "basis=def2-svp is not one of the GTH tables"),
        ({"basis": "gth-dzpv"}, "did you mean .*gthdzvp"),
        ({"pseudopotential": "../../x"}, "no file"),
        ({"cutoff": 0.0}, "cutoff"),
        ({"kpoint_spacing": float("nan")}, "kpoint_spacing"),
        ({"smearing": -0.1}, "smearing"),
        ({"ladder": ["newton"]}, "crystals know diis"),
        ({"memory": 0.0}, "memory"),
    ],
)
def test_wrong_settings_are_refused(settings, words):
    """By a ValueError that names the setting."""
    with pytest.raises(ValueError, match=words):
        PyscfCrystal(**settings)


def test_no_name_is_opened_as_a_file(tmp_path, monkeypatch):
    """A file in the present folder that is called like a table is not read."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gth-szv").write_text("Si x\n1\n3 0 0 1 1\n __import__('os')._exit(3) 1.0\n")
    pseudopotentials.entry.cache_clear()
    assert len(pseudopotentials.entries("basis", "gth-szv", ["Si"])["Si"]) == 2


def test_a_field_that_does_not_converge_is_a_failure():
    """With what was tried, and never numbers."""
    labels = ask(PyscfCrystal(**{**COARSE, "max_cycle": 1, "ladder": ["diis", "damping"]}), chain(), {"energy"})
    assert labels.failures[0].kind == "unconverged"
    assert "diis: 1 cycles, damping: 1 cycles" in labels.failures[0].message
    assert np.isnan(labels.values.values["energy"]).all()


def test_electrons_that_cannot_be_whole_are_a_failure():
    """One of two levels of k and -k would be filled, and the electrons counted wrongly: never numbers."""
    state = SimpleNamespace(
        kpts=SimpleNamespace(weights_ibz=[1 / 3, 2 / 3]), cell=SimpleNamespace(nelectron=2),
        mo_energy=[np.array([-1.0, 1.0]), np.array([-1.0, 0.0])], mo_occ=[np.array([2.0, 0.0]), np.array([2.0, 0.0])],
    )  # fmt: skip
    assert without_gap(state) is None
    crossed = SimpleNamespace(**{**vars(state), "mo_energy": [np.array([0.5, 1.0]), np.array([-1.0, 0.0])]})
    miscounted = SimpleNamespace(**{**vars(state), "mo_occ": [np.array([2.0, 0.0]), np.array([2.0, 2.0])]})
    for odd in (crossed, miscounted):
        assert without_gap(odd).kind == "unphysical"
        assert "labeler.smearing" in without_gap(odd).message


def test_too_little_memory_is_a_failure_at_once():
    """With the numbers."""
    labels = ask(PyscfCrystal(**COARSE, memory=0.1), chain(), {"energy"})
    assert labels.failures[0].kind == "memory"
    assert "basis functions on" in labels.failures[0].message


def test_the_method_is_what_bears_on_a_label(monkeypatch):
    """Memory does not; the numbers of a table do, under the same name."""
    labeler = PyscfCrystal(**COARSE)
    assert method_of(labeler) == method_of(replace(labeler, memory=1.0))
    assert method_of(labeler) != method_of(replace(labeler, kpoint_spacing=1.1))
    changed = {**pseudopotentials.LOADERS, "basis": lambda path, symbol: [[0, [1.0, 1.0]]]}
    before = labeler.contents()
    monkeypatch.setattr(pseudopotentials, "LOADERS", changed)
    for cached in (pseudopotentials.entry, pseudopotentials.contents):
        cached.cache_clear()
    after = labeler.contents()
    for cached in (pseudopotentials.entry, pseudopotentials.contents):
        cached.cache_clear()
    assert before["basis"] != after["basis"]
    assert before["pseudopotential"] == after["pseudopotential"]


@pytest.mark.filterwarnings("ignore:Function int1e_r2_origi")
def test_atoms_in_free_space_are_what_pyscf_alone_says():
    """Silicon a triplet, carbon too, aluminium and hydrogen doublets; on a finer grid than ours."""
    found = atomic_energies(CrystalLevel(basis="gth-szv"), ["Si", "H", "C", "Si", "Al"])
    assert list(found) == ["Al", "C", "H", "Si"]
    for symbol, spin in {"Si": 2, "C": 2, "H": 1, "Al": 1}.items():
        mol = pyscf.gto.M(atom=symbol, basis="gth-szv", pseudo="gth-pbe", spin=spin, verbose=0)
        field = pyscf.dft.UKS(mol, xc="pbe")
        field.grids.level = 5
        assert abs(field.kernel() * Hartree - found[symbol]) < 1e-3
        assert mol.nelectron == {"Si": 4, "C": 4, "H": 1, "Al": 3}[symbol]


def test_atoms_may_be_left_out():
    """They are no part of the method: a label is the same with them or without."""
    labeler = PyscfCrystal(**COARSE, atomic_energies=False)
    assert method_of(labeler) == method_of(PyscfCrystal(**COARSE))


@pytest.mark.slow
def test_the_density_of_k_points_makes_cells_alike():
    """Twice the cell along a vector with an even number of k-points is twice the energy, forces and virial."""
    labeler, one = PyscfCrystal(**{**SOUND, "kpoint_spacing": 1.05}), diamond()
    axis = 0
    cell = one.cell[0].copy()
    cell[axis] *= 2
    both = np.concatenate([one.positions.values, one.positions.values + one.cell[0, axis]])
    twice = Structures.one(np.tile(one.numbers.values, 2), both, cell, one.pbc[0])
    here, there = ask(labeler, one), ask(labeler, twice)
    assert there.evidence[0]["kpoints"] == [
        n // (2 if i == axis else 1) for i, n in enumerate(here.evidence[0]["kpoints"])
    ]
    a, b = here.values.values, there.values.values
    assert abs(2 * a["energy"][0] - b["energy"][0]) < 1e-3
    np.testing.assert_allclose(b["forces"].values, np.tile(a["forces"].values, (2, 1)), atol=2e-3)


@pytest.mark.slow
def test_a_crystal_that_moves_over_the_mesh_keeps_its_energy():
    """The egg-box effect: 0.3 meV a cell at the least cutoff that is admitted, 0.05 at 820 eV, 0.01 at 1100 eV."""
    one = diamond()
    shifts = [np.zeros(3), np.array([0.11, 0.05, 0.13]), np.array([-0.22, -0.10, -0.26])]
    for cutoff, most in ((400.0, 1e-3), (820.0, 5e-5), (1100.0, 1e-5)):
        labeler = PyscfCrystal(**{**SOUND, "cutoff": cutoff})
        energies = [
            ask(labeler, moved(one, one.positions.values + s), {"energy"}).values.values["energy"] for s in shifts
        ]
        assert np.ptp(energies) < most


@pytest.mark.slow
def test_lattice_constant_and_bulk_modulus_of_silicon():
    """All-electron PBE has 20.453 Å^3/atom (5.469 Å) and 88.5 GPa: K. Lejaeghere et al., Science 351, aad3000 (2016).

    With two Gaussians for each valence orbital and one shell of d functions the constant is 0.7 % larger, and the
    modulus 5 % smaller: what this basis allows.
    """
    labeler = PyscfCrystal(basis="gth-dzvp", cutoff=820.0, kpoint_spacing=0.62, centred=False, conv_tol=1e-7)
    frames = [bulk("Si", "diamond", a=a) for a in (5.32, 5.41, 5.49, 5.57, 5.66)]
    labels = ask(labeler, Structures.from_ase(frames), {"energy"})
    assert {tuple(one["kpoints"]) for one in labels.evidence.values()} == {(4, 4, 4)}
    state = EquationOfState([f.get_volume() for f in frames], labels.values.values["energy"], "birchmurnaghan")
    volume, _, modulus = state.fit()
    assert abs((4 * volume) ** (1 / 3) / 5.469 - 1) < 0.01
    assert abs(modulus / GPa / 88.5 - 1) < 0.08


@pytest.mark.slow
class TestSilicon(LabelerConformance):
    """The conformance suite. A mesh of k-points makes no cell exactly alike another one."""

    has_small_cells = False
    step = 3e-3
    derivative_tolerance = 2e-5
    symmetry_tolerance = 2e-6

    @pytest.fixture
    def labeler(self):
        """Return the labeler on a mesh so fine that a shift of all atoms changes little."""
        return PyscfCrystal(**{**SOUND, "cutoff": 1400.0, "kpoint_spacing": 1.2})

    @pytest.fixture
    def structures(self):
        """Return two structures."""
        return Structures.concatenate([diamond(), chain()])

    def test_translation(self, labeler, structures):
        """The mesh stays where it is: an energy that waves by 2e-5 eV within 0.1 Å has a slope of 4e-4 eV/Å."""
        shifted = moved(structures, structures.positions.values + np.array([0.3, -7.1, 2.9]))
        here, there = (ask(labeler, x).values.values for x in (structures, shifted))
        assert np.abs(there["energy"] - here["energy"]).max() < 3e-5
        assert np.abs(there["forces"].values - here["forces"].values).max() < 5e-4
        assert np.abs(there["virial"] - here["virial"]).max() < 1e-3
