"""SIGTERM, SIGINT and SIGUSR2 stop a campaign in order, soon, with nobody left behind; a second one ends it at once."""

import json
import os
import signal
import time

import numpy as np
import pytest
from trials import GONE, INLINE, SPREAD, STOPPED, Place, left_alone, outcome, repeats, wrong

SIGNALS = [signal.SIGTERM, signal.SIGINT, signal.SIGUSR2]
SOON = 10.0  # seconds
LASTS = 0.5  # seconds from the first label of a campaign to its end
WORKERS = 2


def asked_for(warm, place, child, labels):
    """Wait until so many labels were asked for."""
    while len(place.asked()) < labels:
        assert warm.end(child, 0.002) is None, place.said


def stop(warm, place, child, number):
    """Send a signal; return the exit code and the seconds that it took."""
    begun = time.monotonic()
    os.kill(child, number)
    code = warm.end(child, 2 * SOON)
    return code, time.monotonic() - begun


def stopped_and_resumed(warm, place, expected, number, delay):
    child = warm.begin(place, place.begin)
    asked_for(warm, place, child, 1)
    time.sleep(delay)
    code, seconds = stop(warm, place, child, number)
    assert code in (STOPPED, 0), place.said  # 0: it had come to its end
    assert seconds < SOON
    assert left_alone(place, 1.0) == []
    if code == STOPPED:
        summary = json.loads((place.run / "summary.json").read_text())
        assert summary["status"] == "stopped"
        assert number.name in summary["stop_reason"]
        assert "elt resume" in summary["stop_reason"]
        before = place.objects()
        assert warm.elt(place, ["resume", place.name]) == 0, place.said
        assert before.items() <= place.objects().items()
    assert outcome(place.run) == expected
    assert wrong(place.store) == []
    assert repeats(place) <= WORKERS
    return code


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("words", [INLINE, SPREAD])
def test_a_signal_stops_a_campaign_that_resumes_to_the_same_bits(warm, swift, expected, number, words):
    place = Place(swift, (*words, "labeler.seconds=0.05"))
    assert stopped_and_resumed(warm, place, expected, number, 0.05) == STOPPED


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_50_signals_at_random_moments_do(warm, swift, expected, seed):
    rng, codes = np.random.default_rng(seed), []
    for number in range(10):
        place = Place(swift / str(number), SPREAD)
        place.path.mkdir()
        codes.append(stopped_and_resumed(warm, place, expected, SIGNALS[number % 3], rng.uniform(0, LASTS)))
    assert codes.count(STOPPED) > 3


@pytest.mark.parametrize("seed", [0, *(pytest.param(n, marks=pytest.mark.slow) for n in range(1, 5))])
def test_a_signal_while_it_starts_costs_nothing_either(warm, swift, expected, seed):
    rng = np.random.default_rng(100 + seed)
    for number in range(6):
        place = Place(swift / str(number), INLINE)
        place.path.mkdir()
        child = warm.begin(place, place.begin)
        time.sleep(rng.uniform(0, 0.25))
        sent = SIGNALS[number % 3]
        code, seconds = stop(warm, place, child, sent)
        assert seconds < SOON
        assert code in (0, STOPPED, -sent) or (code, sent) == (130, signal.SIGINT), place.said
        if code:
            assert warm.go_on(place) == 0, place.said
        assert outcome(place.run) == expected
        assert repeats(place) <= 1


def test_a_label_that_takes_an_hour_does_not_hold_a_stop_up(warm, swift):
    place = Place(swift, (*SPREAD, "labeler.seconds=3600"))
    child = warm.begin(place, place.begin)
    asked_for(warm, place, child, WORKERS)
    code, seconds = stop(warm, place, child, signal.SIGTERM)
    assert code == STOPPED, place.said
    assert seconds < SOON
    assert left_alone(place, 1.0) == []


@pytest.mark.parametrize("number", SIGNALS)
def test_a_second_signal_ends_it_at_once(warm, swift, expected, number):
    place = Place(swift, (*SPREAD, "labeler.seconds=0.2"))
    child = warm.begin(place, place.begin)
    asked_for(warm, place, child, 3)
    os.kill(child, number)
    code, seconds = stop(warm, place, child, signal.SIGTERM)
    assert code in (STOPPED, -signal.SIGTERM, -number), place.said
    assert seconds < 3
    assert left_alone(place) == []
    assert warm.elt(place, ["resume", place.name]) == 0, place.said
    assert outcome(place.run) == expected
    assert wrong(place.store) == []
    assert repeats(place) <= WORKERS


def test_a_campaign_that_was_stopped_can_be_killed_and_stopped_again(warm, swift, expected):
    place = Place(swift, (*SPREAD, "labeler.seconds=0.05"))
    for number, code in ((signal.SIGTERM, STOPPED), (signal.SIGKILL, GONE), (signal.SIGUSR2, STOPPED)):
        child = warm.begin(place, ["resume", place.name] if place.begun else place.begin)
        asked_for(warm, place, child, len(place.asked()) + 2)
        assert stop(warm, place, child, number)[0] == code, place.said
    assert warm.elt(place, ["resume", place.name]) == 0, place.said
    assert outcome(place.run) == expected
    assert left_alone(place) == []
