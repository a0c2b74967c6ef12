"""`elt export` and `elt import` as a user meets them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from eltanin_atoms import files

ELT = Path(sys.executable).with_name("elt")
TINY = [
    "experiment=argon", "rounds=2", "committee=2", "labels=null", "audit.tolerance=null", "explorer.steps=10",
    "explorer.initial=3", "model.steps=8", "model.steps_first=8", "model.descriptor.neurons=[4,8]",
    "model.descriptor.axis=4", "model.descriptor.intervals=0", "model.neurons=[8,8]", "selector.budget=2",
    "validation.samples=2", "executor=inline", "store=labels", "hydra.run.dir=run",
]  # fmt: skip


def elt(*words: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "XDG_DATA_HOME": str(cwd), "COLUMNS": "200"}
    done = subprocess.run(
        [ELT, *map(str, words)], cwd=cwd, env=environment, capture_output=True, text=True, timeout=200
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where there is a finished run."""
    cwd = tmp_path_factory.mktemp("deepmd")
    done = elt("run", *TINY, cwd=cwd)
    assert done.returncode == 0, done.stderr
    return cwd


def test_a_committee_goes_out_and_its_members_come_back(folder):
    data = next((folder / "run").glob("dataset.*"))
    x, _ = files.read(data)
    done = elt(
        "export", "run", "--format", "deepmd", "-o", "ar.dp", "--member", "all", "--set", "margin=1.5", cwd=folder
    )
    assert done.returncode == 0, done.stderr
    assert "ar-1.dp: member 1 of 2" in done.stdout
    columns = []
    for member in (0, 1):
        assert elt("import", f"ar-{member}.dp", cwd=folder).returncode == 0
        done = elt("predict", f"ar-{member}", data, "-o", f"{member}.extxyz", cwd=folder)
        assert done.returncode == 0, done.stderr
        columns.append(files.read(folder / f"{member}.extxyz")[1].values)
    assert elt("predict", "run", data, "-o", "mean.extxyz", cwd=folder).returncode == 0
    mean = files.read(folder / "mean.extxyz")[1].values
    energies = [column["energy"] for column in columns]
    assert np.abs(energies[0] - energies[1]).max() > 1e-6, "two members, not one twice"
    np.testing.assert_allclose(np.mean(energies, axis=0) / x.counts, mean["energy"] / x.counts, rtol=0, atol=1e-12)
    forces = np.mean([column["forces"].values for column in columns], axis=0)
    np.testing.assert_allclose(forces, mean["forces"].values, rtol=0, atol=1e-11)


@pytest.mark.slow
def test_one_member_goes_by_the_name_of_its_run_and_goes_on_from_what_was_imported(folder):
    assert elt("export", "run", "--format", "deepmd", cwd=folder).returncode == 0
    assert elt("import", "run.dp", "-o", "copy", "--set", "intervals=64", cwd=folder).returncode == 0
    again = elt("export", "copy", "--format", "deepmd", "-o", "again.dp", cwd=folder)
    assert again.returncode == 0, again.stderr
    assert (folder / "again.dp").stat().st_size > 1000
    data = next((folder / "run").glob("dataset.*"))
    assert "force_rmse_mev_per_angstrom" in elt("evaluate", "copy", data, cwd=folder).stdout


@pytest.mark.slow
def test_a_campaign_begins_with_what_was_imported(folder):
    assert elt("export", "run", "--format", "deepmd", "-o", "begin.dp", cwd=folder).returncode == 0
    assert elt("import", "begin.dp", cwd=folder).returncode == 0
    words = [word for word in TINY if not word.startswith(("hydra.run.dir", "rounds"))] + ["rounds=1"]
    done = elt("run", *words, "hydra.run.dir=next", "model.start_from=begin", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "force_rmse_mev_per_angstrom" in elt("evaluate", "next", "next/dataset.extxyz", cwd=folder).stdout
    other = ["model.start_from=begin", "model.descriptor.axis=3"]
    done = elt("run", *words, "hydra.run.dir=refused", *other, cwd=folder)
    assert done.returncode == 2, done.stderr
    assert "model.descriptor.axis=3, and what begin holds was learned with 4" in done.stderr
    assert not (folder / "refused" / "rounds.jsonl").exists()


WRONG = {
    "format": (["export", "run", "--format", "deepm"], ["exporter=deepm is not installed", "did you mean deepmd?"]),
    "member": (["export", "run", "--format", "deepmd", "--member", "2"], ["--member 2", "there are 2 members"]),
    "setting": (["export", "run", "--format", "deepmd", "--set", "margn=2"], ["margn", "did you mean margin?"]),
    "no setting": (["export", "run", "--format", "deepmd", "--set", "margin"], ["margin is no setting", "NAME=VALUE"]),
    "sel": (["export", "run", "--format", "deepmd", "--set", "sel=[1]"], ["sel=[1]", "as many or more"]),
    "nowhere": (["export", "run", "--format", "deepmd", "-o", "no/a.dp"], ["/no is no folder", "make it"]),
    "no run": (["export", "nothing", "--format", "deepmd"], ["is not the folder of a run"]),
    "name": (["import", "model.pth"], ["model.pth", "*.dp (deepmd)"]),
    "file": (["import", "model.dp"], ["model.dp does not exist"]),
    "nowhere to write": (["export", "run", "--format", "deepmd", "-o", "/proc/a.dp"], ["/proc/a.dp cannot be written"]),
    "taken": (["import", "model.dp", "-o", "run"], ["run is there already"]),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_told(folder, case):
    words, named = WRONG[case]
    done = elt(*words, cwd=folder)
    assert done.returncode == 2, done.stderr
    for part in named:
        assert part in done.stderr


@pytest.mark.slow
def test_a_model_that_was_changed_is_not_used(folder):
    assert elt("export", "run", "--format", "deepmd", "-o", "b.dp", cwd=folder).returncode == 0
    assert elt("import", "b.dp", cwd=folder).returncode == 0
    manifest = folder / "b" / "model" / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"cutoff": ', '"cutoff": 1'))
    done = elt("evaluate", "b", next((folder / "run").glob("dataset.*")), cwd=folder)
    assert done.returncode != 0
    assert "manifest.json is damaged" in done.stderr
