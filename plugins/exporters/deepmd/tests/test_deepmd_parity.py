"""Energies, forces and virials are DeePMD-kit's own, in both directions.

    make test-deepmd PEERS=DIR

where DIR/dp is an environment with DeePMD-kit 3.2. Files hold nets. What is compared with them is Eltanin's
evaluation of the nets themselves (`intervals=0`), to rounding; a default model has a table in their place, and how
far it is from its own export has a test of its own.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms, units
from ase.build import bulk

from eltanin.batch import Properties, Ragged
from eltanin.protocols import Dataset
from eltanin_atoms import files
from eltanin_atoms.calculator import CommitteeCalculator
from eltanin_atoms.structures import Structures
from eltanin_deepmd import Deepmd
from eltanin_neural_potential import NeuralPotential
from eltanin_smooth import Smooth

pytestmark = pytest.mark.deepmd
ELT = Path(sys.executable).with_name("elt")
ENERGY, FORCE = 1e-10, 1e-8  # eV/atom, eV/Å
TABLE_ENERGY, TABLE_FORCE = 1e-9, 1e-7  # of a table with the default intervals


@pytest.fixture(scope="session")
def peer() -> Path:
    """The folder of DeePMD-kit's commands."""
    told = Path(os.environ.get("PEERS", "")) / "dp" / "bin"
    assert (told / "dp").exists(), "make test-deepmd PEERS=DIR, where DIR/dp is an environment with DeePMD-kit"
    return told.resolve()


def called(*words: Any, cwd: Path) -> str:
    """Return what a program says, on both of its channels."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "XDG_DATA_HOME": str(cwd)}
    done = subprocess.run([*map(str, words)], cwd=cwd, env=environment, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout + done.stderr


def frames_of(x: Structures, type_map: list[str], path: Path) -> None:
    """Write frames for the peer."""
    columns: dict[str, Any] = {"frames": len(x)}
    for k, atoms in enumerate(x.to_ase()):
        types = np.array([type_map.index(symbol) for symbol in atoms.symbols])
        columns |= {f"coord_{k}": atoms.positions, f"box_{k}": atoms.cell.array, f"types_{k}": types}
    np.savez(path, **columns)


def asked(peer: Path, folder: Path, jobs: dict[str, tuple[Path, Structures, list[str]]]) -> dict[str, Any]:
    """Return what DeePMD-kit says of frames, by the names of the jobs: a model, frames, and its type map."""
    told = []
    for number, (path, x, type_map) in enumerate(jobs.values()):
        system, answer = folder / f"frames-{number}.npz", folder / f"answer-{number}.npz"
        frames_of(x, type_map, system)
        told.append({"model": str(path), "system": str(system), "answer": str(answer)})
    (folder / "job.json").write_text(json.dumps(told))
    called(peer / "python", Path(__file__).with_name("peer.py"), folder / "job.json", cwd=folder)
    return {name: np.load(one["answer"]) for name, one in zip(jobs, told, strict=True)}


def assert_alike(found: Properties, expected: Any, counts: np.ndarray) -> None:
    """Compare energies and virials per atom, and forces."""
    energy, virial = found.values["energy"] - expected["energy"], found.values["virial"] - expected["virial"]
    assert np.abs(expected["forces"]).max() > 1e-3, "there is something to compare"
    assert np.abs(energy / counts).max() < ENERGY
    assert np.abs(found.values["forces"].values - expected["forces"]).max() < FORCE
    assert np.abs(virial / counts[:, None, None]).max() < FORCE


@pytest.fixture(scope="module")
def exported(peer, make, names, systems, golden, tmp_path_factory):
    """Models that were exported: jobs for DeePMD-kit, predictors, and what DeePMD-kit says."""
    folder, jobs, predictors = tmp_path_factory.mktemp("exported"), {}, {}
    members = {name: make(name) for name in names}
    members["golden"] = ("golden", *golden[:2])
    for number, (name, (system, model, state)) in enumerate(members.items()):
        path = folder / f"own-{number}.dp"
        Deepmd().export(model, state, path)
        jobs[name] = (path, {**systems, "golden": golden[2]}[system], state["elements"])
        predictors[name] = model.predictor(state)
    return jobs, predictors, asked(peer, folder, jobs)


def test_exported_models_are_the_same_there(exported):
    jobs, predictors, answers = exported
    for name, (_, x, _) in jobs.items():
        assert_alike(predictors[name].predict(x), answers[name], x.counts)


def test_golden_numbers_are_still_those(exported, numbers):
    answer = exported[2]["golden"]
    for name, expected in numbers.items():
        np.testing.assert_allclose(answer[name], expected, rtol=0, atol=1e-12)


def test_any_sufficient_sel_is_the_same_there(peer, make, systems, tmp_path):
    system, model, state = make("alloy by pairs")
    jobs = {}
    for sel in ([20, 40], [64, 96]):
        path = tmp_path / f"{sel[0]}.dp"
        Deepmd(sel=sel).export(model, state, path)
        jobs[str(sel)] = (path, systems[system], state["elements"])
    for answer in asked(peer, tmp_path, jobs).values():
        assert_alike(model.predictor(state).predict(systems[system]), answer, systems[system].counts)


@pytest.mark.parametrize("system", ["water", "alloy"])
def test_a_default_table_is_near_its_export(peer, systems, tmp_path, system):
    """Nets of the default sizes, and the default table of 128 intervals; the file has the nets."""
    x = systems[system]
    model = NeuralPotential(descriptor=Smooth(), device="cpu")
    n, none = len(x), np.zeros(len(x), int)
    data = Dataset(x, Properties.of(energy=np.full(n, -3.0)), none, none, np.full(n, np.nan), Properties.none(n))
    state = model.init(data, np.random.default_rng(4))
    Deepmd().export(model, state, tmp_path / "m.dp")
    answer = asked(peer, tmp_path, {"m": (tmp_path / "m.dp", x, state["elements"])})["m"]
    nets = replace(model, descriptor=Smooth(intervals=0))
    assert_alike(nets.predictor(state).predict(x), answer, x.counts)
    found = model.predictor(state).predict(x).values
    energy = np.abs(found["energy"] - answer["energy"]) / x.counts
    forces = np.abs(found["forces"].values - answer["forces"])
    assert 1e-13 < energy.max() < TABLE_ENERGY, "there is a table, and it is near"
    assert forces.max() < TABLE_FORCE


def labels_at_random(x: Structures) -> Properties:
    rng = np.random.default_rng(3)
    forces = Ragged(rng.normal(size=(len(x.positions.values), 3)), x.counts)
    return Properties.of(energy=rng.normal(-9, 1, len(x)), forces=forces, virial=rng.normal(size=(len(x), 3, 3)))


def test_dp_test_finds_the_errors_that_elt_evaluate_finds(peer, exported, systems, make, tmp_path):
    x = systems["alloy"][[0]]
    files.write(tmp_path / "data", x, labels_at_random(x))
    source = exported[0]["alloy by pairs with an average"][0]
    called(peer / "dp", "convert-backend", source, tmp_path / "m.pth", cwd=tmp_path)
    theirs = called(peer / "dp", "--pt", "test", "-m", "m.pth", "-s", "data/system.000", cwd=tmp_path)
    called(ELT, "import", source, "-o", "m", cwd=tmp_path)
    ours = dict(line.split(": ") for line in called(ELT, "evaluate", "m", "data", cwd=tmp_path).splitlines())
    for name, label, unit in (("energy", "Energy RMSE/Natoms", "per_atom"), ("force", "Force  RMSE", "per_angstrom")):
        found = re.search(rf"{label}\s*: (\S+)", theirs)
        assert found, theirs
        assert float(ours[f"{name}_rmse_mev_{unit}"]) == pytest.approx(1000 * float(found[1]), rel=1e-5)


LAMMPS = """
units metal
atom_style atomic
atom_modify map yes
read_data data.lammps
pair_style deepmd m.pth
pair_coeff * *
thermo_style custom step pe pxx pyy pzz pxy pxz pyz
thermo_modify format float %.15e
dump forces all custom 1 forces.txt id fx fy fz
dump_modify forces sort id format float %.15e
run 0
"""


def test_lammps_runs_it_on_one_rank_and_on_two(peer, make, tmp_path):
    _, model, state = make("alloy by pairs")
    atoms = bulk("Al", a=4.1, cubic=True).repeat(3)
    rng = np.random.default_rng(8)
    atoms.symbols[rng.permutation(len(atoms))[:40]] = "Mg"
    atoms.positions += 0.12 * rng.normal(size=(len(atoms), 3))
    atoms.wrap()
    atoms.calc = CommitteeCalculator([model.predictor(state)])
    Deepmd(margin=3).export(model, state, tmp_path / "m.dp")
    called(peer / "dp", "convert-backend", "m.dp", "m.pth", cwd=tmp_path)
    kinds = [1 + state["elements"].index(symbol) for symbol in atoms.symbols]
    rows = zip(kinds, atoms.positions.tolist(), strict=True)
    lines = [f"{k + 1} {kind} {a!r} {b!r} {c!r}" for k, (kind, (a, b, c)) in enumerate(rows)]
    sides = [f"0 {side!r} {axis}lo {axis}hi" for side, axis in zip(atoms.cell.lengths().tolist(), "xyz", strict=True)]
    head = ["made for a test\n", f"{len(atoms)} atoms", "2 atom types", *sides]
    body = ["\nMasses\n", "1 24.305", "2 26.982", "\nAtoms\n", *lines]
    (tmp_path / "data.lammps").write_text("\n".join([*head, *body, ""]))
    (tmp_path / "in.lammps").write_text(LAMMPS)
    energy, forces, stress = atoms.get_potential_energy(), atoms.get_forces(), atoms.get_stress(voigt=False)
    for ranks in (1, 2):
        said = called(peer / "mpirun", "-n", ranks, peer / "lmp", "-in", "in.lammps", cwd=tmp_path)
        found = re.search(r"Step +PotEng.*\n *0 +(\S+) +(.*)", said)
        assert found, said
        grid = re.search(r"(\d+) by (\d+) by (\d+) MPI processor grid", said)
        assert grid, said
        assert np.prod([int(n) for n in grid.groups()]) == ranks
        assert abs(float(found[1]) - energy) / len(atoms) < ENERGY
        assert np.abs(np.loadtxt(tmp_path / "forces.txt", skiprows=9)[:, 1:] - forces).max() < FORCE
        pressure = np.array([float(word) for word in found[2].split()]) * units.bar
        # Without velocities there is no kinetic part: what LAMMPS calls pressure is minus the stress.
        np.testing.assert_allclose(pressure, -stress[[0, 1, 2, 0, 0, 1], [0, 1, 2, 1, 2, 2]], rtol=1e-6, atol=0)


CONFIGURATION = {
    "learning_rate": {"type": "exp", "start_lr": 1e-3, "stop_lr": 1e-5, "decay_steps": 2},
    "loss": {"start_pref_e": 1, "limit_pref_e": 1, "start_pref_f": 10, "limit_pref_f": 1},
}
TRAINED = {
    "water": {"rcut": 5.5, "rcut_smth": 0.5, "sel": [80, 50], "type_one_side": True, "resnet_dt": False},
    "alloy": {"rcut": 5.0, "rcut_smth": 1.0, "sel": [40, 60], "type_one_side": False, "resnet_dt": True},
}


@pytest.mark.parametrize("system", TRAINED)
def test_models_that_dp_trained_are_the_same_here(peer, systems, tmp_path, system):
    x, type_map = systems[system], {"water": ["H", "O"], "alloy": ["Al", "Mg"]}[system]
    files.write(tmp_path / "data", x, labels_at_random(x))
    net = {"neuron": [5, 10, 20], "axis_neuron": 4, "seed": 1, "type": "se_e2_a", **TRAINED[system]}
    training = {"training_data": {"systems": "data", "batch_size": 1}, "numb_steps": 4, "seed": 1, "save_freq": 4}
    model = {"type_map": type_map, "descriptor": net, "fitting_net": {"neuron": [16, 16], "seed": 1}}
    (tmp_path / "input.json").write_text(json.dumps({**CONFIGURATION, "model": model, "training": training}))
    for words in (["train", "input.json"], ["freeze", "-o", "theirs.pth"]):
        called(peer / "dp", "--pt", *words, cwd=tmp_path)
    called(peer / "dp", "convert-backend", "theirs.pth", "theirs.dp", cwd=tmp_path)
    answer = asked(peer, tmp_path, {"theirs": (tmp_path / "theirs.dp", x, type_map)})["theirs"]
    called(ELT, "import", "theirs.dp", cwd=tmp_path)
    files.write(tmp_path / "x.extxyz", x, Properties.none(len(x)))
    called(ELT, "predict", "theirs", "x.extxyz", "-o", "found.extxyz", cwd=tmp_path)
    _, found = files.read(tmp_path / "found.extxyz")
    assert_alike(found, answer, x.counts)
    called(ELT, "export", "theirs", "--format", "deepmd", "-o", "again.dp", cwd=tmp_path)
    again = asked(peer, tmp_path, {"again": (tmp_path / "again.dp", x, type_map)})["again"]
    for name in ("energy", "forces", "virial"):
        np.testing.assert_array_equal(again[name], answer[name])


def test_mixed_systems_are_read_there(peer, tmp_path):
    rng = np.random.default_rng(5)
    frames = [Atoms(names, rng.normal(size=(3, 3)), cell=np.eye(3) * 9, pbc=True) for names in ("OHH", "HHO", "CuOO")]
    x = Structures.from_ase(frames)
    labels = labels_at_random(x)
    files.write(tmp_path / "a.mixed", x, labels)
    (tmp_path / "read.py").write_text(READ)
    called(peer / "python", "read.py", cwd=tmp_path)
    there = np.load(tmp_path / "there.npz")
    assert [[["Cu", "H", "O"][t] for t in row] for row in there["types"]] == [list(a.symbols) for a in frames]
    np.testing.assert_array_equal(there["coord"].reshape(-1, 3), x.positions.values)
    np.testing.assert_array_equal(there["energy"].ravel(), labels.values["energy"])
    np.testing.assert_array_equal(there["force"].reshape(-1, 3), labels.values["forces"].values)


READ = """
import numpy as np
from deepmd.utils.data import DeepmdData
data = DeepmdData("a.mixed/system.000", type_map=["Cu", "H", "O"], sort_atoms=False)
data.add("energy", 1, atomic=False, must=True, high_prec=True).add("force", 3, atomic=True, must=True, high_prec=True)
found = data._load_set(data.dirs[0])
np.savez("there.npz", types=found["type"], coord=found["coord"], energy=found["energy"], force=found["force"])
"""
