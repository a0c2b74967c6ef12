"""What no label can be had of is refused before work, or fails as what it is: never silent nonsense."""

from __future__ import annotations

import json

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule

from eltanin.execution import Processes
from eltanin.labelling.answer import ask as ask_once
from eltanin.terms import Terms
from eltanin_atoms.conformance.labelers import ask
from eltanin_atoms.structures import Structures
from eltanin_pyscf_dft import PyscfMolecule
from eltanin_pyscf_dft.ladder import RUNGS, climbed
from eltanin_pyscf_dft.level import DEFAULT_LADDER
from eltanin_pyscf_dft.molecules import molecule_of

QUICK = {"grid": 1, "basis": "sto-3g", "atomic_energies": False}


def one(atoms):
    return Structures.from_ase([atoms])


def stretched(factor: float) -> Atoms:
    """Return water with one bond that is so many times as long."""
    return Atoms("OH2", [[0, 0, 0], [0, 0.76, -0.59], [0, -0.76 * factor, -0.59 * factor]])


def failure(labeler, atoms, *wanted):
    return ask(labeler, one(atoms), *(wanted or ("energy", "forces"))).failures.get(0)


@pytest.mark.parametrize(
    ("atoms", "settings", "kind", "says"),
    [
        (Atoms("H2", [[0, 0, 0], [0, 0, 1e-4]]), {}, "unphysical", "on top of each other"),
        (Atoms("H2", [[0, 0, 0], [0, 0, 0]]), {}, "unphysical", "on top of each other"),
        (Atoms("H2", [[0, 0, 0], [0, 0, 0.7]], cell=[9, 9, 9], pbc=True), {}, "unknown", "pyscf_crystal"),
        (Atoms("H2", [[0, 0, 0], [0, 0, 0.7]], cell=[9, 9, 9], pbc=(1, 0, 0)), {}, "unknown", "pyscf_crystal"),
        (molecule("OH"), {"method": "RKS"}, "unphysical", "choose method=KS"),
        (molecule("OH"), {"spin": 2}, "unphysical", "9 electrons cannot have 2 unpaired"),
        (molecule("H2O"), {"spin": 1}, "unphysical", "10 electrons cannot have 1 unpaired"),
        (molecule("H2O"), {"charge": 10}, "unphysical", "leaves no electron"),
        (Atoms("OH", [[0, 0, 0], [0, 0, 1.0]], info={"charge": -1.0}), {"charge": 0}, "unknown", "leave one out"),
        (Atoms("OH", [[0, 0, 0], [0, 0, 1.0]], info={"charge": 0.5}), {}, "unphysical", "no whole number"),
        (Atoms("UO", [[0, 0, 0], [0, 0, 1.8]]), {}, "unknown", "no functions for U"),
        (Atoms("OgH", [[0, 0, 0], [0, 0, 1.8]]), {"basis": "def2-svp"}, "unknown", "no functions for Og"),
        (molecule("H2O"), {"memory": 0.001}, "memory", "raise labeler.memory"),
    ],
)
def test_what_cannot_be_labelled_is_refused_before_work_and_fails_by_its_kind(atoms, settings, kind, says):
    labeler = PyscfMolecule(**{**QUICK, **settings})
    with pytest.raises(ValueError, match=says):
        labeler.check(one(atoms))
    found = failure(labeler, atoms)
    assert found is not None
    assert found.kind == kind
    assert says in found.message


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"method": "CCSD"}, "KS, RKS, UKS, HF, RHF, UHF, MP2"),
        ({"xc": "pbee"}, "did you mean pbe"),
        ({"xc": "pbe-d3bj"}, "xc=pbe dispersion=d3bj"),
        ({"xc": "wb97m_v"}, "non-local correlation"),
        ({"xc": ""}, "no functional"),
        ({"basis": "def2-svq"}, "did you mean def2svp"),
        ({"density_fit": "def2-svq"}, "no basis set"),
        ({"dispersion": "d5"}, "d3bj, d3zero, d4"),
        ({"dispersion": "d3bj", "xc": "lda"}, "no parameters"),
        ({"method": "MP2", "density_fit": "def2-universal-jkfit"}, "no forces"),
        ({"method": "MP2", "dispersion": "d3bj"}, "dispersion in itself"),
        ({"grid": 11}, "levels 0"),
        ({"conv_tol": 1e-3}, "1e-6"),
        ({"conv_tol": float("nan")}, "1e-6"),
        ({"max_cycle": 0}, "1 or more"),
        ({"spin": -1}, "counts unpaired electrons"),
        ({"ladder": []}, "one rung or more"),
        ({"ladder": ["diis", "prayer"]}, "one rung or more"),
        ({"stability": "often"}, "small_gap, always or never"),
        ({"memory": 0.0}, "above 0"),
    ],
)
def test_settings_are_checked(settings, says):
    pytest.importorskip("pyscf.dispersion")
    with pytest.raises(ValueError, match=says):
        PyscfMolecule(**settings)


def test_too_few_cycles_are_a_failure_that_tells_every_rung_and_what_pyscf_wrote():
    found = failure(PyscfMolecule(max_cycle=1, **QUICK), molecule("H2O"))
    assert found.kind == "unconverged"
    assert all(rung in found.message for rung in DEFAULT_LADDER)
    assert "SCF not converged" in found.output


@pytest.mark.parametrize("rung", list(RUNGS))
def test_every_rung_reaches_the_same_state(rung):
    """A remedy changes the way and not the label."""
    plain, other = (
        ask(PyscfMolecule(ladder=[r], conv_tol=1e-12, **QUICK), one(molecule("H2O"))) for r in ("diis", rung)
    )
    assert other.evidence[0]["rung"] == rung
    assert other.values.values["energy"][0] == pytest.approx(plain.values.values["energy"][0], abs=1e-8)
    np.testing.assert_allclose(other.values.values["forces"].values, plain.values.values["forces"].values, atol=1e-5)


def test_the_ladder_is_climbed_in_order_and_recorded():
    """Within 6 cycles water converges by second-order steps alone."""
    level = PyscfMolecule(max_cycle=6, **QUICK)
    mol = molecule_of(one(stretched(1.2)), level, None)
    mol.verbose = 0
    climb = climbed(lambda: level.mean_field(mol, 1.0), level.ladder)
    assert climb.converged
    assert [t["rung"] for t in climb.tried] == list(DEFAULT_LADDER[: len(climb.tried)])
    assert [t["converged"] for t in climb.tried] == [False] * (len(climb.tried) - 1) + [True]
    assert climb.rung == climb.tried[-1]["rung"] == "newton"
    json.dumps(climb.tried)


def test_a_breaking_bond_has_no_restricted_label_and_an_unrestricted_one_that_tells():
    """Restricted orbitals would dissociate into ions: with a bond of 2.4 lengths that is refused, in words."""
    found = failure(PyscfMolecule(**QUICK), stretched(2.4))
    assert found.kind == "unconverged"
    assert "as where a bond breaks; choose an unrestricted method" in found.message
    told = ask(PyscfMolecule(method="UKS", **QUICK), one(stretched(2.4)), "energy", "forces")
    assert not told.failures
    assert told.evidence[0]["examined"]
    assert 0.5 < told.evidence[0]["s2"] < 1.1  # a half of each of a singlet and a triplet
    assert told.evidence[0]["s2_pure"] == 0


def test_unrestricted_hydrogen_dissociates_into_two_atoms():
    labeler = PyscfMolecule(method="UHF", basis="sto-3g")
    labels = ask(labeler, one(Atoms("H2", [[0, 0, 0], [0, 0, 8.0]])), "energy")
    assert labels.values.values["energy"][0] == pytest.approx(2 * labels.evidence[0]["atoms"]["H"], abs=1e-4)
    assert labels.evidence[0]["s2"] == pytest.approx(1.0, abs=1e-4)
    assert labels.evidence[0]["followed"] >= 0


def test_a_sound_molecule_is_not_examined_and_one_with_a_small_gap_is():
    sound, stretchy = (
        ask(PyscfMolecule(method="HF", basis=basis, atomic_energies=False), one(atoms), "energy").evidence.get(0)
        for basis, atoms in (("6-31g", Atoms("He")), ("def2-svp", Atoms("H2", [[0, 0, 0], [0, 0, 1.1]])))
    )
    assert not sound["examined"]
    assert stretchy["examined"]
    assert stretchy["gap_ev"] < 18.5


def test_squeezed_water_is_a_label_with_large_forces():
    labels = ask(PyscfMolecule(**QUICK), one(stretched(0.45)), "energy", "forces")
    assert not labels.failures
    assert np.abs(labels.values.values["forces"].values).max() > 20


def test_a_limit_of_memory_or_time_of_the_executor_is_a_failure_by_its_name():
    lattice = np.stack(np.meshgrid(*[np.arange(4.0)] * 3), -1).reshape(-1, 3)
    large = Atoms("C10H22", 1.6 * lattice[:32])
    labeler = PyscfMolecule(basis="def2-tzvp", atomic_energies=False)
    wanted = frozenset({"energy"})
    ((_, (answer, _)),) = Processes(workers=1).run(ask_once, [(labeler, one(large), wanted, 0)], Terms(gigabytes=1.0))
    assert answer.failures[0].kind == "memory"
    assert "limits.gigabytes" in answer.failures[0].message
    ((_, late),) = Processes(workers=1).run(ask_once, [(labeler, one(large), wanted, 0)], Terms(seconds=0.5))
    assert late.kind == "timeout"
