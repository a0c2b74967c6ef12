"""A committee that agrees and is wrong, or that cannot disagree: never is anything called converged, or accurate."""

import json

import pytest
from trials import Place, rounds

# It is accurate to 1e-3, the committee says; and wrong by 0.1.
EAGER = (
    "executor=inline", "explorer.problems=20", "model=agreeing", "committee=3", "selector.low=1e-3", "selector.high=1",
    "audit.tolerance=0.01", "audit.each_round=2", "rounds=6",
)  # fmt: skip
PLANTED = {"sharing an error": "model.copies=false", "copies of one": "model.copies=true"}


def summary(place):
    return json.loads((place.run / "summary.json").read_text())


def ends(warm, tmp_path, *words):
    """Return the place of a campaign, and its exit code."""
    place = Place(tmp_path, words)
    return place, warm.elt(place, place.begin)


@pytest.mark.parametrize("members", PLANTED)
@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(n, marks=pytest.mark.slow) for n in range(2, 20))])
def test_members_that_agree_and_are_wrong_never_converge(warm, tmp_path, members, seed):
    place, code = ends(warm, tmp_path, *EAGER, PLANTED[members], f"seed={seed}")
    told = summary(place)
    assert (code, told["status"]) == (1, "failed"), place.said
    assert "it is wrong where it agrees" in told["stop_reason"]
    exams = [record["audit"] for record in rounds(place.run) if record["audit"].get("exam")]
    assert len(exams) >= 2
    for exam in exams:
        assert exam["failures"] == exam["audits"] >= 29
        assert exam["failure_rate_at_most"] == 1.0
        assert not exam["converged"]


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_the_same_committee_without_the_error_converges(warm, tmp_path, seed):
    place, code = ends(warm, tmp_path, *EAGER, "model.shift=0", f"seed={seed}")
    told = summary(place)
    assert (code, told["status"]) == (0, "converged"), place.said
    assert told["audit"]["failures"] == 0


def test_one_member_never_calls_anything_accurate(warm, tmp_path):
    place, code = ends(warm, tmp_path, *EAGER, "model.shift=0", "committee=1", "rounds=4", "selector.budget=3")
    told = summary(place)
    assert (code, told["status"]) == (0, "budget"), place.said
    records = rounds(place.run)
    assert [record["accurate"] for record in records] == [0] * 4
    assert [record["exams"] for record in records] == [0] * 4
    assert told["audit"] is None


def test_before_there_is_a_committee_nothing_is_accurate(calm):
    first = rounds(calm.run)[0]
    assert (first["accurate"], first["candidate"], first["audited"]) == (0, first["explored"], 0)
