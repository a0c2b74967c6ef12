"""Whole campaigns by the command: the same numbers however they were interrupted or spread."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from eltanin.store.sealed import open_json, seal_json, sha256

ELT = str(Path(sys.executable).with_name("elt"))
ARGON = [
    "experiment=argon", "rounds=3", "committee=2", "labels=null", "audit.tolerance=null", "explorer.steps=40",
    "explorer.initial=4", "model.steps=30", "model.steps_first=30", "model.descriptor.neurons=[4,8]",
    "model.descriptor.axis=4", "model.neurons=[8,8]", "selector.budget=5", "validation.samples=3",
]  # fmt: skip
GAS = [
    "experiment=null", "system=lorentz_gas", "explorer=random_states", "labeler=relaxation", "model=ridge_closure",
    "selector=trust_levels", "rounds=4", "store=labels",
]  # fmt: skip


def elt(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([ELT, *words], cwd=cwd, capture_output=True, text=True, timeout=240)
    assert "Traceback" not in done.stderr, done.stderr
    return done


def run(name: str, *words: str, cwd: Path) -> Path:
    done = elt("run", *words, f"hydra.run.dir={name}", cwd=cwd)
    assert done.returncode == 0, done.stderr
    return cwd / name


def outcome(folder: Path) -> tuple[bytes, dict[str, str]]:
    """Return the dataset as it lies on disk, and the checksums of the committee."""
    dataset = next(folder.glob("dataset.*")).read_bytes()
    return dataset, json.loads((folder / "model" / "manifest.json").read_text())["sha256"]


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An uninterrupted run of argon, in this process alone."""
    cwd = tmp_path_factory.mktemp("plain")
    return run("plain", *ARGON, "executor=inline", "store=labels", cwd=cwd)


def test_one_seed_is_one_dataset_and_one_committee(plain: Path, tmp_path: Path) -> None:
    again = run("again", *ARGON, "executor=inline", "store=labels", cwd=tmp_path)
    assert outcome(again) == outcome(plain)


@pytest.mark.parametrize("workers", [1, 2])
def test_workers_change_nothing_but_the_time(plain: Path, tmp_path: Path, workers: int) -> None:
    spread = run("spread", *ARGON, "store=labels", "executor=processes", f"executor.workers={workers}", cwd=tmp_path)
    assert outcome(spread) == outcome(plain)


def test_interrupted_after_a_round_and_resumed_is_the_same(plain: Path, tmp_path: Path) -> None:
    words = [ELT, "run", *ARGON, "executor=inline", "store=labels", "hydra.run.dir=stopped"]
    process = subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    rounds, deadline = tmp_path / "stopped" / "rounds.jsonl", time.monotonic() + 120
    while process.poll() is None and time.monotonic() < deadline:
        if rounds.exists() and rounds.read_text().count("\n") >= 1:
            process.send_signal(signal.SIGINT)
            break
        time.sleep(0.02)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 75, errors
    summary = json.loads((tmp_path / "stopped" / "summary.json").read_text())
    assert summary["status"] == "stopped"
    assert "elt resume" in summary["stop_reason"]
    assert elt("resume", "stopped", cwd=tmp_path).returncode == 0
    assert outcome(tmp_path / "stopped") == outcome(plain)


def test_a_second_run_pays_for_no_label_again(plain: Path) -> None:
    again = run("second", *ARGON, "executor=inline", "store=labels", cwd=plain.parent)
    first, second = (json.loads((folder / "summary.json").read_text()) for folder in (plain, again))
    assert first["label_cache_hits"] == 1  # what the labeler was tried on, before round 0
    assert second["label_cache_hits"] == second["labelled"] == first["labelled"]


def test_the_summary_has_what_scripts_rely_on(plain: Path) -> None:
    summary = json.loads((plain / "summary.json").read_text())
    assert summary.keys() >= {
        "status", "stop_reason", "rounds", "explored", "labelled", "labelled_fraction", "label_failures",
        "label_cache_hits", "seconds", "validation", "seed", "versions",
    }  # fmt: skip
    assert summary["seconds"].keys() >= {"explore", "select", "label", "train", "core"}
    assert "force_rmse_mev_per_angstrom" in summary["validation"]
    assert (plain / "report.html").stat().st_size > 10_000


def test_a_trained_committee_evaluates_and_predicts(plain: Path, tmp_path: Path) -> None:
    done = elt("evaluate", str(plain), str(plain / "dataset.extxyz"), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "force_rmse_mev_per_angstrom" in done.stdout
    done = elt("predict", str(plain), str(plain / "dataset.extxyz"), "-o", "out.extxyz", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out.extxyz").exists()


def test_a_model_file_that_was_changed_is_not_read(plain: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    subprocess.run(["cp", "-r", str(plain), str(broken)], check=True)
    path = broken / "model" / "member-0.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    done = elt("evaluate", str(broken), str(plain / "dataset.extxyz"), cwd=tmp_path)
    assert done.returncode == 2
    assert "member-0.safetensors" in done.stderr


def test_resume_refuses_another_version_of_a_plugin_and_names_it(tmp_path: Path) -> None:
    folder = run("gas", *GAS, cwd=tmp_path)
    plugins = json.loads((folder / "plugins.json").read_text())
    name = next(iter(plugins))
    (folder / "plugins.json").write_text(json.dumps(plugins | {name: "elsewhere 9.9"}))
    body = open_json(folder / "run.json", (folder / "run.json").read_bytes())
    body["files"]["plugins.json"] = sha256((folder / "plugins.json").read_bytes())
    (folder / "run.json").write_bytes(seal_json(body))
    done = elt("resume", "gas", cwd=tmp_path)
    assert done.returncode == 2
    assert name in done.stderr
    assert "elsewhere 9.9" in done.stderr


def test_a_finished_run_has_nothing_to_resume(tmp_path: Path) -> None:
    run("gas", *GAS, cwd=tmp_path)
    done = elt("resume", "gas", cwd=tmp_path)
    assert done.returncode == 0
    assert "nothing to resume" in done.stdout


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    for command in (["resume", "."], ["report", "."], ["evaluate", ".", "."]):
        done = elt(*command, cwd=tmp_path)
        assert done.returncode == 2
        assert "config.yaml" in done.stderr


@pytest.mark.parametrize("tolerance", ["1e-3", "null"])
def test_audits_and_the_report_hold_for_labels_that_are_forgotten_each_round(tmp_path, tolerance):
    done = elt("run", *GAS, "memory=latest", f"audit.tolerance={tolerance}", "hydra.run.dir=run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "could not be written" not in done.stderr
    audit = json.loads((tmp_path / "run" / "summary.json").read_text())["audit"]
    assert (audit is not None) == (tolerance != "null")
    assert audit is None or (audit["audits"] > 0 and audit["failures"] == 0 and audit["converged"])
