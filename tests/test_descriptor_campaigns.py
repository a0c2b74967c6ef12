"""A short campaign by the command with every descriptor of atoms."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

WORDS = [
    "experiment=argon", "rounds=2", "committee=2", "labels=null", "audit.tolerance=null", "explorer.steps=40",
    "explorer.initial=4", "model.steps=60", "model.steps_first=60", "model.neurons=[8,8]", "selector=random",
    "selector.budget=5", "validation.samples=3", "executor=inline", "store=labels", "hydra.run.dir=run",
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [["behler_parrinello"], ["local_frame"], ["smooth"], ["equivariant", "model.descriptor.channels=4"]],
    ids=lambda words: words[0],
)
def test_a_campaign_runs_with_it(tmp_path, words):
    name, *more = words
    command = [str(Path(sys.executable).with_name("elt")), "run", *WORDS, f"model/descriptor={name}", *more]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    rounds = [json.loads(line) for line in (tmp_path / "run" / "rounds.jsonl").read_text().splitlines()]
    assert len(rounds) == 2
    assert name in (tmp_path / "run" / "config.yaml").read_text()
