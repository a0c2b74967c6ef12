"""Two drivers of one run: one drives, the other refuses. Two runs that want one label: one makes it."""

import json
import os
import signal
import time
from pathlib import Path

import pytest
from trials import INLINE, SOON, SPREAD, Place, left_alone, outcome, repeats, wrong

SLOW = (*INLINE, "labeler.seconds=0.05")


def state(child):
    """Return what the system says a process is doing."""
    return Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[0]


def reach(place, asked, warm, child):
    """Wait until so many labels were asked for."""
    while len(place.asked()) < asked:
        assert warm.end(child, 0.005) is None, place.said


@pytest.mark.parametrize("race", [*range(3), *(pytest.param(n, marks=pytest.mark.slow) for n in range(3, 50))])
def test_of_two_drivers_that_start_at_once_exactly_one_runs(warm, place, expected, race):
    children = [warm.begin(place, place.begin) for _ in range(2)]
    codes = sorted(warm.end(child) for child in children)
    assert codes == [0, 2], place.said
    assert "is driven by process" in place.said or "holds a run already" in place.said
    assert outcome(place.run) == expected
    assert repeats(place) == 0
    assert wrong(place.store) == []


@pytest.mark.parametrize("race", [*range(3), *(pytest.param(n, marks=pytest.mark.slow) for n in range(3, 50))])
def test_of_two_that_resume_at_once_exactly_one_runs(warm, swift, expected, race):
    place = Place(swift, SLOW)
    child = warm.begin(place, place.begin)
    reach(place, 4 + race % 8, warm, child)
    os.kill(child, signal.SIGKILL)
    warm.end(child)
    children = [warm.begin(place, ["resume", place.name]) for _ in range(3)]
    codes = sorted(warm.end(one) for one in children)
    assert codes.count(0) >= 1
    assert set(codes) <= {0, 2}, place.said  # one that came when all was done has nothing to do
    assert codes.count(0) == 1 or "nothing to resume" in place.said
    assert outcome(place.run) == expected
    assert repeats(place) <= 1


def test_the_one_that_is_refused_is_told_who_drives(warm, swift):
    place = Place(swift, SLOW)
    child = warm.begin(place, place.begin)
    reach(place, 2, warm, child)
    assert warm.elt(place, ["resume", place.name]) == 2
    assert f"process {child}" in place.said
    assert os.uname().nodename in place.said
    assert warm.end(child) == 0, place.said


@pytest.mark.parametrize("words", [SLOW, SPREAD])
def test_two_runs_that_want_the_same_labels_pay_for_each_once(warm, swift, expected, words):
    runs = [Place(swift, words, name=name) for name in ("one", "two")]
    children = [warm.begin(place, place.begin) for place in runs]
    for child, place in zip(children, runs, strict=True):
        assert warm.end(child) == 0, place.said
    assert repeats(runs[0]) == 0
    for place in runs:
        assert outcome(place.run) == expected
    assert wrong(runs[0].store) == []


def test_a_driver_that_is_halted_keeps_its_run_until_its_lease_expires(warm, swift, expected):
    place = Place(swift, SLOW)
    child = warm.begin(place, place.begin)  # with leases that last for minutes
    reach(place, 3, warm, child)
    os.kill(child, signal.SIGSTOP)
    try:
        assert warm.elt(place, ["resume", place.name]) == 2
        assert f"process {child}" in place.said
    finally:
        os.kill(child, signal.SIGCONT)
    assert warm.end(child) == 0, place.said
    assert outcome(place.run) == expected


@pytest.mark.parametrize("asked", [1, 3, 8, 12])
def test_a_driver_that_slept_while_another_took_over_writes_nothing(warm, swift, expected, asked):
    place = Place(swift, SLOW)
    child = warm.begin(place, place.begin, leases=SOON)
    reach(place, asked, warm, child)
    os.kill(child, signal.SIGSTOP)
    while state(child) != "T":
        time.sleep(0.001)
    time.sleep(SOON["EXPIRY"] + 0.3)
    assert warm.elt(place, ["resume", place.name], leases=SOON) == 0, place.said
    first = {path: path.read_bytes() for path in place.run.rglob("*") if path.is_file() and path.name != "elt.log"}
    assert outcome(place.run) == expected
    os.kill(child, signal.SIGCONT)
    assert warm.end(child) == 1
    assert "while this process was halted" in place.said
    after = {path: path.read_bytes() for path in place.run.rglob("*") if path.is_file() and path.name != "elt.log"}
    assert after == first
    assert wrong(place.store) == []
    assert repeats(place) <= 1
    assert left_alone(place) == []


def test_a_driver_that_died_is_succeeded_at_once(warm, swift, expected):
    place = Place(swift, SLOW)
    child = warm.begin(place, place.begin)
    reach(place, 3, warm, child)
    os.kill(child, signal.SIGKILL)
    warm.end(child)
    begun = time.monotonic()
    assert warm.elt(place, ["resume", place.name]) == 0, place.said
    assert time.monotonic() - begun < 60  # leases expire after minutes
    assert outcome(place.run) == expected


@pytest.mark.parametrize("day", [86400.0, -86400.0])
def test_a_clock_that_is_a_day_off_takes_nothing_from_anybody(warm, swift, expected, day):
    place = Place(swift, SLOW)
    child = warm.begin(place, place.begin)
    reach(place, 3, warm, child)
    assert warm.elt(place, ["resume", place.name], clock=[day, 0.0]) == 2
    os.kill(child, signal.SIGSTOP)
    assert warm.elt(place, ["resume", place.name], clock=[day, 0.0]) == 2
    os.kill(child, signal.SIGCONT)
    assert warm.end(child) == 0, place.said
    assert outcome(place.run) == expected


def test_a_clock_that_jumps_by_days_changes_nothing_but_dates(warm, swift, expected):
    place = Place(swift, SPREAD)
    assert warm.elt(place, place.begin, clock=[0.0, 86400.0], leases=SOON) == 0, place.said
    assert outcome(place.run) == expected
    assert repeats(place) == 0
    assert json.loads((place.run / "summary.json").read_text())["seconds"]["label"] < 60
