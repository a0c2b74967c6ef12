"""Least squares folded from chunks, against all rows at once."""

from __future__ import annotations

import numpy as np
import pytest

from eltanin_atoms.least_squares import ridge, triangle


def chunks(rows: np.ndarray, y: np.ndarray, size: int):
    return ((rows[k : k + size], y[k : k + size]) for k in range(0, len(rows), size))


@pytest.mark.parametrize("size", [1, 3, 7, 200])
def test_chunks_are_as_all_rows_at_once(size):
    rng = np.random.default_rng(0)
    rows, y = rng.normal(size=(120, 8)), rng.normal(size=120)
    expected, left, *_ = np.linalg.lstsq(rows, y, rcond=None)
    found = triangle(chunks(rows, y, size), 8)
    np.testing.assert_allclose(ridge(found, 0.0), expected, rtol=1e-10)
    assert found.rest == pytest.approx(left[0], rel=1e-10)
    assert found.rows == 120


def test_an_ill_conditioned_solution_keeps_the_digits_that_normal_equations_lose():
    """Condition 1e7: its square leaves normal equations two digits."""
    rng = np.random.default_rng(1)
    left, right = (np.linalg.qr(rng.normal(size=shape))[0] for shape in ((200, 6), (6, 6)))
    rows, truth = left * np.logspace(0, -7, 6) @ right, rng.normal(size=6)
    y = rows @ truth
    np.testing.assert_allclose(ridge(triangle(chunks(rows, y, 20), 6), 0.0), truth, rtol=1e-7)
    assert np.abs(np.linalg.solve(rows.T @ rows, rows.T @ y) - truth).max() > 1e-4


def test_a_ridge_is_the_least_of_its_own_function():
    rng = np.random.default_rng(2)
    rows, y = rng.normal(size=(50, 4)) * [1, 10, 100, 1], rng.normal(size=50)
    norms = np.linalg.norm(rows, axis=0)
    largest = np.linalg.norm(rows / norms, 2)
    more = 0.3**0.5 * largest * np.diag(norms)
    expected = np.linalg.lstsq(np.vstack([rows, more]), np.append(y, np.zeros(4)), rcond=None)[0]
    np.testing.assert_allclose(ridge(triangle(chunks(rows, y, 9), 4), 0.3), expected, rtol=1e-10)


def test_what_no_row_tells_is_zero():
    rng = np.random.default_rng(3)
    rows = rng.normal(size=(30, 3))
    rows[:, 1] = 0.0
    found = ridge(triangle(chunks(rows, rows @ [1.0, 5.0, 2.0], 30), 3), 0.0)
    np.testing.assert_allclose(found, [1.0, 0.0, 2.0], atol=1e-12)


def test_fewer_rows_than_columns_give_the_smallest_solution():
    rows = np.array([[1.0, 1.0, 0.0]])
    np.testing.assert_allclose(ridge(triangle([(rows, np.array([2.0]))], 3), 0.0), [1.0, 1.0, 0.0], atol=1e-14)
