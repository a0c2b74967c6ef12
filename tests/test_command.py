"""The command as a user meets it: what is wrong is said at once, with the remedy, and nothing is spent."""

import json
import os
import re
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from eltanin.store.sealed import open_json, seal_json, sha256

ELT = Path(sys.executable).with_name("elt")
SECONDS = 5.0  # of processor time, which other tests beside this one do not add to
GAS = [
    "experiment=null",
    "system=lorentz_gas",
    "explorer=random_states",
    "explorer.problems=4",
    "selector=everything",
    "labeler=relaxation",
    "model=ridge_closure",
    "committee=2",
    "rounds=2",
]


@pytest.fixture
def elt(tmp_path):
    environment = {**os.environ, "XDG_DATA_HOME": str(tmp_path / "store"), "COLUMNS": "200"}

    def command(*arguments, cwd=tmp_path):
        return subprocess.run(
            [ELT, *map(str, arguments)], capture_output=True, text=True, cwd=cwd, env=environment, timeout=120
        )

    return command


def spent():
    """Return the processor time of all children so far, s."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


FILES = ["system=structure_files"]
# What is said: what the answer must name (the value, the reason, the remedy).
WRONG = {
    "type": (
        ["labeler=lennard_jones", "labeler.sigma=abc"],
        ["labeler.sigma", "'abc'", "could not be converted to Float", "Give labeler.sigma="],
    ),
    "key": (
        ["labeler=lennard_jones", "labeler.sgma=3"],
        ["labeler.sgma", "is not a setting", "did you mean sigma?"],
    ),
    "name": (
        ["labeler=lenard_jones"],
        ["labeler=lenard_jones", "is not installed", "did you mean lennard_jones?"],
    ),
    "preset": (["experiment=argn"], ["experiment=argn", "is not installed", "did you mean argon?"]),
    "rounds": (["rounds=-1"], ["rounds=-1", "at least one round", "give rounds=N"]),
    "committee": (["committee=0"], ["committee=0", "at least one member", "give committee=N"]),
    "fraction": (["seed=1.5"], ["seed", "'1.5'", "Give seed="]),
    "domains": (
        [*GAS, "labeler=harmonic_well"],
        ["labeler=harmonic_well (walkers)", "explorer=random_states (gas)", "different domains", "Choose all of one"],
    ),
    "file": (
        [*FILES, "system.paths=[nowhere.cif]"],
        ["nowhere.cif", "does not exist", "correct the path"],
    ),
    "element": (
        ["labeler=ase_calculator", "labeler.calculator=emt", "system.name=Ar"],
        ["EMT has no parameters for Ar", "it knows Al, Cu", "Choose another"],
    ),
    "target": (["+labeler._target_=os.system"], ["labeler._target_=os.system", "refused", "Leave it out"]),
    "target_in_hydra": (
        ["+hydra.callbacks.x={_target_:shutil.copyfile}"],
        ["hydra.callbacks", "refused", "Leave it out"],
    ),
    "target_in_model": (["+model.descriptor._target_=os.system"], ["model.descriptor._target_", "refused"]),
    "part": (["labeler=null"], ["labeler is missing", "labeler=NAME", "lennard_jones"]),
    "system": ([*GAS, "system=null"], ["needs system", "system=NAME", "lorentz_gas"]),
    "given": (["explorer.system=crystal"], ["explorer.system", "at the top", "system=VALUE"]),
    "data": (
        ["experiment=water_dataset", "data=nowhere"],
        ["nowhere", "does not exist", "data=PATH"],
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_said_before_any_work(elt, tmp_path, case):
    said, named = WRONG[case]
    before = spent()
    done = elt("run", *said)
    assert spent() - before < SECONDS
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    for part in named:
        assert part in done.stderr
    assert not list(tmp_path.rglob("plugins.json")), "nothing was begun"


def test_unknown_command_gets_the_nearest(elt):
    done = elt("resme")
    assert done.returncode == 2
    assert "did you mean resume?" in done.stderr
    assert elt("show", "labler").returncode == 2


def test_help_and_version(elt):
    done = elt("--help")
    assert done.returncode == 0
    for command in ("run", "resume", "plugins", "show", "report", "evaluate", "predict"):
        assert re.search(rf"^    {command} ", done.stdout, re.MULTILINE)
    assert elt().stdout == done.stdout
    assert re.fullmatch(r"eltanin-core \d+\.\d+\.\d+\n", elt("--version").stdout)


def test_help_of_run_names_groups_presets_and_examples(elt):
    shown = elt("run", "--help").stdout
    for line in ("labeler: .*lennard_jones", "model/descriptor: .*smooth", "experiment: .*argon.*copper", "elt run -m"):
        assert re.search(line, shown)


def test_listing_names_every_part_of_the_project(elt):
    listed = {(row["role"], row["name"]): row for row in json.loads(elt("plugins", "--json").stdout)}
    for role, name, domain in [
        ("labeler", "lennard_jones", "atoms"),
        ("labeler", "harmonic_well", "walkers"),
        ("model", "neural_potential", "atoms"),
        ("model/descriptor", "smooth", "atoms"),
        ("explorer", "molecular_dynamics", "atoms"),
        ("system", "lorentz_gas", "gas"),
        ("selector", "trust_levels", "any"),
        ("experiment", "argon", ""),
    ]:
        assert listed[role, name]["domain"] == domain
        assert listed[role, name]["about"], f"{role}={name} says nothing of itself"
    assert not [row for row in listed.values() if "CONFLICT" in row["about"] or "BROKEN" in row["about"]]


def test_every_part_can_be_shown(elt):
    from eltanin.parts.show import rows, show

    for row in rows():
        shown = show(row.role, row.name)
        assert row.role == "experiment" or shown.startswith(f"{row.role}={row.name} ")


def test_a_campaign_runs_and_is_not_run_over(elt, tmp_path):
    done = elt("run", *GAS, "hydra.run.dir=mine")
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "mine" / "summary.json").read_text())["rounds"] == 2
    before = {path: path.read_bytes() for path in (tmp_path / "mine").glob("*.json*")}
    again = elt("run", *GAS, "hydra.run.dir=mine", "seed=1")
    assert again.returncode == 2
    assert "holds a run already" in again.stderr
    assert "elt resume" in again.stderr
    assert {path: path.read_bytes() for path in (tmp_path / "mine").glob("*.json*")} == before


def test_a_sweep_makes_a_run_for_each_combination(elt, tmp_path):
    done = elt("run", "-m", *GAS, "seed=0,1", "model.terms=4,6", "hydra.sweep.dir=all")
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "all").glob("*/summary.json"))) == 4


def test_a_job_that_fails_lets_the_others_of_a_sweep_go_on(elt, tmp_path):
    done = elt("run", "-m", *GAS, "model.ridge=-1,0.001", "hydra.sweep.dir=all")
    assert done.returncode == 2
    assert "model.ridge=-1" in done.stderr
    assert "Traceback" not in done.stderr
    assert (tmp_path / "all" / "1" / "summary.json").exists()


def test_a_sweep_over_a_wrong_value_does_not_begin(elt, tmp_path):
    done = elt("run", "-m", *GAS, "model.terms=4,many", "hydra.sweep.dir=all")
    assert done.returncode == 2
    assert "model.terms" in done.stderr
    assert not list((tmp_path / "all").glob("*/summary.json"))


def test_an_interrupted_run_ends_in_order_and_resumes(elt, tmp_path):
    running = subprocess.Popen(
        [ELT, "run", *GAS, "rounds=100000", "store=none", "hydra.run.dir=mine"],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    rounds = tmp_path / "mine" / "rounds.jsonl"
    while running.poll() is None and not (rounds.exists() and rounds.read_text().count("\n") >= 2):
        pass
    running.send_signal(signal.SIGINT)
    assert running.communicate(timeout=60)[1].count("Traceback") == 0
    assert running.returncode == 75
    summary = json.loads((tmp_path / "mine" / "summary.json").read_text())
    assert summary["status"] == "stopped"
    assert elt("report", "mine").returncode == 0


@pytest.mark.parametrize("command", [["resume"], ["report"], ["evaluate", "data"], ["predict", "data"]])
def test_a_folder_without_a_run_is_no_run(elt, tmp_path, command):
    name, *more = command
    (tmp_path / "data").touch()
    done = elt(name, "nowhere", *more)
    assert done.returncode == 2
    assert "nowhere" in done.stderr
    assert "Traceback" not in done.stderr


def test_resume_refuses_other_versions_of_the_parts(elt, tmp_path):
    assert elt("run", *GAS, "hydra.run.dir=mine").returncode == 0
    plugins = tmp_path / "mine" / "plugins.json"
    plugins.write_text(plugins.read_text().replace("eltanin-gas 0.1.0", "eltanin-gas 0.0.9"))
    begun = plugins.with_name("run.json")  # which vouches for it
    body = open_json(begun, begun.read_bytes())
    body["files"]["plugins.json"] = sha256(plugins.read_bytes())
    begun.write_bytes(seal_json(body))
    done = elt("resume", "mine")
    assert done.returncode == 2
    assert "eltanin-gas 0.0.9" in done.stderr
    assert "eltanin-gas 0.1.0" in done.stderr
