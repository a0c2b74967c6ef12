"""The presets from first principles: each composes, builds and begins; the smallest runs to its end."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from eltanin.compose import restore, run
from eltanin.randomness import stream

MOLECULES = ["water_molecule_dft", "water_cluster_dft", "malonaldehyde_dft"]
BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def compose(monkeypatch, capsys, tmp_path):
    """Return the run that the command line makes of a preset."""
    monkeypatch.setattr(sys, "argv", ["elt"])
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    monkeypatch.chdir(tmp_path)

    def composer(name, *overrides):
        capsys.readouterr()
        assert run([f"experiment={name}", *overrides, "--cfg", "job"]) == 0
        return restore(yaml.safe_load(capsys.readouterr().out))[0]

    return composer


@pytest.mark.parametrize("name", MOLECULES)
def test_a_preset_of_a_molecule_composes_and_begins(compose, name):
    campaign = compose(name)
    x, _ = campaign.explorer.explore([], campaign.explorer.init(stream(0)), None, stream(1))
    assert len(x) >= 20
    assert not campaign.domain.flaws(x)
    campaign.labeler.check(x)
    campaign.model.check(x)


def test_the_first_structures_of_water_have_labels(compose):
    campaign = compose("water_molecule_dft")
    x, _ = campaign.explorer.explore([], campaign.explorer.init(stream(0)), None, stream(1))
    labels = campaign.labeler.label(x[np.array([0])], campaign.domain.wanted, stream(2))
    assert not labels.failures
    assert np.abs(labels.values.values["forces"].values).max() < 20


def ran(tmp_path, *words):
    """Run a preset to its end, and return its folder and summary."""
    folder = tmp_path / "run"
    told = [f"hydra.run.dir={folder}", f"store={tmp_path / 'store'}"]
    subprocess.run([str(Path(sys.executable).with_name("elt")), "run", *words, *told], check=True, cwd=tmp_path)
    return folder, json.loads((folder / "summary.json").read_text())


def measured(script, folder, within):
    """Run a script on a finished run; it fails where the two differ by more."""
    command = [sys.executable, str(BENCHMARKS / script), str(folder), "--within", str(within)]
    print(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_water_converges_and_vibrates_as_first_principles_have_it(tmp_path):
    folder, summary = ran(tmp_path, "experiment=water_molecule_dft")
    assert summary["status"] == "converged"
    assert summary["labelled"] <= 120
    measured("frequencies.py", folder, 15)


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_the_proton_of_malonaldehyde_moves_as_first_principles_have_it(tmp_path):
    folder, summary = ran(tmp_path, "experiment=malonaldehyde_dft")
    assert summary["labelled"] <= 240
    measured("proton_transfer.py", folder, 0.02)


@pytest.mark.parametrize("quantity", ["dipole", "polarizability"])
def test_molecules_of_a_tensor_compose_and_begin(compose, quantity):
    campaign = compose("water_dipole_dft", f"domain.quantity={quantity}")
    x, _ = campaign.explorer.explore([], campaign.explorer.init(stream(0)), None, stream(1))
    assert len(x) == 12
    assert not campaign.domain.flaws(x)
    campaign.labeler.check(x)
    campaign.model.check(x)
    test, labels = campaign.validation.make(None, None, stream(2))
    assert labels.has(quantity).all()
    pool = campaign.explorer.everything.positions.values.reshape(-1, 9)
    assert not (test.positions.values.reshape(-1, 1, 9) == pool).all(axis=2).any()


def test_the_test_set_of_molecules_is_what_the_labeler_says(compose):
    campaign = compose("water_dipole_dft")
    x, known = campaign.validation.make(None, None, stream(0))
    labels = campaign.labeler.label(x[np.array([7])], frozenset({"dipole", "polarizability"}), stream(1))
    for name in ("dipole", "polarizability"):
        np.testing.assert_allclose(labels.values.values[name][0], known.values[name][7], atol=1e-5)


@pytest.mark.slow
@pytest.mark.timeout(3000)
@pytest.mark.parametrize(
    ("quantity", "unit"), [("dipole", "me_angstrom"), ("polarizability", "cubic_angstrom")], ids=["dipole", "alpha"]
)
def test_a_tensor_of_water_converges_far_below_its_spread(tmp_path, quantity, unit):
    _, summary = ran(tmp_path, "experiment=water_dipole_dft", f"domain.quantity={quantity}")
    assert summary["status"] == "converged"
    error, spread = (summary["validation"][f"{quantity}_{what}_{unit}"] for what in ("rmse", "spread"))
    assert error < 0.05 * spread
