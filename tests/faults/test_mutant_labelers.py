"""Labelers that lie or fail: nothing of it is ever learned, and each is named where a user looks.

Every campaign runs whole, with its folder and its store. What it learned from is compared, number by number,
with what an honest labeler says of the same structures.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms as AseAtoms
from mutant_labelers import FAULTS, HONEST, Learner, Mutant, Shown, argon

from eltanin.execution import Inline, Processes
from eltanin.labelling.patience import Limits
from eltanin.parts.settings import Run
from eltanin.protocols import Failure
from eltanin.run import driver, publish
from eltanin.run.folder import FAILURES, RunFolder
from eltanin.selectors import Everything
from eltanin.store import lines
from eltanin_atoms.domain import Atoms
from eltanin_atoms.structures import Structures

SOUND, CURSED = 4, 1
POOLS = (argon(SOUND, CURSED),)


@dataclass
class Ended:
    """How a campaign ended. learned: energies, forces and virials of what was trained on."""

    code: int
    summary: dict
    failures: list[Failure]
    learned: list[np.ndarray] | None
    trained: bool

    @property
    def reason(self):
        return self.summary["stop_reason"]

    @property
    def kinds(self):
        return sorted(failure.kind for failure in self.failures)


@pytest.fixture
def campaign(tmp_path, monkeypatch):
    """Return what runs a campaign of one round, or more, with a labeler."""
    monkeypatch.setattr(publish, "reported", lambda files: None)  # pictures take longer than all else

    def run(labeler, pools=POOLS, executor=None, meanwhile=lambda: None, domain=Atoms(), name="run", **settings):  # noqa: B008
        parts = {"explorer": Shown(pools, meanwhile), "selector": Everything(), "labeler": labeler, "model": Learner()}
        store = str(tmp_path / "labels")
        told = Run(
            rounds=len(pools), committee=1, store=store, limits=Limits(**settings),
            executor=executor or Inline(), domain=domain, **parts,
        )  # fmt: skip
        folder = tmp_path / name
        monkeypatch.setattr(RunFolder, "restored", (told, {}))  # parts that are not installed cannot be named in a file
        code = driver.start(told, {"seed": 0}, {}, folder, [])
        return ended(folder, code)

    return run


def ended(folder: Path, code: int) -> Ended:
    told, damaged = lines.read(folder / FAILURES)
    assert not damaged
    failures = [Failure(line["kind"], line["message"], line["output"]) for line in told]
    data = folder / "dataset.extxyz"
    learned = columns(Atoms().read(data)[1]) if data.exists() else None
    return Ended(
        code, json.loads((folder / "summary.json").read_text()), failures, learned, (folder / "model").exists()
    )


def columns(labels):
    values = labels.values
    return [values["energy"], values["forces"].values, values["virial"]]


def is_honest(learned, *pools):
    """Say whether what was learned is what an honest labeler says of these, in this order."""
    said = [columns(HONEST.label(pool, Atoms().wanted, np.random.default_rng(0)).values) for pool in pools]
    whole = [np.concatenate(column) for column in zip(*said, strict=True)]
    return all(
        a.shape == b.shape and np.allclose(a, b, rtol=1e-12, atol=0) for a, b in zip(learned, whole, strict=True)
    )


def test_an_honest_labeler_is_learned_from(campaign):
    done = campaign(Mutant())
    assert (done.code, done.failures, done.trained) == (0, [], True)
    assert is_honest(done.learned, argon(SOUND, CURSED))


LIES = {
    "wrong sign of forces": "the forces have the wrong sign",
    "forces in hartree/bohr": "the forces are in hartree/bohr, not eV/Å",
    "forces per bohr": "the forces are per bohr, not per Å",
    "energies in hartree": "the energies are in hartree, not eV",
    "stress for virial": "the virial is the stress, in eV/Å^3",
    "wrong sign of virial": "the virial has the wrong sign",
    "permuted atoms": "of other atoms",
}


@pytest.mark.parametrize("fault", LIES)
def test_a_labeler_whose_labels_contradict_each_other_is_never_learned_from(campaign, fault):
    done = campaign(Mutant(fault, everywhere=True))
    assert (done.code, done.summary["status"]) == (1, "failed")
    assert "the labeler is not to be believed" in done.reason
    assert LIES[fault] in done.reason
    assert done.learned is None
    assert not done.trained


def test_it_is_the_trial_that_stands_between_a_lie_and_the_model(campaign):
    done = campaign(Mutant("wrong sign of forces", everywhere=True), domain=Atoms(agreement=None))
    assert done.trained
    assert not is_honest(done.learned, *POOLS)


KINDS = {
    "unconverged": ("unconverged", '"steps": 100'),
    "NaN in a force": ("nonfinite", "forces is not finite in 1 of 24"),
    "NaN in a virial": ("nonfinite", "virial is not finite in 1 of 9"),
    "infinite energy": ("nonfinite", "energy is not finite"),
    "forces of more atoms": ("shape", "forces has the shape (16, 3), not (8, 3)"),
    "forces in a plane": ("shape", "forces has the shape (8, 2), not (8, 3)"),
    "energies of atoms": ("shape", "energy has the shape (8,), not ()"),
    "virial of six": ("shape", "virial has the shape (6,), not (3, 3)"),
    "virial that turns": ("unphysical", "not symmetric"),
    "absurd forces": ("unphysical", "beyond domain.largest_force=1000"),
    "too few rows": ("shape", "asked for 1 labels and returned 0"),
    "too many rows": ("shape", "asked for 1 labels and returned 2"),
    "nothing": ("shape", "nobody can make sense of the answer"),
    "evidence that cannot be kept": ("error", "evidence"),
    "an exception": ("error", "ZeroDivisionError: a bug of the labeler"),
    "an end": ("crash", "exit status 3"),
}


def test_every_fault_has_its_test():
    assert FAULTS.keys() == {*LIES, *KINDS, *DEADLY}


@pytest.mark.parametrize("fault", KINDS)
def test_what_is_no_label_is_left_out_and_named(campaign, fault):
    kind, says = KINDS[fault]
    done = campaign(Mutant(fault))
    assert (done.code, done.summary["status"], done.summary["label_failures"]) == (0, "budget", CURSED)
    assert done.kinds == [kind]
    assert says in done.failures[0].message
    assert is_honest(done.learned, argon(SOUND, CURSED)[:SOUND])


@pytest.mark.parametrize("fault", KINDS)
def test_a_labeler_that_only_fails_ends_the_campaign_with_its_reason(campaign, fault):
    kind, says = KINDS[fault]
    done = campaign(Mutant(fault, everywhere=True))
    assert (done.code, done.summary["status"]) == (1, "failed")
    assert kind in done.reason
    assert says in done.reason
    assert set(done.kinds) == {kind}
    assert done.learned is None
    assert not done.trained


def test_structures_that_no_calculation_could_make_sense_of_are_never_asked_for(campaign, tmp_path):
    """An era that is not written yet would raise, were the labeler asked."""
    far, near = (AseAtoms("Ar2", [[0, 0, 0], [0, 0, apart]]) for apart in (1e6, 1e-4))
    hostile = Structures.from_ase([far, near, AseAtoms("Ar", [[0, 0, np.nan]]), AseAtoms()])
    done = campaign(Mutant(), (Structures.concatenate([argon(SOUND, 0), hostile]),))
    assert (done.code, done.summary["label_failures"]) == (0, 0)
    assert done.kinds == ["nonfinite", "unphysical", "unphysical", "unphysical"]
    assert is_honest(done.learned, argon(SOUND, 0))
    never = campaign(Mutant(era=str(tmp_path / "never")), (hostile,), name="never")
    assert never.kinds == done.kinds
    assert never.summary["status"] == "failed"
    assert "exploded" in never.reason


def test_labels_of_another_method_are_refused_in_mid_campaign(campaign, tmp_path):
    """The settings are what they were; only what the labels say of themselves has changed."""
    era, pools = tmp_path / "era", (argon(12, 0), argon(12, 0, seed=1))
    era.write_text("LDA")
    done = campaign(Mutant(era=str(era)), pools, meanwhile=lambda: era.write_text("PBE0"), failed=0.3)
    assert done.summary["status"] == "failed"
    assert "11 of 23 labels failed" in done.reason
    assert "method: made by PBE0, while the first label of this method says LDA" in done.reason
    assert set(done.kinds) == {"method"}
    energy, *rest = done.learned
    assert is_honest([energy - len("LDA"), *rest], pools[0])


def test_a_file_that_a_labeler_reads_may_not_change_in_mid_campaign(campaign, tmp_path):
    table, pools = tmp_path / "table.dat", (argon(4, 0), argon(4, 0, seed=1))
    table.write_text("0.0")
    done = campaign(Mutant(table=table), pools, meanwhile=lambda: table.write_text("1.0"))
    assert done.summary["status"] == "failed"
    assert "method of the labels is not what it was" in done.reason
    assert "table" in done.reason
    assert is_honest(done.learned, pools[0])


DEADLY = {
    "a segfault": ("crash", "SIGSEGV", "Segmentation fault", {}),
    "a hoard": ("memory", "out of memory", "", {"gigabytes": 2.0}),
    "a hang": ("timeout", "limits.seconds", "waiting for nothing", {"seconds": 8.0}),
}


@pytest.mark.slow
@pytest.mark.parametrize("fault", DEADLY)
def test_what_ends_its_process_or_never_ends_costs_its_own_label(campaign, fault):
    kind, says, output, limits = DEADLY[fault]
    done = campaign(Mutant(fault), executor=Processes(1), **limits)
    assert (done.code, done.summary["status"], done.kinds) == (0, "budget", [kind])
    assert says in done.failures[0].message
    assert output in done.failures[0].output
    assert is_honest(done.learned, argon(SOUND, CURSED)[:SOUND])
