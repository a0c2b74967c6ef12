"""The density of k-points: a function of the cell alone, the same for all cells of a campaign."""

from __future__ import annotations

import numpy as np
import pytest
from ase.build import bulk
from hypothesis import given
from hypothesis import strategies as st

from eltanin_pyscf_dft.kpoints import divisions, margins, reciprocal_lengths

CELLS = st.lists(st.floats(-0.3, 0.3), min_size=9, max_size=9).map(
    lambda skew: 4.0 * np.eye(3) + 3.0 * np.array(skew).reshape(3, 3)
)


def test_known_cells():
    """Silicon: |b| = 2 pi sqrt(3)/a in the cell of two atoms, 2 pi/a in that of eight."""
    small, large = bulk("Si", a=5.43).cell.array, bulk("Si", a=5.43, cubic=True).cell.array
    np.testing.assert_allclose(reciprocal_lengths(small), 2 * np.pi * np.sqrt(3) / 5.43)
    np.testing.assert_allclose(reciprocal_lengths(large), 2 * np.pi / 5.43)
    assert divisions(small, 0.62) == (4, 4, 4)
    assert divisions(large, 0.62) == (2, 2, 2)
    assert divisions(np.diag([3.0, 6.0, 60.0]), 0.3) == (7, 4, 1)


def test_a_cell_that_fits_exactly_is_no_matter_of_rounding():
    """n b = spacing n: one more or less ulp changes nothing."""
    for n in range(1, 30):
        a = 2 * np.pi / (0.3 * n)
        assert divisions(np.eye(3) * a, 0.3) == divisions(np.eye(3) * np.nextafter(a, 0), 0.3) == (n, n, n)


@given(CELLS, st.floats(0.1, 3.0))
def test_no_spacing_is_larger_and_none_is_smaller_than_need_be(cell, spacing):
    """b/n <= s, and with one less it would not be."""
    b, n = reciprocal_lengths(cell), np.array(divisions(cell, spacing))
    assert (b / n <= spacing * (1 + 1e-8)).all()
    assert ((n == 1) | (b / np.maximum(n - 1, 1) > spacing)).all()


@given(CELLS, st.permutations(range(3)), st.integers(0, 10**6))
def test_the_frame_and_the_order_of_vectors_are_of_no_account(cell, order, seed):
    """Rotations and reflections keep the numbers, and vectors take theirs along."""
    q = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))[0]
    n = divisions(cell, 0.4137)
    assert divisions(cell @ q, 0.4137) == n
    assert divisions(cell[list(order)], 0.4137) == tuple(n[i] for i in order)


@given(CELLS, st.floats(0.2, 1.5))
def test_margins_tell_when_the_number_changes(cell, spacing):
    """Inside of them it stays, outside it does not."""
    shrink, grow = margins(cell, spacing)
    n = divisions(cell, spacing)
    assert divisions(cell * (shrink * (1 + 1e-6)), spacing) == n
    if grow < 1e6:
        assert divisions(cell * (grow * (1 - 1e-6)), spacing) == n
        assert divisions(cell * (grow * (1 + 1e-6)), spacing) != n
    assert divisions(cell * (shrink * (1 - 1e-6)), spacing) != n


def test_an_even_number_of_points_halves_with_twice_the_vector():
    """Then a supercell has the very same points."""
    cell = bulk("Si", a=5.43).cell.array
    assert divisions(cell, 0.62)[0] == 4
    assert divisions(np.diag([2, 1, 1]) @ cell, 0.62) == (2, 4, 4)
    assert pytest.approx(reciprocal_lengths(cell)[0] / 2) == reciprocal_lengths(np.diag([2, 1, 1]) @ cell)[0]
