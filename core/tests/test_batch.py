"""Batches: what indexing, joining and fingerprints must keep."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from eltanin.batch import Batch, Properties, Ragged, fingerprints, missing


@dataclass(frozen=True)
class Clouds(Batch):
    points: Ragged
    charge: np.ndarray
    evidence: dict[str, Any] = field(default_factory=dict)


def clouds(counts: list[int], evidence: dict[str, Any] | None = None) -> Clouds:
    rng = np.random.default_rng(sum(counts))
    points = Ragged(rng.normal(size=(sum(counts), 3)), np.array(counts))
    return Clouds(points, np.arange(len(counts), dtype=float), evidence or {})


@given(st.lists(st.integers(0, 4), min_size=1, max_size=6), st.data())
def test_indexing_a_ragged_column_equals_indexing_its_rows(counts: list[int], data: st.DataObject) -> None:
    batch = clouds(counts)
    index = data.draw(st.lists(st.integers(-len(counts), len(counts) - 1), max_size=8))
    chosen = batch[np.array(index, dtype=int)]
    rows = batch.points.rows()
    for row, i in zip(chosen.points.rows(), index, strict=True):
        np.testing.assert_array_equal(row, rows[i])
    np.testing.assert_array_equal(chosen.charge, batch.charge[np.array(index, dtype=int)])


def test_masks_and_slices_index_all_columns_alike() -> None:
    batch = clouds([1, 2, 3], {"region": np.array(["solid", "liquid", "solid"])})
    assert list(batch[1:].points.counts) == [2, 3]
    assert list(batch[batch.evidence["region"] == "solid"].charge) == [0.0, 2.0]


def test_joining_fills_what_a_part_does_not_know() -> None:
    known = {
        "region": np.array(["hot"]),
        "time": np.array([1.0]),
        "n": np.array([3]),
        "v": Ragged(np.ones((2, 3)), np.array([2])),
    }
    joined = Clouds.concatenate([clouds([2, 1]), clouds([2], known)])
    assert len(joined) == 3
    assert list(joined.evidence["region"]) == ["", "", "hot"]
    assert np.isnan(joined.evidence["time"][:2]).all()
    assert list(joined.evidence["n"]) == [-1, -1, 3]
    assert list(joined.evidence["v"].counts) == [0, 0, 2]


def test_joining_an_empty_part_changes_nothing() -> None:
    batch = clouds([2, 3], {"time": np.array([1.0, 2.0])})
    joined = Clouds.concatenate([batch[:0], batch, batch[:0]])
    assert fingerprints(joined) == fingerprints(batch)
    np.testing.assert_array_equal(joined.evidence["time"], [1.0, 2.0])


def test_properties_that_differ_join_with_a_presence_mask() -> None:
    energies = Properties.of(energy=np.array([1.0, 2.0]))
    both = Properties.of(energy=np.array([3.0]), forces=Ragged(np.ones((2, 3)), np.array([2])))
    joined = Properties.concatenate([Properties.none(1), energies, both])
    assert list(joined.has("energy")) == [False, True, True, True]
    assert list(joined.has("forces")) == [False, False, False, True]
    assert list(joined.values["forces"].counts) == [0, 0, 0, 2]
    assert not joined.has("virial").any()


def test_fingerprints_know_a_configuration_and_not_its_evidence() -> None:
    batch = clouds([2, 3])
    told = clouds([2, 3], {"time": np.array([1.0, 2.0])})
    assert fingerprints(batch) == fingerprints(told)
    assert len(set(fingerprints(batch))) == 2


def test_fingerprints_ignore_round_off_and_the_sign_of_zero() -> None:
    one = Clouds(Ragged(np.array([[0.0, 1.0, 2.0]]), np.array([1])), np.array([0.0]))
    same = Clouds(Ragged(np.array([[-0.0, 1.0 + 1e-10, 2.0]]), np.array([1])), np.array([-0.0]))
    other = Clouds(Ragged(np.array([[0.0, 1.0 + 1e-6, 2.0]]), np.array([1])), np.array([0.0]))
    assert fingerprints(one) == fingerprints(same) != fingerprints(other)


def test_rows_of_the_same_numbers_in_other_shapes_differ() -> None:
    flat = Clouds(Ragged(np.zeros((2, 3)), np.array([2])), np.array([0.0]))
    tall = Clouds(Ragged(np.zeros((3, 2)), np.array([3])), np.array([0.0]))
    assert fingerprints(flat) != fingerprints(tall)


def test_missing_values_are_never_numbers() -> None:
    assert np.isnan(missing(np.ones((4, 3)), 2)).all()
    assert not missing(np.ones(4, dtype=bool), 2).any()
