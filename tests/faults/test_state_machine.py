"""Campaign, store and checkpoints, whatever an executor does and whenever the process dies: the same bits.

The model of the machine is the campaign that nothing happened to, and a dict of the labels that were ever there.
"""

import os
import sys
import tempfile
from collections import Counter
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from hostile_executor import FATES, Died, Hostile
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from toy_faults import power_cut, same
from trials import MEMORY, SITE

from eltanin.audits import Audit
from eltanin.campaign import Campaign
from eltanin.execution import Inline
from eltanin.labelling.ask import Labelling
from eltanin.selectors import TrustLevels
from eltanin.store import LabelStore
from eltanin.store.checkpoint import find_snapshot, save_snapshot
from eltanin_gas.domain import Gas
from eltanin_gas.lorentz.random_states import RandomStates
from eltanin_gas.lorentz.ridge_closure import RidgeClosure
from eltanin_gas.lorentz.system import LorentzGas

sys.path.append(str(SITE))
from parts_under_test import Counted

ROUNDS = 6


def campaign(folder, executor):
    """Return a small campaign that keeps its labels in a folder, and writes down what it asks for."""
    gas, system = Gas(), LorentzGas()
    labeler = Counted(system=system, log=str(folder / "asked"))
    return Campaign(
        domain=gas,
        explorer=RandomStates(system=system, problems=3, cells=8, windows=2),
        selector=TrustLevels(gas, low=1e-9, high=1.0, budget=2),
        labelling=Labelling(gas, labeler, executor, 0, LabelStore(folder / "labels")),
        model=RidgeClosure(terms=3),
        executor=executor,
        audit=Audit(tolerance=1e-12, each_round=1),
        committee=2,
    )


def lasting(snapshot):
    """Return a snapshot as a tree, without the count of the labels that were there before."""
    tree = {field.name: getattr(snapshot, field.name) for field in fields(snapshot)}
    return tree | {"spent": {name: count for name, count in snapshot.spent.items() if name != "cached"}}


def uninterrupted():
    """Return the snapshots of a campaign that nothing happens to, and the bits of its labels."""
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        parts = campaign(Path(folder), Inline())
        snapshots = [parts.begin()]
        for _ in range(ROUNDS):
            snapshots.append(parts.advance(snapshots[-1]))
        labels = {path.name: bits(path) for path in Path(folder).glob("labels/objects/??/*.safetensors")}
        parts.labelling.store.close()
    return snapshots, labels


def bits(path):
    """Return the numbers of a label, without when and where it was made."""
    from safetensors.numpy import load_file

    return {name: array.tobytes() for name, array in load_file(path).items()}


class Life(RuleBasedStateMachine):
    """A campaign and all that may happen to it."""

    expected = None

    @initialize()
    def begin(self):
        """Begin in an empty folder."""
        Life.expected = Life.expected or uninterrupted()
        self.folder = tempfile.TemporaryDirectory(dir=MEMORY)
        self.path, self.executor = Path(self.folder.name), Hostile()
        self.ever: dict[str, dict[str, bytes]] = {}
        self.live()

    def live(self):
        """Begin again with what is durable."""
        self.campaign = campaign(self.path, self.executor)
        found = find_snapshot(self.path / "checkpoint") if (self.path / "checkpoint").exists() else None
        assert not (found and found.wrong)
        self.now = found.snapshot if found and found.snapshot else self.campaign.begin()

    @rule(fates=st.lists(st.sampled_from(FATES), max_size=12), order=st.integers(0, 99))
    def advance(self, fates, order):
        """Do a round, as fate has it."""
        if self.now.round == ROUNDS:
            return
        self.executor.fates, self.executor.order = fates, np.random.default_rng(order)
        try:
            self.now = self.campaign.advance(self.now)
        except Died:
            self.die()

    @rule()
    def save(self):
        """Make the present durable."""
        save_snapshot(self.path / "checkpoint", self.now)

    @rule(after=st.integers(0, 40))
    def die_while_saving(self, after):
        """Try to, and die."""
        with pytest.MonkeyPatch.context() as patch, power_cut(patch, after):
            self.save()
        self.die()

    @rule()
    def die(self):
        """Forget all that is not durable."""
        self.campaign.labelling.store.close()
        self.executor.late = []
        self.live()

    @rule()
    def mend(self):
        """Lose the index, and make it again."""
        self.campaign.labelling.store.close()
        for path in (self.path / "labels").glob("index.db*"):
            os.unlink(path)  # noqa: PTH108
        self.live()

    @invariant()
    def what_is_there_is_what_would_be_there(self):
        """R3: whatever happened, the state after a round is the state after that round."""
        if hasattr(self, "now"):
            assert same(lasting(self.now), lasting(self.expected[0][self.now.round]))

    @invariant()
    def no_label_is_ever_lost_or_changed(self):
        """R1: a label that was there is there, with the same bits, which are those of the other campaign."""
        if hasattr(self, "now"):
            objects = self.path.glob("labels/objects/??/*.safetensors")
            there = {path.name: bits(path) for path in objects if "failure" not in path.name}
            assert self.ever.items() <= there.items()
            assert there.items() <= self.expected[1].items()
            self.ever = there

    @invariant()
    def no_label_is_made_twice(self):
        """R2: each was asked for once, for the process never died within the labeler."""
        if hasattr(self, "now") and (self.path / "asked").exists():
            times = Counter(line.split()[1] for line in (self.path / "asked").read_text().splitlines())
            assert set(times.values()) == {1}

    def teardown(self):
        """Let it end in peace, with nothing wrong anywhere."""
        if not hasattr(self, "now"):
            return
        self.executor.fates = []
        while self.now.round < ROUNDS:
            self.now = self.campaign.advance(self.now)
        self.what_is_there_is_what_would_be_there()
        self.no_label_is_ever_lost_or_changed()
        self.no_label_is_made_twice()
        assert self.ever == self.expected[1]
        assert self.campaign.labelling.store.verify() == []
        self.campaign.labelling.store.close()
        self.folder.cleanup()


def lived(examples):
    run_state_machine_as_test(
        Life,
        settings=settings(
            max_examples=examples, stateful_step_count=12, derandomize=True, deadline=None, database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip


def test_whatever_happens_to_a_campaign_it_comes_to_the_same_bits():
    lived(12)


@pytest.mark.slow
def test_whatever_happens_to_many_campaigns_they_come_to_the_same_bits():
    lived(300)


def test_an_answer_that_comes_late_is_no_answer_to_another_question():
    life = Life()
    life.begin()
    life.advance([], 0)
    for order in range(4):  # some of these hand over a result in the place of another one
        life.advance(["late", "late"], order)
        life.what_is_there_is_what_would_be_there()
    life.teardown()


def test_the_machine_notices_a_label_that_is_made_twice():
    life = Life()
    life.begin()
    life.advance([], 0)
    log = life.path / "asked"
    log.write_text(log.read_text() * 2)
    with pytest.raises(AssertionError):
        life.no_label_is_made_twice()
    life.now = replace(life.now, stalled=7)
    with pytest.raises(AssertionError):
        life.what_is_there_is_what_would_be_there()
    life.campaign.labelling.store.close()
    life.folder.cleanup()
