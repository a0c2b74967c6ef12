"""The periodic first-principles preset: what it asks for holds together."""

from __future__ import annotations

import sys

import numpy as np
import yaml

from eltanin.compose import restore, run
from eltanin.randomness import stream
from eltanin_pyscf_dft.kpoints import divisions


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
