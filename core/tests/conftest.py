"""Packages that exist for a test alone: parts of a toy domain, installed by their metadata."""

import importlib
import sys
from pathlib import Path

import pytest
import yaml

from eltanin import registry

PARTS = Path(__file__).parent / "parts"
TOYS = {
    "eltanin.domain": {"toy": "toy_parts:Toy", "lattice": "toy_parts:Lattice"},
    "eltanin.system": {"box": "toy_parts:Box"},
    "eltanin.explorer": {"walk": "toy_parts:Walk", "foreign": "toy_parts:Foreign"},
    "eltanin.selector": {"all": "toy_parts:Here"},
    "eltanin.labeler": {"square": "toy_parts:Square", "measured": "toy_parts:Measured", "odd": "toy_parts:Odd"},
    "eltanin.model": {"line": "toy_parts:Line", "plane": "toy_parts:Plane", "homeless": "toy_parts:Homeless"},
    "eltanin.model.basis": {"powers": "toy_parts:Powers", "waves": "toy_parts:Waves"},
    "eltanin.executor": {"here": "toy_parts:Here"},
    "eltanin.presets": {"toys": "toy_presets"},
}


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Install a distribution: metadata in a folder of its own, modules in `parts`."""

    def installer(distribution, version, groups):
        info = tmp_path / "site" / f"{distribution.replace('-', '_')}-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
        sections = [f"[{group}]\n" + "".join(f"{k} = {v}\n" for k, v in all_.items()) for group, all_ in groups.items()]
        (info / "entry_points.txt").write_text("\n".join(sections))
        forget()

    def forget():
        importlib.invalidate_caches()
        registry.components.cache_clear()

    monkeypatch.syspath_prepend(PARTS)
    monkeypatch.syspath_prepend(tmp_path / "site")
    yield installer
    monkeypatch.undo()
    forget()


@pytest.fixture
def toys(install):
    """Install the toy domain."""
    install("toy-parts", "1.0", TOYS)


@pytest.fixture
def compose(toys, monkeypatch, capsys, tmp_path):
    """Return what `elt run` composes of overrides, on top of the toy preset."""
    from eltanin.compose import run

    monkeypatch.setattr(sys, "argv", ["elt"])
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    monkeypatch.chdir(tmp_path)

    def composer(*overrides, preset="toy"):
        assert run([f"experiment={preset}", *overrides, "--cfg", "job"]) == 0
        return yaml.safe_load(capsys.readouterr().out)

    return composer
