"""Electrons in whole campaigns: Hartree–Fock from its orbitals, what a good beginning is worth, labels of a surface."""

import json
import os
import signal
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from ase import Atoms, units

from eltanin import cli
from eltanin.campaign import Campaign
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
    overrides = [f"system.atoms='{atoms}'", f"explorer.step={step}", "model.ansatz.basis=cc-pvdz"]
    found = energy("experiment=helium", *BARE, *overrides, "validation.rounds=500", "validation.discard=50")
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
@pytest.mark.timeout(3600)  # about four minutes of a core
@pytest.mark.parametrize(
    ("name", "within", "deepwf"),
    [("lithium", 2e-3, None), ("lithium_hydride", 1e-2, -7.8732), ("beryllium", 1e-2, -14.6141)],
)
def test_atoms_from_hartree_fock_on_come_near_the_exact_energy(energy, name, within, deepwf):
    found = energy(f"experiment={name}")
    exact, error = found["reference_energy"], found["energy_error"]
    assert abs(found["energy"] - exact) < within
    assert found["energy"] > exact - 3 * error
    assert error < 1e-3
    if deepwf is not None:
        assert found["energy"] < deepwf - 3 * error


@pytest.mark.slow
@pytest.mark.timeout(1800)
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


@pytest.mark.slow
def test_the_loop_itself_costs_less_than_two_milliseconds_of_a_round(energy, tmp_path):
    """All but exploration and training, files included, in the median round: whoever else computes."""
    energy("experiment=harmonic", "rounds=200", "explorer.walkers=256")
    rounds = [json.loads(line)["seconds"] for line in (tmp_path / "0" / "rounds.jsonl").read_text().splitlines()]
    loop = [sum(seconds[stage] for stage in ("core", "select", "label", "validate")) for seconds in rounds]
    assert len(loop) == 200
    assert np.median(loop) < 2e-3


SMALL = ["rounds=100", "explorer.walkers=32", "validation.rounds=20"]
NET = ["model.ansatz.determinants=1", "model.ansatz.one_electron=4", "model.ansatz.two_electron=4"]


def handed_over(folder):
    """Return the checksums of the wave function, the energy, and what was said of each round but the time it took."""
    rounds = [json.loads(line) for line in (folder / "rounds.jsonl").read_text().splitlines()]
    manifest = json.loads((folder / "model" / "manifest.json").read_text())["sha256"]
    energy = json.loads((folder / "summary.json").read_text())["validation"]
    return manifest, energy, [{k: v for k, v in line.items() if k not in ("seconds", "check")} for line in rounds]


@pytest.mark.slow
@pytest.mark.parametrize("words", [["experiment=helium", *NET], ["experiment=tfim_chain", "system.shape=[8]"]])
def test_fifty_rounds_and_fifty_more_are_a_hundred(words, energy, monkeypatch, tmp_path):
    energy(*words, *SMALL)
    whole, halves = tmp_path / "0", Path("halves").resolve()
    advance = Campaign.advance

    def stop_at_fifty(self, now):
        if now.round == 50:
            os.kill(os.getpid(), signal.SIGTERM)
        return advance(self, now)

    with monkeypatch.context() as patch:
        patch.setattr(Campaign, "advance", stop_at_fifty)
        with pytest.raises(SystemExit) as end:
            run([*words, *SMALL, "hydra.run.dir=halves"])
    assert end.value.code == 75
    assert len((halves / "rounds.jsonl").read_text().splitlines()) == 50
    monkeypatch.setattr(sys, "argv", ["elt", "resume", str(halves)])
    with pytest.raises(SystemExit) as end:
        raise SystemExit(cli.main())
    assert end.value.code == 0
    assert handed_over(halves) == handed_over(whole)
