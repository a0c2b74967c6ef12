"""A package by somebody else: one dataclass, one entry point, installed beside core in an environment of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PACKAGES = [ROOT / "core", ROOT / "domains" / "gas", Path(__file__).parent / "levermore"]
SMALL = [
    "experiment=null",
    "system=lorentz_gas",
    "explorer=random_states",
    "explorer.problems=4",
    "selector=everything",
    "labeler=levermore",
    "model=ridge_closure",
    "committee=2",
    "rounds=1",
]

pytestmark = [pytest.mark.timeout(900), pytest.mark.xdist_group("third_party")]


def call(*command, cwd):
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, cwd=cwd, timeout=800)
    assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    """Return the scripts of a new environment that holds core, one domain and the foreign package, all from wheels."""
    place = tmp_path_factory.mktemp("fresh")
    wheel = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", "wheels"]
    call(*wheel, *PACKAGES, cwd=place)
    wheels = sorted((place / "wheels").glob("*.whl"))
    assert len(wheels) == len(PACKAGES)
    call(sys.executable, "-m", "venv", "venv", cwd=place)
    scripts = place / "venv" / "bin"
    call(scripts / "pip", "install", "--quiet", "-c", ROOT / "constraints.txt", *wheels, cwd=place)
    return scripts


@pytest.fixture
def elt(fresh, tmp_path):
    """Return the command of that environment, in a folder and a store of its own."""
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}
    environment["XDG_DATA_HOME"] = str(tmp_path / "data")

    def command(*arguments):
        return subprocess.run(
            [fresh / "elt", *arguments], capture_output=True, text=True, cwd=tmp_path, env=environment, timeout=300
        )

    return command


def test_environment_holds_neither_torch_nor_ase(fresh, tmp_path):
    found = "import importlib.util as u; print([m for m in ('torch', 'ase') if u.find_spec(m)])"
    assert call(fresh / "python", "-c", found, cwd=tmp_path).strip() == "[]"


def test_package_is_listed_and_shown(elt):
    (row,) = [row for row in json.loads(elt("plugins", "--json").stdout) if row["name"] == "levermore"]
    assert (row["role"], row["domain"], row["distribution"], row["version"]) == (
        "labeler",
        "gas",
        "levermore-closure",
        "1.0",
    )
    assert "labeler.anisotropy" in elt("show", "labeler", "levermore").stdout


def test_its_part_runs_a_campaign(elt, tmp_path):
    done = elt("run", *SMALL, "labeler.anisotropy=0.5", "hydra.run.dir=one")
    assert done.returncode == 0, done.stderr
    summary = json.loads((tmp_path / "one" / "summary.json").read_text())
    assert summary["labelled"] > 0
    plugins = json.loads((tmp_path / "one" / "plugins.json").read_text())
    assert plugins["labeler=levermore"] == "levermore-closure 1.0"
    config = yaml.safe_load((tmp_path / "one" / "config.yaml").read_text())
    assert config["labeler"] == {"_name_": "levermore", "anisotropy": 0.5}


def test_its_part_is_swept_over(elt, tmp_path):
    done = elt("run", "-m", *SMALL, "labeler.anisotropy=0,1", "labeler=levermore,relaxation", "hydra.sweep.dir=all")
    assert done.returncode == 2, "relaxation has no anisotropy, and the sweep says so before it begins"
    assert "anisotropy" in done.stderr
    done = elt("run", "-m", *SMALL, "labeler.anisotropy=0,1", "seed=0,1", "hydra.sweep.dir=sweep")
    assert done.returncode == 0, done.stderr
    runs = sorted((tmp_path / "sweep").glob("*/config.yaml"))
    configs = [yaml.safe_load(run.read_text()) for run in runs]
    assert [(c["labeler"]["anisotropy"], c["seed"]) for c in configs] == [(0.0, 0), (0.0, 1), (1.0, 0), (1.0, 1)]


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("labeler.anisotropy=2", "a mixture has a part from 0 to 1"),
        ("labeler.anisotropy=much", "Value 'much' of type 'str' could not be converted to Float"),
        ("labeler.anistropy=1", "did you mean anisotropy?"),
        ("labeler=levermor", "did you mean levermore?"),
    ],
)
def test_its_settings_are_checked_like_any(elt, said, message):
    done = elt("run", *SMALL, said)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
