"""Published numbers: energies of textbooks, geometries and frequencies of the tables at the same level.

Tables of HF/6-31G* are made with six Cartesian d functions; with five, the stretches of water are lower by 14/cm.
"""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms, units
from ase.calculators.calculator import Calculator, all_changes
from ase.optimize import BFGS
from ase.vibrations import Vibrations

from eltanin_atoms.conformance.labelers import ask, energies
from eltanin_atoms.structures import Structures
from eltanin_pyscf_dft import PyscfMolecule

QUIET = {"atomic_energies": False}


class Labelled(Calculator):
    """A labeler as a calculator of ASE."""

    implemented_properties = ["energy", "forces"]  # noqa: RUF012 (ASE declares it so)

    def __init__(self, labeler):
        super().__init__()
        self.labeler = labeler

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        labels = ask(self.labeler, Structures.from_ase([atoms]), "energy", "forces")
        values = labels.values.values
        self.results = {"energy": float(values["energy"][0]), "forces": values["forces"].values}


def relaxed(atoms, labeler):
    atoms = atoms.copy()
    atoms.calc = Labelled(labeler)
    assert BFGS(atoms, logfile=None).run(fmax=1e-4, steps=50)
    return atoms


def frequencies(atoms, folder):
    """Return harmonic frequencies of a molecule that is not linear, or of two atoms, 1/cm."""
    vibrations = Vibrations(atoms, name=str(folder), delta=0.005, nfree=4)
    vibrations.run()
    return np.sort(vibrations.get_frequencies().real)[-3 if len(atoms) == 3 else -1 :]


def hartree(labeler, atoms):
    return energies(labeler, Structures.from_ase([atoms]))[0] / units.Hartree


def in_bohr(symbols, positions):
    return Atoms(symbols, np.array(positions) * units.Bohr)


def test_hydrogen_in_the_textbook():
    """Szabo & Ostlund, Modern Quantum Chemistry, table 3.11: -1.117 (STO-3G) and -1.131 (6-31G**) at 1.4 bohr."""
    atoms = in_bohr("H2", [[0, 0, 0], [0, 0, 1.4]])
    for basis, energy in (("sto-3g", -1.117), ("6-31g**", -1.131)):
        assert hartree(PyscfMolecule(method="RHF", basis=basis, **QUIET), atoms) == pytest.approx(energy, abs=6e-4)


def test_atoms_with_large_bases_reach_what_is_known_exactly():
    """-1/2 for hydrogen; -2.861680 for helium without correlation (its Hartree–Fock limit)."""
    labeler = PyscfMolecule(method="HF", basis="cc-pv5z", **QUIET)
    assert hartree(labeler, Atoms("H")) == pytest.approx(-0.5, abs=1e-5)
    assert hartree(labeler, Atoms("He")) == pytest.approx(-2.861680, abs=1e-4)


def test_water_of_the_programming_projects():
    """T. D. Crawford's programming projects: water, STO-3G, HF -74.942079928192 and MP2 -74.991229564312 hartree."""
    atoms = in_bohr(
        "OH2",
        [[0, -0.143225816552, 0], [1.638036840407, 1.136548822547, 0], [-1.638036840407, 1.136548822547, 0]],
    )
    for method, energy in (("HF", -74.942079928192), ("MP2", -74.991229564312)):
        labeler = PyscfMolecule(method=method, basis="sto-3g", conv_tol=1e-12, **QUIET)
        assert hartree(labeler, atoms) == pytest.approx(energy, abs=1e-8)


def test_geometries_of_the_tables():
    """Hehre, Radom, Schleyer & Pople, Ab Initio Molecular Orbital Theory, HF/6-31G*: Å and degrees."""
    labeler = PyscfMolecule(method="HF", basis="6-31g*", cartesian=True, **QUIET)
    hydrogen = relaxed(Atoms("H2", [[0, 0, 0], [0, 0, 0.8]]), labeler)
    assert hydrogen.get_distance(0, 1) == pytest.approx(0.730, abs=1e-3)
    nitrogen = relaxed(Atoms("N2", [[0, 0, 0], [0, 0, 1.15]]), labeler)
    assert nitrogen.get_distance(0, 1) == pytest.approx(1.078, abs=1e-3)
    water = relaxed(Atoms("OH2", [[0, 0, 0], [0, 0.8, 0.6], [0, -0.8, 0.6]]), labeler)
    assert water.get_distance(0, 1) == pytest.approx(0.947, abs=1e-3)
    assert water.get_angle(1, 0, 2) == pytest.approx(105.5, abs=0.1)


@pytest.mark.slow
def test_frequencies_of_the_tables(tmp_path):
    """HF/6-31G*, harmonic: water 1827, 4070, 4189; nitrogen 2758 (NIST CCCBDB)."""
    labeler = PyscfMolecule(method="HF", basis="6-31g*", cartesian=True, conv_tol=1e-12, **QUIET)
    water = relaxed(Atoms("OH2", [[0, 0, 0], [0, 0.76, 0.58], [0, -0.76, 0.58]]), labeler)
    np.testing.assert_allclose(frequencies(water, tmp_path / "water"), [1827, 4070, 4189], atol=2)
    nitrogen = relaxed(Atoms("N2", [[0, 0, 0], [0, 0, 1.08]]), labeler)
    np.testing.assert_allclose(frequencies(nitrogen, tmp_path / "nitrogen"), [2758], atol=2)


@pytest.mark.slow
def test_kohn_sham_nitrogen_is_where_the_functional_puts_it():
    """PBE near its basis limit: 1.103 Å (J. P. Perdew's functional has N2 0.005 Å too long; observed 1.098)."""
    labeler = PyscfMolecule(basis="def2-tzvp", grid=4, **QUIET)
    nitrogen = relaxed(Atoms("N2", [[0, 0, 0], [0, 0, 1.12]]), labeler)
    assert nitrogen.get_distance(0, 1) == pytest.approx(1.103, abs=2e-3)
