"""Labels by variational Monte Carlo: exact cases, honest error bars, independence, refusals."""

import pickle
from importlib.metadata import version

import numpy as np
import pytest
from ase import Atoms, units

from eltanin.batch import Properties
from eltanin.errors import ConfigurationError
from eltanin.store.method import method_of
from eltanin_atoms import files
from eltanin_atoms.conformance.labelers import ask
from eltanin_atoms.structures import Structures
from eltanin_vmc import Vmc

# a trial function whose parameter does not move in the one round that begins the chain
FROZEN = {"ansatz": "hydrogenic", "rounds": 1, "walkers": 32, "steps": 4, "evaluations": 64, "largest_error": 20.0}
SCREENED = -2.84765625  # hartree: 2 (27/16)² / 2 - …, helium in two orbitals exp(-27/16 r)


def batch(*atoms):
    return Structures.from_ase(list(atoms))


def test_hydrogen_is_exact_and_has_no_error():
    labels = ask(Vmc(settings={"zeta": 1.0}, **FROZEN), batch(Atoms("H", [[0.3, 0.2, -1.0]])))
    assert not labels.failures
    assert labels.values.values["energy"][0] == pytest.approx(-0.5 * units.Hartree, abs=1e-8)
    assert labels.values.sigma["energy"][0] < 1e-8
    assert not labels.values.has("forces").any()


def test_helium_in_given_orbitals_is_within_its_error_bar_and_walkers_follow_the_seed():
    found = []
    for seed in range(6):
        labels = ask(Vmc(settings={"zeta": 27 / 16}, seed=seed, **FROZEN), batch(Atoms("He")), "energy")
        energy, error = labels.values.values["energy"][0], labels.values.sigma["energy"][0]
        assert 0.1 < error < 3
        found.append((energy / units.Hartree - SCREENED) / (error / units.Hartree))
    assert len(set(found)) == 6
    assert np.sum(np.abs(found) < 2) >= 4
    assert np.max(np.abs(found)) < 4


def test_a_label_depends_on_its_structure_alone():
    labeler = Vmc(settings={"zeta": 0.9}, **FROZEN)
    x = batch(Atoms("H"), Atoms("H", [[1, 0, 0]]), Atoms("He"))
    together = ask(labeler, x).values
    backwards = ask(pickle.loads(pickle.dumps(labeler)), x[np.array([2, 1, 0])]).values
    for name, column in (("energy", "values"), ("energy", "sigma")):
        np.testing.assert_array_equal(getattr(together, column)[name], getattr(backwards, column)[name][::-1])


def test_charge_and_spin_are_those_of_the_structure():
    ion = Atoms("He", info={"charge": 1.0})
    labels = ask(Vmc(settings={"zeta": 2.0}, **FROZEN), batch(ion), "energy")
    assert labels.values.values["energy"][0] == pytest.approx(-2 * units.Hartree, abs=1e-7)


@pytest.mark.parametrize(
    ("atoms", "kind", "says"),
    [
        (Atoms("H", cell=[5, 5, 5], pbc=True), "unknown", "periodic"),
        (Atoms("H", info={"charge": 0.5}), "unphysical", "no whole number"),
        (Atoms("H", info={"charge": 1.0}), "unphysical", "no electron is left"),
        (Atoms("H", info={"spin": 2}), "unphysical", "system.spin=2"),
        (Atoms("U"), "unphysical", "U is no element from H to Kr"),
        (Atoms("H2", [[0, 0, 0], [0, 0, 0.01]]), "unphysical", "bohr apart"),
    ],
)
def test_what_has_no_electrons_is_refused_before_work(atoms, kind, says):
    labeler = Vmc(**FROZEN)
    with pytest.raises(ValueError, match=says):
        labeler.check(batch(atoms))
    failure = ask(labeler, batch(atoms)).failures[0]
    assert failure.kind == kind
    assert says in failure.message


def test_a_label_that_cannot_be_believed_fails():
    failure = ask(Vmc(**(FROZEN | {"largest_error": 1e-3}), settings={"zeta": 1.3}), batch(Atoms("He"))).failures[0]
    assert failure.kind == "unconverged"
    assert "labeler.evaluations" in failure.message


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"rounds": 0}, "rounds=0"),
        ({"largest_error": 0.0}, "largest_error"),
        ({"seed": -1}, "seed=-1"),
        ({"evaluations": 3}, "rounds=3"),
        ({"walkers": 1}, "walkers=1"),
        ({"settings": {"zetta": 1.0}}, "settings.zetta.*did you mean zeta"),
        ({"settings": {"zeta": -1.0}}, "zeta=-1"),
        ({"ansatz": "determinant"}, "did you mean determinants"),
        ({"start": "hartree"}, "hartree_fock"),
        ({"start": "hartree_fock"}, "model/start=hartree_fock"),
    ],
)
def test_settings_are_checked(settings, says):
    with pytest.raises((ValueError, ConfigurationError), match=says):
        Vmc(**(FROZEN | settings))


def test_the_method_of_a_label_names_what_made_it():
    one, other = (method_of(Vmc(**(FROZEN | {"settings": {"zeta": zeta}}))) for zeta in (1.0, 1.1))
    assert one != other
    assert one["contents"]["model/ansatz=hydrogenic"] == 1
    assert one["contents"]["labeler=coulomb"] == 1
    assert "pyscf" not in one["contents"]
    assert method_of(Vmc(ansatz="slater_jastrow"))["contents"]["pyscf"] == version("pyscf")


def test_errors_are_written_and_read(tmp_path):
    x = batch(Atoms("H"), Atoms("He"))
    labels = Properties(
        {"energy": np.array([-13.6, -79.0])}, {"energy": np.ones(2, dtype=bool)}, {"energy": np.array([np.nan, 0.125])}
    )
    files.write(tmp_path / "labels.extxyz", x, labels)
    _, read = files.read(tmp_path / "labels.extxyz")
    np.testing.assert_array_equal(read.sigma["energy"], [np.nan, 0.125])
    np.testing.assert_array_equal(read.values["energy"], [-13.6, -79.0])
