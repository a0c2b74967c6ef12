"""Presets: each composes, builds and begins; they ship with what they name."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import yaml

from eltanin.compose import restore, run
from eltanin.errors import ConfigurationError
from eltanin.randomness import stream

PRESETS = ["argon", "copper", "labelled_pool", "water_dataset"]
HERE = Path(__file__).parents[1]


@pytest.fixture
def water(tmp_path):
    """Four parts of a water molecule with labels, in the shape of DeePMD's npy format."""
    for k in range(4):
        folder = tmp_path / "water" / f"data_{k}"
        (folder / "set.000").mkdir(parents=True)
        (folder / "type.raw").write_text("0\n1\n1\n")
        (folder / "type_map.raw").write_text("O\nH\n")
        rng = np.random.default_rng(k)
        atoms = np.array([0, 0, 0, 0.96, 0, 0, -0.24, 0.93, 0]) + 0.05 * rng.normal(size=(15, 9))
        np.save(folder / "set.000" / "coord.npy", 3 + atoms)
        np.save(folder / "set.000" / "box.npy", np.tile(8.0 * np.eye(3).ravel(), (15, 1)))
        np.save(folder / "set.000" / "energy.npy", rng.normal(size=15))
        np.save(folder / "set.000" / "force.npy", rng.normal(size=(15, 9)))
    return tmp_path / "water"


@pytest.fixture
def compose(monkeypatch, capsys, tmp_path):
    """Return the run that the command line makes of a preset."""
    monkeypatch.setattr(sys, "argv", ["elt"])
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    monkeypatch.chdir(tmp_path)

    def composer(*overrides):
        capsys.readouterr()
        assert run([*overrides, "--cfg", "job"]) == 0
        return restore(yaml.safe_load(capsys.readouterr().out))[0]

    return composer


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_composes_builds_and_begins(compose, water, name):
    campaign = compose(f"experiment={name}", f"data={water}")
    x, _ = campaign.explorer.explore([], campaign.explorer.init(stream(0)), None, stream(1))
    assert len(x) >= 20
    campaign.model.check(x)
    labels = campaign.labeler.label(x[:2], campaign.domain.wanted, stream(2))
    assert not labels.failures


def test_a_preset_is_overridden_on_the_command_line(compose):
    campaign = compose("experiment=copper", "explorer.regions.liquid.temperatures=[1800]", "selector.budget=7")
    assert campaign.explorer.regions["liquid"].temperatures == [1800.0]
    assert campaign.selector.budget == 7
    assert len(campaign.explorer.regions) == 3


def test_the_copper_crystal_is_face_centred_cubic(compose):
    x = compose("experiment=copper").system.structures()
    assert list(x.counts) == [32]
    assert set(x.numbers.values) == {29}
    assert x.pbc.all()
    assert np.allclose(x.cell[0], 7.22 * np.eye(3), atol=1e-12)
    d = np.linalg.norm(x.positions.values[1:] - x.positions.values[0], axis=1)
    assert d.min() == pytest.approx(3.61 / np.sqrt(2))


def test_every_state_point_of_copper_is_explored_and_the_liquid_is_melted_first(compose):
    points = compose("experiment=copper").explorer.points
    assert {p.region for p in points} == {"solid", "hot_solid", "liquid"}
    assert all(len({p.pressure for p in points if p.region == r}) > 1 for r in ("solid", "liquid"))
    assert all(p.first_temperature > p.temperature for p in points if p.region == "liquid")


@pytest.mark.parametrize("name", ["labelled_pool", "water_dataset"])
def test_data_that_are_not_given_are_asked_for(compose, name):
    with pytest.raises(ConfigurationError, match="data=PATH"):
        compose(f"experiment={name}")


def test_test_sets_are_not_learned_from(compose, water):
    for name in ("labelled_pool", "water_dataset"):
        campaign = compose(f"experiment={name}", f"data={water}")
        assert set(campaign.validation.parts).isdisjoint(campaign.explorer.parts)
        assert set(campaign.explorer.parts) <= set(campaign.labeler.parts)


def test_the_wheel_ships_presets_and_crystals(tmp_path):
    build = "import sys, hatchling.build as b; print(b.build_wheel(sys.argv[1]))"
    made = subprocess.run(
        [sys.executable, "-c", build, str(tmp_path)], cwd=HERE, check=True, capture_output=True, text=True
    )
    with zipfile.ZipFile(tmp_path / made.stdout.split()[-1]) as wheel:
        names = set(wheel.namelist())
    assert {f"eltanin_presets/experiment/{name}.yaml" for name in PRESETS} <= names
    assert {
        f"eltanin_presets/{name}" for name in ("copper.cif", "malonaldehyde.xyz", "water_molecules/pool.extxyz")
    } <= names
