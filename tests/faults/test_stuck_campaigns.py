"""A campaign that cannot learn ends early, says why and what to do, and has not spent much."""

import json

import pytest
from trials import Place, rounds

HARD = ("executor=inline", "rounds=30", "explorer.problems=20", "explorer.windows=1", "selector.budget=20")
TRIAL = 2  # labels that a labeler is put on trial with
# What is the matter: words that make it so, what the reason must name, and labels that may be paid for at most.
STUCK = {
    "every label fails in the same way": (
        ["labeler.failing=1", "labeler.alike=true"],
        ["no label came yet", "unconverged", "as it was told to", "elt repeat"],
        TRIAL + 3,
    ),
    "every label fails, each in its own way": (
        ["labeler.failing=1"],
        ["11 of 11 labels failed", "limits.failed=0.5", "unconverged", "elt repeat"],
        TRIAL + 11,
    ),
    "too many labels fail": (
        ["labeler.failing=0.5", "limits.failed=0.3", "limits.seconds=null"],
        ["labels failed", "limits.failed=0.3", "unconverged"],
        45,
    ),
    "all are rejected after the beginning": (
        ["selector.low=1e-15", "selector.high=1e-14"],
        ["3 rounds on end taught nothing", "rejected all 20 samples", "raise the level"],
        20,
    ),
    "nothing is selected and exams fail": (
        ["model=agreeing", "explorer.problems=60", "selector.low=0.05", "selector.high=1", "audit.tolerance=0.01"],
        ["3 rounds on end taught nothing", "it is wrong where it agrees"],
        60 + 29 + 36 + 42 + 48,
    ),
}


@pytest.mark.parametrize("case", STUCK)
def test_a_campaign_that_is_stuck_ends_and_says_why(warm, tmp_path, case):
    words, named, most = STUCK[case]
    place = Place(tmp_path, (*HARD, *words))
    assert warm.elt(place, place.begin) == 1, place.said
    told = json.loads((place.run / "summary.json").read_text())
    assert told["status"] == "failed"
    for part in named:
        assert part in told["stop_reason"]
    assert 0 < len(place.asked()) <= most
    assert "Traceback" not in place.said


def test_failures_are_paid_for_once_even_by_the_next_run(warm, tmp_path):
    words = (*HARD, "labeler.failing=0.2", "limits.failed=0.9", "rounds=2")
    first, second = Place(tmp_path, words), Place(tmp_path, words, name="second")
    assert warm.elt(first, first.begin) == 0, first.said
    paid = len(first.asked())
    assert sum(record["failed"].get("unconverged", 0) for record in rounds(first.run)) > 0
    assert warm.elt(second, second.begin) == 0, second.said
    assert len(second.asked()) == paid
