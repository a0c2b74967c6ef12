"""MaxVol: the volume of the active set, and the grade that follows from it."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from eltanin_moment_tensor.maxvol import active_set, chosen, grade


def volume(rows: np.ndarray) -> float:
    return float(abs(np.linalg.det(rows)))


@pytest.mark.parametrize("seed", range(8))
def test_no_exchange_of_a_row_enlarges_the_volume(seed):
    rows = np.random.default_rng(seed).normal(size=(30, 6))
    place = chosen(rows)
    best = volume(rows[place])
    for j in range(6):
        for i in range(30):
            swapped = place.copy()
            swapped[j] = i
            assert volume(rows[swapped]) <= best * (1 + 1e-8)


def test_the_volume_is_that_of_brute_force():
    """Over all choices of 3 rows of 12: the largest, or (a local maximum) nearly so and never below the known bound."""
    found = []
    for seed in range(40):
        rows = np.random.default_rng(seed).normal(size=(12, 3))
        largest = max(volume(rows[list(some)]) for some in combinations(range(12), 3))
        found.append(volume(rows[chosen(rows)]) / largest)
    assert max(found) == pytest.approx(1.0, rel=1e-12)
    assert np.mean(np.isclose(found, 1.0, rtol=1e-12)) > 0.7
    assert min(found) >= 3**-1.5  # Goreinov & Tyrtyshnikov: a dominant submatrix has at least n^(-n/2) of the volume


def test_the_grade_is_at_most_one_on_all_that_was_learned_and_one_on_the_active_set():
    rng = np.random.default_rng(3)
    rows = rng.normal(size=(400, 20)) * np.logspace(0, 4, 20)
    inverse, scale, seen = active_set(rows)
    assert len(seen) == 20
    found = grade(rows, inverse, scale)
    assert found.max() <= 1 + 1e-8
    np.testing.assert_allclose(found[seen], 1.0, atol=1e-8)


def test_the_grade_is_the_volume_that_an_exchange_would_gain():
    rng = np.random.default_rng(4)
    rows, new = rng.normal(size=(50, 5)), 3 * rng.normal(size=5)
    inverse, scale, seen = active_set(rows)
    a = rows[seen]
    gains = [volume(np.concatenate([a[:j], [new], a[j + 1 :]])) / volume(a) for j in range(5)]
    assert grade(new[None], inverse, scale)[0] == pytest.approx(max(gains), rel=1e-10)


def test_a_direction_that_was_never_seen_is_far_outside():
    rows = np.random.default_rng(5).normal(size=(60, 4))
    rows[:, 2] = rows[:, 0] - rows[:, 1]
    inverse, scale, seen = active_set(rows)
    assert len(seen) == 3
    inside = rows.mean(axis=0)
    assert grade(inside[None], inverse, scale)[0] < 1
    assert grade(inside[None] + np.array([0, 0, 0.1, 0]), inverse, scale)[0] > 1000


def test_what_is_not_finite_has_no_finite_grade():
    inverse, scale, _ = active_set(np.random.default_rng(6).normal(size=(20, 3)))
    assert not np.isfinite(grade(np.array([[0.1, np.nan, 0.2]]), inverse, scale))[0]
