"""Whole campaigns of dipoles: selected, examined and measured by the dipole alone."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from ase import Atoms

from eltanin.batch import Properties
from eltanin.compose import restore, run
from eltanin.errors import ConfigurationError
from eltanin.run.driver import preflight
from eltanin_atoms.domain import Atoms as Domain
from eltanin_atoms.structures import Structures

ELT = str(Path(sys.executable).with_name("elt"))
TINY = [
    "model=neural_tensor", "domain=atoms", "domain.quantity=dipole", "explorer=pool", "selector=trust_levels",
    "labeler=dataset", "validation=labelled", "executor=inline", "store=labels", "hydra.run.dir=run", "data=data",
    "explorer.parts=[pool.extxyz]", "labeler.parts=[pool.extxyz]", "validation.parts=[test.extxyz]",
    "explorer.initial=12", "rounds=3", "committee=3", "selector.low=0.02", "selector.high=2.0", "selector.budget=8",
    "audit.each_round=2", "audit.tolerance=0.1", "audit.accurate_fraction=0.999", "model.descriptor.cutoff=4.0",
    "model.descriptor.neurons=[8,16]", "model.descriptor.axis=4", "model.neurons=[24,24]", "model.steps=150",
    "model.learning_rate=5e-3", "model.learning_rate_again=2e-3", "model.learning_rate_end=1e-5", "model.device=cpu",
]  # fmt: skip


def water(n: int, seed: int) -> tuple[Structures, Properties]:
    """Return molecules and the dipole of charges that grow with the bond, with nothing else known of them."""
    rng, frames, moments = np.random.default_rng(seed), [], []
    for _ in range(n):
        a, b = 0.96 + 0.05 * rng.normal(size=2).clip(-2, 2)
        angle = np.deg2rad(104.5 + 7 * rng.normal())
        q, _ = np.linalg.qr(rng.normal(size=(3, 3)))
        x = np.array([[0, 0, 0], [a, 0, 0], [b * np.cos(angle), b * np.sin(angle), 0]]) @ q.T
        frames.append(Atoms("OH2", positions=x))
        moments.append(sum((0.33 + 0.5 * (np.linalg.norm(h - x[0]) - 0.96)) * (h - x[0]) for h in x[1:]))
    return Structures.from_ase(frames), Properties.of(dipole=np.array(moments))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    for name, n, seed in (("pool", 60, 0), ("test", 20, 1)):
        Domain().write(tmp_path / "data" / f"{name}.extxyz", *water(n, seed))
    return tmp_path


def elt(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([ELT, *words], cwd=cwd, capture_output=True, text=True, timeout=280)


@pytest.mark.slow
def test_a_campaign_learns_selects_and_is_examined_by_dipoles(folder: Path) -> None:
    done = elt("run", *TINY, cwd=folder)
    assert done.returncode == 0, done.stderr
    rounds = [json.loads(line) for line in (folder / "run" / "rounds.jsonl").read_text().splitlines()]
    errors = [r["validation"] for r in rounds]
    assert all(set(e) == {"dipole_rmse_me_angstrom", "dipole_spread_me_angstrom"} for e in errors)
    _, test = water(20, 1)
    assert errors[0]["dipole_spread_me_angstrom"] == pytest.approx(
        1000 * np.sqrt(np.mean(np.var(test.values["dipole"], axis=0)))
    )
    assert errors[0]["dipole_rmse_me_angstrom"] < 0.3 * 1000 * np.sqrt(np.mean(test.values["dipole"] ** 2))
    assert errors[-1]["dipole_rmse_me_angstrom"] < 0.7 * errors[0]["dipole_rmse_me_angstrom"]
    later = rounds[1:]
    assert any(r["accurate"] for r in later)
    assert any(r["audited"] for r in later)
    assert all(0 < r["deviation"]["q50"] < 1 for r in later)
    x, labels = Domain().read(folder / "run" / "dataset.extxyz")
    pool, known = water(60, 0)
    away = np.abs(x.positions.values.reshape(-1, 1, 9) - pool.positions.values.reshape(1, -1, 9)).sum(axis=2)
    rows = away.argmin(axis=1)
    assert np.array_equal(labels.values["dipole"], known.values["dipole"][rows])
    assert not labels.has("energy").any()
    report = (folder / "run" / "report.html").read_text()
    for said in ("dipole deviation", "e·Å", "dipole component (me·Å)"):
        assert said in report
    found = elt("predict", "run", "data/test.extxyz", "--output", "found.extxyz", cwd=folder)
    assert found.returncode == 0, found.stderr
    _, predicted = Domain().read(folder / "found.extxyz")
    off = 1000 * np.sqrt(np.mean((predicted.values["dipole"] - test.values["dipole"]) ** 2))
    assert off == pytest.approx(errors[-1]["dipole_rmse_me_angstrom"], rel=1e-6)


@pytest.fixture
def prepare(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    """Return what composes a campaign, builds it, and looks at it before any work."""
    monkeypatch.setattr(sys, "argv", ["elt"])
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    monkeypatch.chdir(folder)

    def prepared(*words: str) -> Any:
        capsys.readouterr()
        assert run([*words, "--cfg", "job"]) == 0
        return preflight(restore(yaml.safe_load(capsys.readouterr().out))[0])

    return prepared


def without(*keys: str) -> list[str]:
    return [word for word in TINY if word.split("=")[0] not in keys and not word.startswith("hydra")]


def test_parts_that_go_together_pass(prepare: Callable[..., Any]) -> None:
    assert prepare(*without())["name"] == "dataset"


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (without("domain.quantity"), r"domain\.quantity=potential: say"),
        ([*without("domain.quantity"), "domain.quantity=charge"], "there is potential, dipole, polarizability"),
        ([*without("model"), "model=neural_potential"], "model predicts energy, forces, virial.* measures dipole"),
        (
            [*(w for w in TINY if not w.startswith(("model.", "hydra"))), "model/descriptor=local_frame"],
            "LocalFrame knows no directions",
        ),
        (
            ["experiment=argon", "model=neural_tensor", "domain=atoms", "domain.quantity=polarizability"],
            "the model predicts polarizability, and the explorer follows forces",
        ),
    ],
    ids=["no-tensor", "unknown", "potential", "blind", "dynamics"],
)
def test_parts_that_do_not_go_together_are_refused(prepare: Callable[..., Any], words: list[str], why: str) -> None:
    with pytest.raises(ConfigurationError, match=why):
        prepare(*words)
