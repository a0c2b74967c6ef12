"""Boundary value and eigenvalue problems go round the same loop."""

import json
import sys

import numpy as np
import pytest

from eltanin.compose import run


@pytest.fixture
def told(monkeypatch, tmp_path):
    """Return what the summary of a run says under `validation`."""
    monkeypatch.setattr(sys, "argv", ["elt"])
    monkeypatch.chdir(tmp_path)

    def measured(*overrides):
        with pytest.raises(SystemExit) as end:  # as Hydra ends a run
            run([*overrides, "hydra.run.dir=run"])
        assert end.value.code == 0
        return json.loads((tmp_path / "run" / "summary.json").read_text())["validation"]

    return measured


def test_poissons_equation_in_a_short_campaign(told):
    assert told("experiment=poisson", "rounds=60", "model.ansatz.width=8")["relative_l2_error"] < 0.1


@pytest.mark.slow
def test_poissons_equation(told):
    assert told("experiment=poisson")["relative_l2_error"] < 0.01


@pytest.mark.slow
def test_lowest_eigenvalue_between_walls(told):
    parts = "system=cube explorer=monte_carlo selector=everything labeler=free_particle model=wavefunction"
    sizes = "explorer.walkers=128 explorer.step=0.2 model.ansatz.width=8 model.ansatz.blocks=1 rounds=100"
    loop = "model/ansatz=residual_net validation=energy committee=1 memory=latest labels=null validation.rounds=60"
    found = told(*parts.split(), *loop.split(), *sizes.split())
    assert found["reference_energy"] == pytest.approx(np.pi**2)  # d π²/2, hartree
    assert found["energy"] == pytest.approx(np.pi**2, rel=2e-3)
    assert found["energy"] > np.pi**2 - 4 * found["energy_error"]
    assert found["kinetic_discrepancy"] < 4
