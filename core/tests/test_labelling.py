"""Labelling: a label depends on its configuration and method alone, is paid for once, and is judged."""

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
from eltanin.labelling import Labelling
from eltanin.protocols import Failure, Labels
from eltanin.store import IntegrityError, LabelStore

TOYS = Path(__file__).parent / "toys"
sys.path.append(str(TOYS))
from toy_faults import same  # noqa: E402
from toy_tasks import EXITS, GOOD, KILLS, NAN, NOISY, UNCONVERGED, Points, Springs, not_finite, points  # noqa: E402

WANTED = frozenset({"energy", "forces"})


@pytest.fixture
def store(tmp_path):
    with LabelStore(tmp_path / "store") as opened:
        yield opened


@pytest.fixture
def log(tmp_path):
    return tmp_path / "calls"


def labelling(store, labeler=None, executor=None, seed=0):
    return Labelling(labeler or Springs(), WANTED, executor or Inline(), seed, store, not_finite)


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
    asked = labelling(store, Springs(log=str(log))).ask(x, {}, lambda: heard.append(calls(log)))
    assert calls(log) == 2
    assert len(heard) == 5
    assert asked.cached == 0
    energy = asked.labels.values.values["energy"]
    np.testing.assert_array_equal(energy, energy[[0, 1, 0, 1, 0]])
    assert labelling(store, Springs(log=str(log))).ask(x, {}, lambda: heard.append(0)).cached == 5
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


def test_failures_are_tried_again_when_asked_for(store, log):
    x = points(GOOD, UNCONVERGED)
    labelling(store, Springs(log=str(log))).ask(x, {})
    with LabelStore(store.root, retry_failures=True) as eager:
        labelling(eager, Springs(log=str(log))).ask(x, {})
    assert calls(log) == 3


def test_a_configuration_that_kills_workers_costs_its_own_label_three_times(store, log):
    x = points(GOOD, KILLS, GOOD, EXITS)
    for attempt in range(1, 5):
        asked = labelling(store, Springs(log=str(log)), Processes(2)).ask(x, {})
        assert {row: f.kind for row, f in asked.labels.failures.items()} == {1: "crash", 3: "crash"}
        assert asked.known.tolist() == [0, 2]
        assert calls(log) == 2 + 2 * min(attempt, 3)


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
    one, again, other = (
        labelling(None, Springs(log=str(log)), seed=seed).ask(x, {}, lambda: heard.append(1)) for seed in (0, 0, 1)
    )
    assert len(heard) == 3
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
    assert record.origin == {"run": "copper", "round": 4}
    assert record.method["settings"] == {"stiffness": 1.0}
    assert 0.01 <= record.seconds < 1
    assert abs(record.created - time.time()) < 60
    assert {"numpy", "eltanin-core"} <= set(record.versions)


def test_what_came_before_an_interruption_is_kept(store, log):
    x, heard = points(*[GOOD] * 8), []

    def interrupt():
        heard.append(1)
        if len(heard) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        labelling(store, Springs(log=str(log)), Processes(2)).ask(x, {}, interrupt)
    assert len(store.rows()) >= 3
    assert labelling(store, Springs(log=str(log)), Processes(2)).ask(x, {}).cached >= 3
    assert calls(log) <= 8 + 2


def test_damage_in_the_store_stops_the_asking_and_names_the_file(store):
    labelling(store).ask(points(GOOD), {})
    (path,) = store.objects.rglob("*.safetensors")
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(IntegrityError, match=path.name):
        labelling(store).ask(points(GOOD), {})


@dataclass(frozen=True)
class Strange:
    """A labeler with faults of its own."""

    domain: ClassVar[str] = "toy"
    revision: ClassVar[int] = 1
    fault: str = "rows"

    def label(self, x: Any, wanted: frozenset[str], rng: np.random.Generator) -> Labels[Properties]:
        if self.fault == "bug":
            raise ZeroDivisionError("a bug")
        if self.fault == "torch":
            import torch

            forces = Ragged(torch.tensor(x.positions.values), x.positions.counts)
            return Labels(Properties.of(energy=torch.zeros(len(x), dtype=torch.float64), forces=forces), {})
        return Labels(Properties.of(energy=np.zeros(len(x) + 1)), {})


@pytest.mark.parametrize("kept", [True, False])
def test_a_labeler_that_returns_other_rows_is_named(store, kept):
    with pytest.raises(EltaninError, match=r"Strange was asked for 1 labels and returned 2"):
        labelling(store if kept else None, Strange()).ask(points(GOOD), {})


@pytest.mark.parametrize("kept", [True, False])
def test_a_bug_in_a_labeler_is_no_failed_label(store, kept):
    with pytest.raises(ZeroDivisionError, match="a bug"):
        labelling(store if kept else None, Strange("bug")).ask(points(GOOD), {})
    assert store.rows() == []


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
from eltanin.labelling import Labelling
from eltanin.store import LabelStore
if __name__ == "__main__":
    wanted, labeler = frozenset({{"energy", "forces"}}), Springs(log={log!r}, delay=0.01)
    labelling = Labelling(labeler, wanted, Processes(2), 0, LabelStore(Path({root!r})), not_finite)
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
