"""Whole campaigns with a single member: of a model that grades itself, and of one that knows its own variance."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ELT = str(Path(sys.executable).with_name("elt"))
ARGON = [
    "experiment=argon", "committee=1", "executor=inline", "store=labels", "hydra.run.dir=run", "rounds=3",
    "explorer.steps=30", "explorer.initial=6", "validation.samples=4", "selector.budget=8", "audit.each_round=2",
    "audit.accurate_fraction=0.999",
]  # fmt: skip


def run(*words: str, cwd: Path) -> list[dict]:
    """Return the records of the rounds."""
    done = subprocess.run([ELT, "run", *ARGON, *words], cwd=cwd, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in (cwd / "run" / "rounds.jsonl").read_text().splitlines()]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "closer"),
    [
        (["model=moment_tensor", "selector=extrapolation_grade"], 5.0),
        (["model=sparse_gaussian_process", "model.points=100", "selector.low=0.04"], 20.0),
    ],
    ids=["moment_tensor", "sparse_gaussian_process"],
)
def test_one_member_tells_what_it_knows_and_is_audited(tmp_path: Path, words: list[str], closer: float) -> None:
    rounds = run(*words, cwd=tmp_path)
    later = rounds[1:]
    assert any(r["accurate"] for r in later)
    assert any(r["audited"] for r in later)
    assert all(r["deviation"]["q50"] > 0 for r in later)
    errors = [r["validation"]["force_rmse_mev_per_angstrom"] for r in rounds]
    assert errors[-1] < closer
    assert errors[-1] <= errors[0]
