"""The periodic first-principles preset: what it asks for holds together, and it learns the labeler's crystal."""

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
from eltanin_pyscf_dft.kpoints import divisions

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def test_all_cells_of_silicon_dft_are_sampled_alike(monkeypatch, capsys, tmp_path):
    """Twenty-seven k-points in every cell that it begins with, and these span more than ±6 % of the volume."""
    monkeypatch.setattr(sys, "argv", ["elt"])
    monkeypatch.chdir(tmp_path)
    assert run(["experiment=silicon_dft", "explorer.initial=40", "--cfg", "job"]) == 0
    campaign = restore(yaml.safe_load(capsys.readouterr().out))[0]
    x, _ = campaign.explorer.explore([], campaign.explorer.init(stream(0)), None, stream(1))
    assert {divisions(cell, campaign.labeler.kpoint_spacing) for cell in x.cell} == {(3, 3, 3)}
    relative = x.volume / campaign.explorer.system.structures().volume[0]
    assert relative.min() < 0.94
    assert relative.max() > 1.06
    assert np.all(x.counts == 2)
    campaign.labeler.check(x)
    campaign.model.check(x)


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_silicon_converges_to_the_equation_of_state_of_its_labeler(tmp_path):
    """2 meV/atom over 6 % of the volume to both sides, counted from nothing: no constant is taken off."""
    folder = tmp_path / "run"
    told = ["experiment=silicon_dft", f"hydra.run.dir={folder}", f"store={tmp_path / 'store'}"]
    subprocess.run([str(Path(sys.executable).with_name("elt")), "run", *told], check=True, cwd=tmp_path)
    assert json.loads((folder / "summary.json").read_text())["status"] == "converged"
    command = [sys.executable, str(BENCHMARKS / "equation_of_state.py"), str(folder), "--within", "2"]
    print(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
