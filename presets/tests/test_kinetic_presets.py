"""Closures from kinetic flows by the command line: presets begin, run to their ends, and measure what they promise."""

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

PRESETS = {
    "shock_wave": {"shock", "wave", "riemann"},
    "kinetic_waves": {"wave", "mixture", "transition"},
    "riemann": {"riemann"},
}
FIELDS = ("rho", "u", "T")
TINY = [
    "executor=inline", "rounds=2", "explorer.problems=3", "explorer.cells=8", "explorer.duration=0.02",
    "explorer.shock_cells=16", "explorer.shock_length=32", "explorer.shock_duration=0.5",
    "model.steps=3", "model.width=4",
]  # fmt: skip
SMALL_FLOWS = ["validation.cells=8", "validation.problems=1", "validation.knudsen=[0.1,1]"]


@pytest.fixture
def elt(monkeypatch, capsys, tmp_path):
    """Return what runs the command line in this process: a preset's summary, or its campaign."""
    monkeypatch.setattr(sys, "argv", ["elt"])
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    monkeypatch.chdir(tmp_path)

    def summary(*overrides):
        with pytest.raises(SystemExit) as end:  # as Hydra ends a run
            run([*overrides, "hydra.run.dir=run", f"store={tmp_path / 'store'}"])
        assert end.value.code == 0
        return json.loads((tmp_path / "run" / "summary.json").read_text())

    def composed(*overrides):
        capsys.readouterr()
        assert run([*overrides, "--cfg", "job"]) == 0
        return restore(yaml.safe_load(capsys.readouterr().out))[0]

    return summary, composed


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_of_flows_composes_and_begins(elt, name):
    campaign = elt[1](f"experiment={name}")
    x, _ = campaign.explorer.explore([], campaign.explorer.init(stream(0)), None, stream(1))
    assert set(x.evidence["region"]) == PRESETS[name]
    assert not campaign.domain.flaws(x)
    campaign.labeler.check(x)
    campaign.model.check(x)
    campaign.validation.check_model(campaign.model)
    assert campaign.explorer.instants == campaign.labeler.instants
    shocks = x.evidence["mach"][np.isfinite(x.evidence["mach"])]
    assert np.all(shocks <= 4.0)  # Mach 5.5 and beyond are for the measurement


def test_waves_are_measured_beside_three_classical_descriptions(elt):
    summary = elt[0](
        "experiment=kinetic_waves", *TINY, *SMALL_FLOWS, "validation.transitions=1", "validation.refined=[]",
        "model.order=4", "model.faces=16",
    )  # fmt: skip
    assert summary["status"] == "budget"
    for prefix in ("", "euler_", "nsf_", "free_"):
        for where in ("kn_0.1", "kn_1", "transition"):
            assert all(0 < summary["validation"][f"{prefix}error_{field}_{where}"] < 0.5 for field in FIELDS)
    assert summary["labelled"] >= 3
    assert_told("Linear waves", "Conservation and margins over time", "Errors over Knudsen numbers")


def test_shocks_are_measured_at_mach_numbers_that_were_not_seen(elt):
    few = ["validation.mach=[1.5]", "validation.refined=[]", "validation.cells=20", "validation.duration=0.5"]
    told = elt[0]("experiment=shock_wave", *TINY, *few, "model.cells=16")["validation"]
    for name in (*FIELDS, "sigma", "q"):
        assert 0 < told[f"relative_l1_{name}_mach_1.5"] < 2
    assert told["thickness_ratio_mach_1.5"] > 0
    assert told["temperature_ratio_ahead_mach_1.5"] > 0
    assert_told("Closing fluxes", "Characteristic speeds", "Standing shocks")


def assert_told(*titles):
    """See that the report of the run has these sections, and that none was left out for an error."""
    page = Path("run/report.html").read_text()
    assert "Not shown" not in page
    assert all(f"<h2>{title}</h2>" in page for title in titles)


def ran(tmp_path, name):
    """Run a preset to its end as a user does, and return its summary."""
    command = [str(Path(sys.executable).with_name("elt")), "run", f"experiment={name}"]
    told = [f"hydra.run.dir={tmp_path / 'run'}", f"store={tmp_path / 'store'}"]
    subprocess.run([*command, *told], check=True, cwd=tmp_path)
    return json.loads((tmp_path / "run" / "summary.json").read_text())


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_a_shock_of_mach_five_and_a_half_that_no_label_has_shown(tmp_path):
    """Navier-Stokes-Fourier errs by 0.374, 0.355, 0.453, 0.394 and 0.558; the closure must do better on two grids."""
    told = ran(tmp_path, "shock_wave")["validation"]
    most = {"rho": 0.05, "u": 0.05, "T": 0.05, "sigma": 0.10, "q": 0.12}
    for cells in ("", "_fine"):
        errors = {name: told[f"relative_l1_{name}_mach_5.5{cells}"] for name in most}
        assert {name: error for name, error in errors.items() if not error <= most[name]} == {}
        assert told[f"thickness_ratio_mach_5.5{cells}"] == pytest.approx(1, abs=0.03)
        assert told[f"temperature_ratio_ahead_mach_5.5{cells}"] == pytest.approx(1, abs=0.03)
    assert told["nsf_relative_l1_rho_mach_5.5"] == pytest.approx(0.374, abs=0.005)
    assert told["nsf_relative_l1_q_mach_5.5"] == pytest.approx(0.558, abs=0.005)


@pytest.mark.slow
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("name", ["kinetic_waves", "riemann"])
def test_one_closure_serves_all_knudsen_numbers(tmp_path, name):
    told = ran(tmp_path, name)["validation"]
    for kn in ("0.001", "0.01", "0.1", "1", "10"):
        for field in FIELDS:
            ours, *others = (told[f"{prefix}error_{field}_kn_{kn}"] for prefix in ("", "euler_", "nsf_", "free_"))
            assert ours <= max(0.01, min(others))
            if kn == "0.1" and name == "kinetic_waves":  # where none of the three serves
                assert ours <= min(others) / 5
