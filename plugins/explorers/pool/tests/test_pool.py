"""Active and sequential learning from configurations that exist already."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from eltanin.batch import Batch, Properties
from eltanin.protocols import Feedback, Verdict
from eltanin.randomness import stream
from eltanin_pool import Nothing, Pool

PARTS = ["part_*.txt"]


@dataclass(frozen=True)
class Numbers(Batch):
    """A configuration is a number."""

    x: np.ndarray
    evidence: dict = field(default_factory=dict)


@dataclass
class Reader:
    """A domain of text files with a number in each line; it counts how often it is asked."""

    reads: int = 0

    def read(self, path):
        self.reads += 1
        x = Numbers(np.loadtxt(path, ndmin=1))
        return x, Properties.of(square=x.x**2)


@pytest.fixture
def data(tmp_path):
    for k in range(3):
        np.savetxt(tmp_path / f"part_{k}.txt", 100 * k + np.arange(10.0))
    return str(tmp_path)


def feedback_of(pool, labelled):
    n = len(pool)
    verdict = np.where(labelled, Verdict.CANDIDATE, Verdict.ACCURATE)
    return Feedback(pool.evidence, verdict, np.zeros(n), np.asarray(labelled))


def play(explorer, rounds, choose, seed=0):
    """Run the loop with a selector that labels the rows which `choose` names; return the pools."""
    state, feedback, pools = explorer.init(stream(seed)), None, []
    for k in range(rounds):
        committee = [object()] if k else []
        pool, state = explorer.explore(committee, state, feedback, stream(seed, k))
        feedback = feedback_of(pool, choose(k, pool))
        pools.append(pool)
    return pools


def test_the_first_round_draws_at_random_and_differently_for_another_seed(data):
    explorer = Pool(data, Reader(), PARTS, initial=7)
    pools = [play(explorer, 1, lambda k, p: np.ones(len(p), bool), seed)[0].x for seed in (0, 0, 1)]
    assert len(set(pools[0])) == 7
    assert np.array_equal(pools[0], pools[1])
    assert not np.array_equal(pools[0], pools[2])


def test_even_configurations_of_the_first_round_leave_no_gap(data):
    explorer = Pool(data, Reader(), PARTS, initial=4, first="even")
    pools = [play(explorer, 2, lambda k, p: np.ones(len(p), bool), seed) for seed in (0, 1)]
    assert [list(p[0].x) for p in pools] == [[0, 100, 109, 209]] * 2  # rows 0, 10, 19 and 29 of 30
    assert [len(p[1]) for p in pools] == [26, 26]


def test_later_rounds_show_all_that_has_no_label_and_nothing_that_has(data):
    def choose(k, pool):
        return np.ones(len(pool), bool) if k == 0 else np.arange(len(pool)) < 4

    pools = play(Pool(data, Reader(), PARTS, initial=5), 4, choose)
    assert [len(p) for p in pools] == [5, 25, 21, 17]
    labelled = set(pools[0].x)
    for k, pool in enumerate(pools[1:], 1):
        assert labelled.isdisjoint(pool.x)
        assert len(labelled | set(pool.x)) == 30
        labelled |= set(pool.x[choose(k, pool)])


def test_what_was_asked_for_without_an_answer_stays_in_the_pool(data):
    pools = play(Pool(data, Reader(), PARTS, initial=5), 2, lambda k, p: np.arange(len(p)) > 0)
    assert pools[0].x[0] in pools[1].x
    assert len(pools[1]) == 26


def test_more_even_configurations_than_there_are_is_all_of_them(data):
    [pool] = play(Pool(data, Reader(), PARTS, initial=30, first="even"), 1, lambda k, p: np.ones(len(p), bool))
    assert len(set(pool.x)) == 30


def test_a_pool_that_is_used_up_is_empty(data):
    pools = play(Pool(data, Reader(), PARTS, initial=5), 3, lambda k, p: np.ones(len(p), bool))
    assert [len(p) for p in pools] == [5, 25, 0]


def test_a_round_shows_no_more_than_asked_for(data):
    pools = play(Pool(data, Reader(), PARTS, initial=5, per_round=8), 3, lambda k, p: np.arange(len(p)) < 2)
    assert [len(p) for p in pools] == [5, 8, 8]
    assert not np.array_equal(pools[1].x, pools[2].x)


def test_evidence_of_the_data_is_kept_and_the_index_leads_back(data):
    reader = Reader()
    explorer = Pool(data, reader, parts=["part_2.txt", "part_0.txt"], initial=3)
    everything = explorer.everything
    assert list(everything.x[:10]) == list(200 + np.arange(10.0))
    [pool] = play(explorer, 1, lambda k, p: np.ones(len(p), bool))
    assert np.array_equal(everything[pool.evidence["index"]].x, pool.x)
    assert reader.reads == 2  # each part once, however many rounds
    tagged = replace(everything, evidence={"region": np.full(20, "bulk")})
    object.__setattr__(explorer, "everything", tagged)
    assert set(play(explorer, 1, lambda k, p: np.ones(len(p), bool))[0].evidence) == {"region", "index"}


def test_the_state_is_an_array_that_is_not_changed_in_place(data):
    explorer = Pool(data, Reader(), PARTS, initial=5)
    state = explorer.init(stream(0))
    pool, _ = explorer.explore([], state, None, stream(1))
    explorer.explore([object()], state, feedback_of(pool, np.ones(5, bool)), stream(2))
    assert state.dtype == bool
    assert not state.any()


def test_no_exploration_hands_everything_back_once(data):
    explorer = Nothing(data, Reader(), PARTS)
    state = explorer.init(stream(0))
    first, state = explorer.explore([], state, None, stream(1))
    later, _ = explorer.explore([object()], state, None, stream(2))
    assert list(first.x) == [100 * k + i for k in range(3) for i in range(10)]
    assert isinstance(later, Numbers)
    assert len(later) == 0


@pytest.mark.parametrize("explorer", [Pool, Nothing])
@pytest.mark.parametrize(("where", "parts", "message"), [
    ("", [], "no labelled data are given"),
    ("nowhere", [], "does not exist"),
    (None, ["part_7.txt"], "nothing in data=.* is called 'part_7.txt'; there is: part_0.txt"),
])  # fmt: skip
def test_data_that_are_not_there_are_refused_at_once(data, explorer, where, parts, message):
    with pytest.raises(ValueError, match=message):
        explorer(data if where is None else where, Reader(), parts=parts)


def test_rounds_without_configurations_are_refused(data):
    with pytest.raises(ValueError, match=r"explorer\.initial=0"):
        Pool(data, Reader(), PARTS, initial=0)
    with pytest.raises(ValueError, match=r"explorer\.per_round=0"):
        Pool(data, Reader(), PARTS, per_round=0)
    with pytest.raises(ValueError, match=r"explorer\.first=evenly: .* random or even"):
        Pool(data, Reader(), PARTS, first="evenly")
    with pytest.raises(ValueError, match="holds 30 configurations"):
        Pool(data, Reader(), PARTS, initial=31).init(stream(0))
