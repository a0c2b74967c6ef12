"""Electrons in whole campaigns: Hartree–Fock from its orbitals, what a good beginning is worth, labels of a surface."""

import json
import sys

import numpy as np
import pytest
import yaml
from ase import Atoms, units

from eltanin.compose import restore, run
from eltanin.randomness import stream
from eltanin_atoms.conformance.labelers import ask
from eltanin_atoms.structures import Structures
from eltanin_vmc import Vmc
from eltanin_walkers.systems.molecule import Molecule
from eltanin_wavefunction import hartree_fock

BARE = ["model/ansatz=slater_jastrow", "model.ansatz.terms=0", "rounds=1", "explorer.walkers=400"]


@pytest.fixture
def energy(monkeypatch, tmp_path):
    """Return what the summary of a run says of the energy."""
    monkeypatch.setattr(sys, "argv", ["elt"])
    monkeypatch.chdir(tmp_path)

    def measured(*overrides):
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        with pytest.raises(SystemExit) as end:  # as Hydra ends a run
            run([*overrides, f"hydra.run.dir={folder}"])
        assert end.value.code == 0
        return json.loads((folder / "summary.json").read_text())["validation"]

    return measured


def test_bare_determinant_of_helium_has_the_energy_of_hartree_fock(energy):
    exact = hartree_fock.solved(Molecule("He 0 0 0"), "cc-pvdz").energy
    found = energy("experiment=helium", *BARE, "model.ansatz.basis=cc-pvdz", "validation.rounds=100")
    assert exact == pytest.approx(-2.8551604772, abs=1e-9)  # of PySCF, which needs no walkers
    assert abs(found["energy"] - exact) < 3 * found["energy_error"]
    assert found["energy_error"] < 0.02


@pytest.mark.slow
@pytest.mark.parametrize(("atoms", "step"), [("Li 0 0 0; H 0 0 3.015", 0.3), ("Be 0 0 0", 0.2), ("Li 0 0 0", 0.3)])
def test_bare_determinants_have_the_energy_of_hartree_fock(energy, atoms, step):
    exact = hartree_fock.solved(Molecule(atoms), "cc-pvdz").energy
    overrides = [f"'system.atoms={atoms}'", f"explorer.step={step}", "model.ansatz.basis=cc-pvdz"]
    found = energy("experiment=helium", *BARE, *overrides, "validation.rounds=300", "validation.discard=50")
    assert abs(found["energy"] - exact) < 3 * found["energy_error"]
    assert found["energy_error"] < 0.02


@pytest.mark.slow
def test_beginning_from_hartree_fock_is_worth_rounds(energy):
    """Lithium hydride after 60 rounds, by the same net from the same seed."""
    overrides = ["rounds=60", "explorer.walkers=200", "explorer.steps=10", "model.ansatz.determinants=2"]
    alone, begun = (
        energy("experiment=lithium_hydride", *overrides, "validation.rounds=60", *start)
        for start in (["~model/start"], [])
    )
    error = np.hypot(alone["energy_error"], begun["energy_error"])
    assert begun["energy"] < alone["energy"] - 0.1 - 3 * error
    assert begun["energy"] > begun["reference_energy"] - 4 * begun["energy_error"]


@pytest.mark.slow
def test_a_label_of_hydrogen_is_its_energy():
    """Beside the exact energy (Pachucki 2010), which no trial function is below but by chance."""
    x = Structures.from_ase([Atoms("H2", [[0, 0, 0], [0, 0, 1.4011 * units.Bohr]])])
    settings = {"determinants": 1, "one_electron": 16, "two_electron": 8}
    labels = ask(Vmc(settings=settings, walkers=200, rounds=250, evaluations=150), x, "energy")
    energy, error = (columns["energy"][0] / units.Hartree for columns in (labels.values.values, labels.values.sigma))
    assert error < 1e-3
    assert -4 * error < energy + 1.174475931 < 2e-3 + 4 * error


def test_the_binding_curve_begins_in_a_pool_without_labels(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(sys, "argv", ["elt"])
    monkeypatch.chdir(tmp_path)
    assert run(["experiment=hydrogen_binding", "--cfg", "job"]) == 0
    campaign = restore(yaml.safe_load(capsys.readouterr().out))[0]
    x, _ = campaign.explorer.explore([], campaign.explorer.init(stream(0)), None, stream(1))
    campaign.labeler.check(x)
    campaign.model.check(x)
    distance = [np.linalg.norm(r[1] - r[0]) / units.Bohr for r in x.positions.rows()]
    assert 0.8 <= min(distance) < max(distance) <= 4.41
    assert isinstance(campaign.labeler, Vmc)
