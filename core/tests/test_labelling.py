"""Labelling: a label depends on its configuration and method alone, is paid for once, and is judged."""

import os
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from eltanin.batch import Properties, Ragged
from eltanin.errors import EltaninError
from eltanin.execution import Inline, Processes
from eltanin.labelling.ask import Labelling
from eltanin.labelling.patience import LabelerBroken, Limits
from eltanin.protocols import Failure, Labels
from eltanin.store import IntegrityError, LabelStore, open_store
from eltanin.terms import FREELY

TOYS = Path(__file__).parent / "toys"
sys.path.append(str(TOYS))
from toy_faults import same  # noqa: E402
from toy_tasks import (  # noqa: E402
    ADMITS,
    DIES_ONCE,
    EXITS,
    FLAWED,
    GOOD,
    KILLS,
    NAN,
    NOISY,
    OTHERWISE,
    RAISES,
    SLEEPS,
    UNCONVERGED,
    Points,
    PointsDomain,
    Springs,
    points,
)


@pytest.fixture
def store(tmp_path):
    with LabelStore(tmp_path / "store") as opened:
        yield opened


@pytest.fixture
def log(tmp_path):
    return tmp_path / "calls"


def labelling(store, labeler=None, executor=None, seed=0, domain=None, **limits):
    domain = domain or PointsDomain()
    return Labelling(domain, labeler or Springs(), executor or Inline(), seed, store, Limits(**limits))


class Ear:
    """Listens to labels, and writes their answers down."""

    def __init__(self, heard):
        self.heard = heard

    def answered(self, key, answer):
        self.heard.append(answer)

    def awaited(self, labels, holder):
        assert "process" in holder


def calls(log):
    return log.stat().st_size if log.exists() else 0


@pytest.mark.parametrize("executor", [Inline(), Processes(1), Processes(2)])
@pytest.mark.parametrize("kept", [True, False])
def test_labels_are_the_same_bits_wherever_they_were_made(tmp_path, executor, kept):
    x = points(GOOD, NOISY, UNCONVERGED, NAN, NOISY, GOOD, NOISY)
    answers = []
    for number, one in enumerate((Inline(), executor)):
        with LabelStore(tmp_path / str(number)) as store:
            asked = labelling(store if kept else None, executor=one).ask(x, {})
            answers.append(asked.labels.values[asked.known])
            assert {row: failure.kind for row, failure in asked.labels.failures.items()} == {
                2: "unconverged",
                3: "nonfinite",
            }
    assert same(*answers)


def test_labels_are_right_and_in_the_order_of_the_configurations(store):
    x = points(*[GOOD] * 9)
    for _ in range(2):
        labels = labelling(store, executor=Processes(2)).ask(x, {}).labels
        np.testing.assert_array_equal(labels.values.values["energy"], [0.5 * np.sum(r**2) for r in x.positions.rows()])
        np.testing.assert_array_equal(labels.values.values["forces"].values, -x.positions.values)
        assert not labels.failures


def test_a_label_is_made_once(store, log):
    x = points(*[GOOD] * 6)
    first = labelling(store, Springs(log=str(log))).ask(x, {})
    again = labelling(store, Springs(log=str(log)), Processes(2), seed=7).ask(x[::-1], {})
    assert (first.cached, again.cached, calls(log)) == (0, 6, 6)
    assert same(again.labels.values[::-1], first.labels.values)
    assert again.keys == first.keys[::-1]
    other = labelling(store, Springs(stiffness=2.0, log=str(log))).ask(x, {})
    assert (other.cached, calls(log)) == (0, 12)


def test_configurations_that_come_twice_are_asked_once(store, log):
    x = Points.concatenate([points(GOOD, GOOD), points(GOOD, GOOD), points(GOOD, GOOD)[:1]])
    heard = []
    asked = labelling(store, Springs(log=str(log))).ask(x, {}, Ear(heard))
    assert calls(log) == 2
    assert len(heard) == 5
    assert asked.cached == 0
    energy = asked.labels.values.values["energy"]
    np.testing.assert_array_equal(energy, energy[[0, 1, 0, 1, 0]])
    assert labelling(store, Springs(log=str(log))).ask(x, {}, Ear(heard)).cached == 5
    assert len(heard) == 10


def test_a_label_knows_nothing_of_its_neighbours_its_campaign_or_its_evidence(tmp_path):
    x = points(*[NOISY] * 5)
    with LabelStore(tmp_path / "a") as one, LabelStore(tmp_path / "b") as two:
        together = labelling(one, seed=1).ask(x, {"round": 3}).labels.values
        elsewhere = replace(x, evidence={"round": np.arange(5) + 7, "region": np.array(["hot"] * 5)})
        alone = [labelling(two, seed=2).ask(elsewhere[[i]], {"round": i}).labels.values for i in (4, 2, 0, 1, 3)]
    assert same(Properties.concatenate([alone[i] for i in (2, 3, 1, 4, 0)]), together)
    noise = together.values["energy"] - [0.5 * np.sum(row**2) for row in x.positions.rows()]
    assert len(set(noise)) == 5


def test_what_no_model_may_learn_is_not_kept_as_a_label(store, log):
    x = points(GOOD, NAN, UNCONVERGED)
    for cached in (0, 1):
        asked = labelling(store, Springs(log=str(log))).ask(x, {})
        assert asked.labels.failures == {1: Failure("nonfinite", "energy"), 2: Failure("unconverged", "100 steps")}
        assert np.isnan(asked.labels.values.values["energy"][1:]).all()
        assert asked.labels.values.values["forces"].counts.tolist() == [1, 0, 0]
        assert asked.labels.values.has("energy").tolist() == [True, False, False]
        assert asked.known.tolist() == [0]
        assert (asked.cached, calls(log)) == (cached, 3)  # failures are not paid for again either
    assert sorted(row["kind"] for row in store.rows()) == ["", "nonfinite", "unconverged"]


def test_a_configuration_that_kills_workers_is_asked_three_times_and_never_again(store, log):
    x = points(GOOD, KILLS, GOOD, EXITS)
    for _ in range(2):
        asked = labelling(store, Springs(log=str(log)), Processes(2)).ask(x, {})
        assert {row: f.kind for row, f in asked.labels.failures.items()} == {1: "crash", 3: "crash"}
        assert asked.known.tolist() == [0, 2]
        assert calls(log) == 2 + 2 * 3


def test_what_an_accident_took_is_asked_again_at_once(store, log):
    asked = labelling(store, Springs(log=str(log)), Processes(1)).ask(points(GOOD, DIES_ONCE), {})
    assert not asked.labels.failures
    assert calls(log) == 3
    assert [row["kind"] for row in store.rows() if row["attempt"]] == ["crash"]


def test_a_label_that_takes_too_long_has_twice_as_long_and_then_no_more(store):
    begun = time.monotonic()
    asked = labelling(store, executor=Processes(2), seconds=0.5).ask(points(SLEEPS, GOOD), {})
    assert [f.kind for f in asked.labels.failures.values()] == ["timeout"]
    assert asked.known.tolist() == [1]
    assert 1.5 <= time.monotonic() - begun < 30
    assert [(row["attempt"], row["seconds"]) for row in store.rows() if row["kind"] == "timeout"] == [
        (1, 0.5),
        (2, 1.0),
    ]


@dataclass(frozen=True)
class Slow(Springs):
    """Takes its time for each configuration."""

    def label(self, x: Any, wanted: frozenset[str], rng: np.random.Generator) -> Labels[Properties]:
        time.sleep(1.0 * len(x))
        return super().label(x, wanted, rng)


class Forgetful(Inline):
    """An executor that loses all results."""

    def run(self, function, tasks, terms=FREELY):
        yield from ()


def test_without_a_store_what_an_executor_lost_is_a_failure():
    asked = labelling(None, executor=Forgetful()).ask(points(GOOD, GOOD), {})
    assert [failure.kind for failure in asked.labels.failures.values()] == ["transient"] * 2


def test_without_a_store_the_time_of_a_label_is_given_to_each():
    asked = labelling(None, Slow(), Processes(1), seconds=1.5).ask(points(*[GOOD] * 4), {})
    assert not asked.labels.failures


def test_a_timeout_under_a_tighter_limit_is_asked_again(store, log):
    x, slow = points(GOOD), Springs(log=str(log), delay=1.2)
    for limit, asked in ((0.3, 2), (0.3, 2), (10.0, 3)):
        labels = labelling(store, slow, Processes(1), seconds=limit).ask(x, {}).labels
        assert bool(labels.failures) == (limit < 1)
        assert calls(log) == asked


def test_a_flawed_configuration_costs_nothing_and_is_told_of(store, log):
    heard = []
    for kept in (store, None):
        x = points(FLAWED, GOOD, FLAWED, GOOD)
        asked = labelling(kept, Springs(log=str(log))).ask(x, {}, Ear(heard))
        assert asked.flawed == 2
        assert {row: f.message for row, f in asked.labels.failures.items()} == {0: "flawed", 2: "flawed"}
        expected = [0.5 * np.sum(row**2) for row in x.positions.rows()]
        np.testing.assert_array_equal(asked.labels.values.values["energy"][[1, 3]], np.array(expected)[[1, 3]])
    assert calls(log) == 4
    assert len(store.rows()) == 2
    assert sum(isinstance(answer, Failure) for answer in heard) == 4
    everything = labelling(None).ask(points(FLAWED, FLAWED), {})
    assert (len(everything.labels.values), everything.flawed) == (2, 2)


def test_what_a_labeler_admits_is_no_label(store):
    asked = labelling(store).ask(points(ADMITS, GOOD), {})
    assert asked.labels.failures[0].kind == "unconverged"
    assert '"steps": 7' in asked.labels.failures[0].message


@dataclass(frozen=True)
class Limited(PointsDomain):
    """A campaign that learns no large energies."""

    largest: float = 1.0

    def refusals(self, x: Points, labels: Properties) -> dict[int, Failure]:
        large = np.flatnonzero(labels.values["energy"] > self.largest)
        return {int(i): Failure("unphysical", f"beyond {self.largest}") for i in large}


def test_a_limit_of_one_campaign_is_none_of_another(store, log):
    x = points(*[GOOD] * 6)
    large = {i for i, row in enumerate(x.positions.rows()) if 0.5 * np.sum(row**2) > 1.0}
    assert 0 < len(large) < 6
    for cached in (0, 6 - len(large)):
        strict = labelling(store, Springs(log=str(log)), domain=Limited()).ask(x, {})
        assert set(strict.labels.failures) == large
        assert strict.cached == cached
    lenient = labelling(store, Springs(log=str(log)), domain=Limited(largest=1e9)).ask(x, {})
    assert not lenient.labels.failures
    assert (lenient.cached, calls(log)) == (6, 6)


def test_labels_of_one_method_say_the_same_of_how_they_were_made(store):
    asked = labelling(store).ask(points(GOOD, OTHERWISE, GOOD), {})
    assert {row: f.kind for row, f in asked.labels.failures.items()} == {1: "method"}
    assert "other springs" in asked.labels.failures[1].message
    elsewhere = labelling(store).ask(points(OTHERWISE, first=5), {})  # the first one said so, whoever asks
    assert [f.kind for f in elsewhere.labels.failures.values()] == ["method"]


@dataclass(frozen=True)
class Reads:
    """Returns what a file says."""

    domain: ClassVar[str] = "toy"
    revision: ClassVar[int] = 1
    file: str = "energy.txt"

    def label(self, x: Any, wanted: frozenset[str], rng: np.random.Generator) -> Labels[Properties]:
        return Labels(Properties.of(energy=np.full(len(x), float(Path(self.file).read_text()))), {})


def test_a_method_that_changes_under_way_is_refused_and_named(store, tmp_path):
    file = tmp_path / "energy.txt"
    file.write_text("1.0")
    asking = labelling(store, Reads(str(file)))
    assert asking.ask(points(GOOD), {}).labels.values.values["energy"].tolist() == [1.0]
    file.write_text("2.0")
    with pytest.raises(EltaninError, match=r"labeler\.file"):
        asking.ask(points(GOOD, first=1), {})
    assert labelling(store, Reads(str(file))).ask(points(GOOD), {}).labels.values.values["energy"].tolist() == [2.0]


def test_three_failures_alike_before_any_label_end_the_asking(store, log):
    with pytest.raises(LabelerBroken, match=r"3 failed in the same way; .*ZeroDivisionError: a bug.*elt repeat RUN"):
        labelling(store, Springs(log=str(log))).ask(points(*[RAISES] * 20), {})
    assert calls(log) == 3


def test_a_campaign_that_begins_with_accidents_alone_is_not_asked_to_the_end_first(store, log):
    with pytest.raises(LabelerBroken, match=r"no label came yet, and 11 failed in the same way; .*SIGKILL"):
        labelling(store, Springs(log=str(log)), Processes(1)).ask(points(*[KILLS] * 20), {})
    assert calls(log) == 11


def test_a_labeler_that_fails_too_often_is_not_asked_on(store, log):
    moods = [GOOD, *[UNCONVERGED, NAN] * 20]
    with pytest.raises(LabelerBroken, match=r"11 of 12 labels failed, limits.failed=0.5"):
        labelling(store, Springs(log=str(log))).ask(points(*moods), {})
    assert calls(log) == 12
    asked = labelling(store, Springs(log=str(log)), failed=1.0).ask(points(*moods), {})
    assert len(asked.labels.failures) == 40


def test_what_failed_before_in_the_campaign_counts(store):
    x = points(GOOD, UNCONVERGED)
    with pytest.raises(LabelerBroken, match="31 of 51"):
        labelling(store).ask(x, {}, spent={"labelled": 19, "failed": 30})


def test_a_labeler_on_trial_is_believed_or_not(store):
    rng = np.random.default_rng(0)
    labelling(store).trial(points(GOOD), rng)
    with pytest.raises(LabelerBroken, match="not to be believed: forces of the wrong sign"):
        labelling(store, domain=PointsDomain("forces of the wrong sign")).trial(points(GOOD), rng)


class Careless(Inline):
    """An executor that loses some results, repeats others, and returns them out of order."""

    def run(self, function, tasks, terms=FREELY):
        done = list(super().run(function, tasks, terms))
        yield from reversed(done[1:])
        yield from done[1:]


def test_an_executor_may_lose_repeat_and_reorder(store, log):
    x = points(*[NOISY] * 6)
    with LabelStore(store.root.parent / "plain") as other:
        expected = labelling(other).ask(x, {}).labels.values
    asked = labelling(store, Springs(log=str(log)), Careless()).ask(x, {})
    assert same(asked.labels.values, expected)
    assert calls(log) == 6  # what was lost was in the store


def test_two_that_want_the_same_labels_pay_for_them_once(tmp_path, log):
    script = tmp_path / "campaign.py"
    script.write_text(CAMPAIGN.format(toys=str(TOYS), log=str(log), root=str(tmp_path / "store")))
    both = [subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    for process in both:
        assert "done" in process.communicate(timeout=120)[0]
    assert calls(log) == 40


def test_when_every_label_fails_there_are_as_many_rows(store):
    for kept in (store, None):
        asked = labelling(kept).ask(points(UNCONVERGED, UNCONVERGED), {})
        assert len(asked.labels.values) == len(asked.labels.failures) == 2
        assert asked.known.tolist() == []


def test_nothing_asked_is_nothing_answered(store):
    x = points(GOOD)[:0]
    for kept in (store, None):
        asked = labelling(kept).ask(x, {})
        assert (len(asked.labels.values), asked.cached, asked.known.tolist()) == (0, 0, [])


def test_without_a_store_all_are_asked_in_one_task(log):
    heard = []
    x = points(*[NOISY] * 20, NAN, UNCONVERGED)
    one, again, other = (labelling(None, Springs(log=str(log)), seed=seed).ask(x, {}, Ear(heard)) for seed in (0, 0, 1))
    assert len(heard) == 6  # the failures: labels are as many as were asked for
    assert calls(log) == 66
    assert set(one.labels.failures) == {20, 21}
    assert same(one.labels, again.labels)
    noise = one.labels.values.values["energy"] - other.labels.values.values["energy"]
    assert np.all(noise[:20] != 0)


def test_without_a_store_a_killed_worker_costs_the_batch():
    asked = labelling(None, executor=Processes(1)).ask(points(GOOD, KILLS), {})
    assert [failure.kind for failure in asked.labels.failures.values()] == ["crash", "crash"]


def test_how_a_label_was_made_is_kept_beside_it(store):
    asked = labelling(store, Springs(delay=0.01)).ask(points(GOOD), {"run": "copper", "round": 4})
    record = store.get(asked.keys)[asked.keys[0]]
    assert record.origin == {"run": "copper", "round": 4, "evidence": {"round": 0}}
    assert record.method["settings"] == {"stiffness": 1.0}
    assert 0.01 <= record.seconds < 1
    assert abs(record.created - time.time()) < 60
    assert {"numpy", "eltanin-core"} <= set(record.versions)


def test_what_came_before_an_interruption_is_kept(store, log):
    x, heard = points(*[GOOD] * 8), []

    class Interrupting(Ear):
        def answered(self, key, answer):
            super().answered(key, answer)
            if len(heard) == 3:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        labelling(store, Springs(log=str(log)), Processes(2)).ask(x, {}, Interrupting(heard))
    assert len(store.rows()) >= 3
    assert labelling(store, Springs(log=str(log)), Processes(2)).ask(x, {}).cached >= 3
    assert calls(log) <= 8 + 2


def test_damage_in_the_store_stops_the_asking_and_names_the_file(store):
    labelling(store).ask(points(GOOD), {})
    (path,) = store.objects.files()
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(IntegrityError, match=path.name):
        labelling(store).ask(points(GOOD), {})


class Mute(Exception):
    """Cannot even say what it is."""

    def __str__(self):
        raise RuntimeError("nothing to say")


REASONS = {
    "another row": {5: Failure("unconverged", "of a row that nobody asked for")},
    "named row": {"0": Failure("unconverged", "of a row by a name")},
    "word": {0: "no convergence"},
    "object": {0: Failure("error", ValueError("an object"))},
    "bytes": {0: Failure("unconverged", "no text: \udcff", "\udcff")},
    "flood": {0: Failure("unconverged", "x" * 10_000_000, "y" * 10_000_000)},
}
SAYINGS = {"number for a name": {1: 2}, "program of bytes": {"program": "\udcff"}}


@dataclass(frozen=True)
class Strange:
    """A labeler with faults of its own."""

    domain: ClassVar[str] = "toy"
    revision: ClassVar[int] = 1
    fault: str = "rows"

    def label(self, x: Any, wanted: frozenset[str], rng: np.random.Generator) -> Labels[Properties]:
        if self.fault == "bug":
            raise ZeroDivisionError("a bug")
        if self.fault == "mute":
            raise Mute
        if self.fault in REASONS:
            return Labels(Properties.of(energy=np.zeros(len(x))), REASONS[self.fault])
        if self.fault in SAYINGS:
            return Labels(Properties.of(energy=np.zeros(len(x))), {}, {0: SAYINGS[self.fault]})
        if self.fault == "leaves":
            os.chdir("/")
            return Labels(Properties.of(energy=np.zeros(len(x))), {})
        if self.fault == "torch":
            import torch

            forces = Ragged(torch.tensor(x.positions.values), x.positions.counts)
            return Labels(Properties.of(energy=torch.zeros(len(x), dtype=torch.float64), forces=forces), {})
        return Labels(Properties.of(energy=np.zeros(len(x) + 1)), {})


@pytest.mark.parametrize("kept", [True, False])
def test_a_labeler_that_returns_other_rows_is_told_so(store, kept):
    asked = labelling(store if kept else None, Strange()).ask(points(GOOD), {})
    assert asked.labels.failures[0].kind == "shape"
    assert "asked for 1 labels and returned 2" in asked.labels.failures[0].message


@pytest.mark.parametrize("kept", [True, False])
def test_a_bug_in_a_labeler_fails_its_label_and_shows_where(store, kept):
    asked = labelling(store if kept else None, Strange("bug")).ask(points(GOOD), {})
    assert asked.labels.failures[0][:2] == ("error", "ZeroDivisionError: a bug")
    assert 'raise ZeroDivisionError("a bug")' in asked.labels.failures[0].output


@pytest.mark.parametrize("kept", [True, False])
@pytest.mark.parametrize(
    ("fault", "kind", "message"),
    [
        ("another row", "shape", "says that row 5 of them failed"),
        ("named row", "shape", "says that row '0' of them failed"),
        ("word", "error", "'no convergence' where a `Failure` belongs"),
        ("object", "error", "an object"),
        ("bytes", "unconverged", "no text: ?"),
        ("flood", "unconverged", "x" * 2000),
        ("mute", "error", "Mute: <exception str() failed>"),
    ],
)
def test_a_failure_that_no_file_could_take_is_told_as_text(store, kept, fault, kind, message):
    asked = labelling(store if kept else None, Strange(fault)).ask(points(GOOD), {})
    failure = asked.labels.failures[0]
    assert failure.kind == kind
    assert message in failure.message
    assert len(failure.message) <= 2000
    assert len(failure.output) <= 4096
    if kept:
        assert store.get(asked.keys)[asked.keys[0]].failure == failure
        assert store.verify() == []


@pytest.mark.parametrize("fault", SAYINGS)
def test_evidence_that_no_file_could_take_fails_its_label(store, fault):
    asked = labelling(store, Strange(fault)).ask(points(GOOD), {})
    assert asked.labels.failures[0].kind == "error"
    assert "the evidence of a label is plain" in asked.labels.failures[0].message
    assert store.verify() == []


def test_a_labeler_that_leaves_for_another_folder_takes_nobody_along(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with open_store("labels") as store:
        asked = labelling(store, Strange("leaves")).ask(points(GOOD, GOOD), {})
        assert not asked.labels.failures
        assert Path.cwd() == tmp_path
    assert len(list((tmp_path / "labels" / "objects").rglob("*.safetensors"))) == 2


def test_labels_of_any_library_are_arrays_of_the_host_from_the_first_time_on(store):
    pytest.importorskip("torch")
    x = points(GOOD, GOOD)
    first, again = (labelling(store, Strange("torch")).ask(x, {}).labels.values for _ in range(2))
    assert isinstance(first.values["forces"].values, np.ndarray)
    assert same(first, again)


CAMPAIGN = """
import sys
sys.path[:0] = [{toys!r}]
from pathlib import Path
from toy_tasks import *
from eltanin.execution import Processes
from eltanin.labelling.ask import Labelling
from eltanin.store import LabelStore
if __name__ == "__main__":
    labeler = Springs(log={log!r}, delay=0.01)
    labelling = Labelling(PointsDomain(), labeler, Processes(2), 0, LabelStore(Path({root!r})))
    print("ready", flush=True)
    labelling.ask(points(*[GOOD] * 40), {{}})
    print("done", flush=True)
"""


def test_killed_and_started_again_it_repeats_at_most_what_was_under_way(tmp_path, log):
    script = tmp_path / "campaign.py"
    script.write_text(CAMPAIGN.format(toys=str(TOYS), log=str(log), root=str(tmp_path / "store")))
    rng, kills, output = np.random.default_rng(0), 0, ""
    while "done" not in output:
        with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True) as process:
            process.stdout.readline()
            before, begun = calls(log), time.monotonic()
            while kills < 4 and process.poll() is None and calls(log) < before + rng.integers(1, 8):
                assert time.monotonic() - begun < 60
                time.sleep(0.002)
            if kills < 4:
                process.kill()
                kills += 1
            output = process.stdout.read()
    made = calls(log)
    assert 40 <= made <= 40 + 2 * kills  # of two workers each time
    with LabelStore(tmp_path / "store") as store:
        assert store.verify() == []
        asked = labelling(store).ask(points(*[GOOD] * 40), {})
        assert (asked.cached, calls(log)) == (40, made)


def seconds(act, times):
    """Return the least of a few times of this process alone: the disk is the disk's."""
    taken = []
    for _ in range(times):
        begun = time.process_time()
        act()
        taken.append(time.process_time() - begun)
    return min(taken)


def test_the_core_costs_little_beside_a_label(tmp_path):
    x = points(*[GOOD] * 20)

    def keep():
        with LabelStore(tmp_path / str(time.monotonic_ns())) as store:
            labelling(store).ask(x, {})

    cheap = labelling(None)
    assert seconds(keep, 4) / 20 < 20e-3
    assert seconds(lambda: cheap.ask(x[:1], {}), 50) < 1e-3
