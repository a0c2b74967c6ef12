"""kill -9 at any moment, of the driver alone or with all its workers, and the same campaign in the end."""

import os
import shutil
import signal
import time
from contextlib import suppress

import numpy as np
import pytest
from trials import GONE, LONG, NEVER, SPREAD, Place, left_alone, marked, outcome, repeats, wrong

WORKERS = 2
LASTS = 0.9  # seconds, of a campaign that nobody kills
LIVES = 8  # of one campaign, at most: then it may end, and the next one begins


def kill(child, place, everybody):
    """End the driver; and its workers, with those that it is just about to start."""
    os.kill(child, signal.SIGKILL)
    while everybody and (there := list(marked(place))):
        for worker in there:
            with suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)


def killed_until_it_ends(warm, place, rng, most):
    """Kill a campaign at random moments, so often at most; return how often it was."""
    kills, code = 0, GONE
    while code == GONE:
        there, known, now = place.objects(), place.known(), time.monotonic_ns()
        if not place.begun:
            shutil.rmtree(place.run, ignore_errors=True)  # as `elt resume` says
        words = ["resume", place.name] if place.begun else place.begin
        child = warm.begin(place, words, float(rng.choice([0.0, NEVER])))
        code = warm.end(child, rng.uniform(0, LASTS) if kills < most else LONG)
        if code is None:
            assert kills < most, f"it hangs:\n{place.said}"
            kill(child, place, everybody=kills % 2)
            kills += 1
            code = warm.end(child)
        assert there.items() <= place.objects().items(), "a label was lost, or written twice"
        again = {name for when, name in place.asked() if when > now} & known
        assert not again, "a label that was there was asked for again"
    assert code == 0, place.said
    return kills


def campaign_after_campaign(warm, folder, expected, seed, kills):
    """Kill campaigns until so many kills have hit one that ran, and check every one of them at its end."""
    rng, hits = np.random.default_rng(seed), 0
    while hits < kills:
        place = Place(folder / str(hits), SPREAD)
        place.path.mkdir()
        mine = killed_until_it_ends(warm, place, rng, min(LIVES, kills - hits))
        assert outcome(place.run) == expected
        assert wrong(place.store) == []
        assert repeats(place) <= WORKERS * mine, "more than the labels in flight were asked for again"
        assert left_alone(place) == []
        hits += mine
    return hits


def test_12_kills_cost_the_labels_in_flight_at_most(warm, swift, expected):
    assert campaign_after_campaign(warm, swift, expected, seed=0, kills=12) == 12


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 9))
def test_200_kills_cost_the_labels_in_flight_at_most(warm, swift, expected, seed):
    assert campaign_after_campaign(warm, swift, expected, seed, kills=25) == 25
