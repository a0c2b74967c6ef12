"""A trained committee in a program of one's own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk

import eltanin
from eltanin.batch import Properties
from eltanin.errors import ConfigurationError
from eltanin.protocols import Dataset
from eltanin.run.importing import completed, save
from eltanin_atoms import files
from eltanin_atoms.domain import Atoms
from eltanin_atoms.structures import Structures
from eltanin_neural_potential import NeuralPotential
from eltanin_smooth import Smooth

ELT = Path(sys.executable).with_name("elt")
README = Path(__file__).parents[1] / "README.md"
TINY = [
    "experiment=argon", "rounds=1", "committee=2", "labels=null", "audit.tolerance=null", "explorer.initial=1",
    "explorer.steps=10", "model.steps=8", "model.steps_first=8", "model.descriptor.neurons=[4,8]",
    "model.descriptor.axis=4", "model.neurons=[8,8]", "validation=null", "executor=inline", "store=labels",
    "hydra.run.dir=run",
]  # fmt: skip
GAS = [
    "experiment=null", "system=lorentz_gas", "explorer=random_states", "explorer.problems=4", "selector=everything",
    "labeler=relaxation", "model=ridge_closure", "committee=2", "rounds=1", "labels=null", "audit.tolerance=null",
    "store=none", "executor=inline", "validation=null", "hydra.run.dir=gas",
]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Where there are finished runs, of argon and of a gas."""
    cwd = tmp_path_factory.mktemp("using")
    for words in (TINY, GAS):
        environment = {**os.environ, "XDG_DATA_HOME": str(cwd)}
        done = subprocess.run(
            [ELT, "run", *words], cwd=cwd, env=environment, capture_output=True, text=True, timeout=200
        )
        assert done.returncode == 0, done.stderr
    return cwd


def copper_model(path: Path) -> None:
    """Write a folder as `elt import` does, of a potential of copper that has learned nothing."""
    small = {"neurons": [4, 8], "axis": 4, "cutoff": 5.0}
    model = NeuralPotential(descriptor=Smooth(**small), neurons=[8], elements=["Cu"], device="cpu")
    x = Structures.from_ase([bulk("Cu", cubic=True)])
    data = Dataset(
        x, Properties.of(energy=np.array([-14.0])), *(np.zeros(1, int) for _ in range(3)), Properties.none(1)
    )
    state = model.init(data, np.random.default_rng(0))
    inner = {"_name_": "smooth", **small}
    settings = {"_name_": "neural_potential", "descriptor": inner, "neurons": [8], "elements": ["Cu"], "device": "cpu"}
    save(path, completed("model", settings), state)


def test_the_example_of_the_readme_runs(tmp_path, monkeypatch, capsys):
    (example,) = [
        code for code in re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL) if "calculator(" in code
    ]
    copper_model(tmp_path / "RUN")
    monkeypatch.chdir(tmp_path)
    exec(compile(example, "README.md", "exec"), {})
    energy, shape, deviation = re.match(r"(\S+) (\(.*\)) (\S+)", capsys.readouterr().out).groups()
    assert np.isfinite(float(energy))
    assert shape == "(108, 3)"
    assert deviation == "nan", "one member alone cannot doubt itself"


def test_a_run_is_what_elt_predict_says_and_how_far_its_members_deviate(folder, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    frames = [bulk("Ar", cubic=True, a=5.3) for _ in range(3)]
    for k, atoms in enumerate(frames):
        atoms.rattle(0.2, seed=k)
    x = Structures.from_ase(frames)
    files.write(tmp_path / "x.extxyz", x, Properties.none(3))
    done = subprocess.run([ELT, "predict", folder / "run", "x.extxyz", "-o", "y.extxyz"], cwd=tmp_path, timeout=100)
    assert done.returncode == 0
    _, y = files.read(tmp_path / "y.extxyz")
    calculator = eltanin.calculator(folder / "run")
    members = eltanin.committee(str(folder / "run"))
    assert Path.cwd() == tmp_path
    assert len(members) == 2
    deviation = Atoms().deviation([m.predict(x) for m in members])
    assert deviation.min() > 1e-6
    for k, atoms in enumerate(frames):
        atoms.calc = calculator
        np.testing.assert_allclose(atoms.get_potential_energy(), y.values["energy"][k], rtol=1e-12)
        np.testing.assert_allclose(atoms.get_forces(), y.values["forces"].rows()[k], rtol=0, atol=1e-12)
        assert calculator.results["force_deviation"] == pytest.approx(deviation[k])
    frames[0].calc = eltanin.calculator(folder / "run", drivers=1)
    alone = members[0].predict(x).values["energy"][0]
    np.testing.assert_allclose(frames[0].get_potential_energy(), alone, rtol=1e-14)


def test_what_cannot_be_had_is_told(folder, tmp_path):
    with pytest.raises(ConfigurationError, match=r"calculator of the domain gas: eltanin\.committee"):
        eltanin.calculator(folder / "gas")
    with pytest.raises(ConfigurationError, match="nothing"):
        eltanin.committee(tmp_path / "nothing")


def test_neither_costs_a_command_anything():
    done = subprocess.run([sys.executable, "-X", "importtime", "-c", "import eltanin"], capture_output=True, text=True)
    assert not re.search(r"\| +(numpy|omegaconf|eltanin\.run)\b", done.stderr)


def test_a_member_goes_out_as_torchscript(folder):
    words = ["export", "run", "--format", "torchscript", "--member", "1", "-o", "ar.pt"]
    done = subprocess.run([ELT, *words], cwd=folder, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    assert "ar.pt: member 1 of 2. it takes pairs closer than" in done.stdout
    assert (folder / "ar.pt").stat().st_size > 10_000
