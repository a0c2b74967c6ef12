"""Dipoles and polarizabilities in the domain: deviations, errors, files, what is refused, and the trial by turning."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from ase import Atoms as AseAtoms
from ase.build import bulk, molecule

from eltanin.batch import Properties
from eltanin.protocols import Failure, Labels
from eltanin.report.phrases import measured, quantity
from eltanin_atoms.domain import Atoms
from eltanin_atoms.labelling import label_each
from eltanin_atoms.panels import parity
from eltanin_atoms.structures import Structures

DIPOLE, POLARIZABILITY = Atoms(quantity="dipole"), Atoms(quantity="polarizability")


def waters(n: int = 3) -> Structures:
    frames = [molecule("H2O") for _ in range(n)]
    for k, atoms in enumerate(frames):
        atoms.rattle(0.05, seed=k)
    return Structures.from_ase(frames)


def symmetric(n: int, seed: int = 0) -> np.ndarray:
    a = np.random.default_rng(seed).normal(size=(n, 3, 3))
    return a + a.transpose(0, 2, 1)


class TestMeasure:
    def test_what_is_asked_for_and_measured_follows_the_quantity(self):
        assert DIPOLE.wanted == {"dipole"}
        assert measured(DIPOLE.measure) == ("dipole deviation", "e·Å")
        assert POLARIZABILITY.wanted == {"polarizability"}
        assert measured(POLARIZABILITY.measure).unit == "Å³"
        assert Atoms().wanted == {"energy", "forces", "virial"}

    def test_a_deviation_is_the_spread_of_the_vector_over_members(self):
        """By hand: members at 0, 3 and 6 along an axis spread by sqrt(6), along two by sqrt(12) (ddof 0)."""
        members = [np.array([[3 * k, 0, 0], [3 * k, -3 * k, 0], [1, 1, 1]], dtype=float) for k in range(3)]
        found = DIPOLE.deviation([Properties.of(dipole=m) for m in members])
        np.testing.assert_allclose(found, [6**0.5, 12**0.5, 0])

    def test_a_deviation_of_a_matrix_counts_every_component(self):
        members = np.random.default_rng(0).normal(size=(4, 5, 3, 3))
        expected = np.sqrt(np.mean([[np.sum(t**2) for t in m] for m in members - members.mean(axis=0)], axis=0))
        found = POLARIZABILITY.deviation([Properties.of(polarizability=m) for m in members])
        np.testing.assert_allclose(found, expected)

    def test_standard_errors_are_a_part_of_it(self):
        known = replace(Properties.of(dipole=np.zeros((2, 3))), sigma={"dipole": np.array([[0.3, 0, 0.4], [0, 0, 0]])})
        np.testing.assert_allclose(DIPOLE.deviation([known]), [0.5, 0])
        np.testing.assert_allclose(DIPOLE.deviation([known, known]), [0.5, 0])

    def test_one_member_has_none_and_nonsense_stays_so(self):
        assert np.isnan(DIPOLE.deviation([Properties.of(dipole=np.ones((3, 3)))])).all()
        members = np.zeros((2, 3, 3))
        members[1, 0, 2], members[0, 1, 0] = np.nan, np.inf
        found = DIPOLE.deviation([Properties.of(dipole=m) for m in members])
        assert not np.isfinite(found[:2]).any()
        assert found[2] == 0

    def test_an_error_is_the_length_of_the_difference(self):
        truth = Properties({"dipole": np.zeros((3, 3))}, {"dipole": np.array([True, True, False])})
        guess = Properties.of(dipole=np.array([[3.0, 0, 4.0], [0, 0, 1.0], [1.0, 0, 0]]))
        np.testing.assert_allclose(DIPOLE.error(guess, truth), [5, 1, np.nan])
        assert np.isnan(DIPOLE.error(Properties.none(3), truth)).all()
        matrix = Properties.of(polarizability=np.ones((1, 3, 3)))
        assert POLARIZABILITY.error(matrix, Properties.of(polarizability=np.zeros((1, 3, 3)))) == pytest.approx(3)

    def test_validation_is_per_component_with_its_unit(self):
        x = replace(waters(2), evidence={"region": np.array(["gas", "drop"])})
        zero = Properties.of(dipole=np.zeros((2, 3)), polarizability=np.zeros((2, 3, 3)))
        found = DIPOLE.validation(x, Properties.of(dipole=np.array([[0.003, 0, 0], [0, 0, 0]])), zero)
        assert found["dipole_rmse_me_angstrom"] == pytest.approx(3 / 6**0.5)
        assert found["dipole_rmse_me_angstrom_gas"] == pytest.approx(3 / 3**0.5)
        assert str(quantity("dipole_rmse_me_angstrom")) == "dipole RMSE (me Å)"
        assert found["dipole_spread_me_angstrom"] == 0
        both = Properties.of(dipole=np.array([[0.003, 0, 0], [0.001, 0, 0]]))
        found = DIPOLE.validation(x, both, both)
        assert found["dipole_rmse_me_angstrom"] == 0
        assert found["dipole_spread_me_angstrom"] == pytest.approx(1 / 3**0.5)
        assert str(quantity("dipole_spread_me_angstrom")) == "dipole spread (me Å)"
        found = POLARIZABILITY.validation(x, Properties.of(polarizability=np.full((2, 3, 3), 0.5)), zero)
        assert found["polarizability_rmse_cubic_angstrom"] == pytest.approx(0.5)
        assert str(quantity("polarizability_rmse_cubic_angstrom")) == "polarizability RMSE (cubic Å)"

    def test_there_is_no_other_quantity_and_no_calculator(self):
        with pytest.raises(ValueError, match="quantity=charge: there is potential, dipole, polarizability"):
            Atoms(quantity="charge")
        with pytest.raises(ValueError, match="dipole has no forces"):
            DIPOLE.calculator([SimpleNamespace()])


class TestRefusals:
    def test_a_dipole_that_is_none_is_not_asked_for(self):
        cell = bulk("NaCl", "rocksalt", a=5.64)
        ion, gas = molecule("OH"), molecule("H2O")
        ion.info["charge"] = -1.0
        x = Structures.from_ase([cell, ion, gas])
        found = DIPOLE.flaws(x)
        assert found.keys() == {0, 1}
        assert "up to e times its lattice vectors" in found[0].message
        assert "depends on the origin" in found[1].message
        assert not replace(DIPOLE, settled_dipoles=True).flaws(x)
        assert not POLARIZABILITY.flaws(x)
        assert not Atoms().flaws(x)

    @pytest.mark.parametrize(
        ("domain", "values", "kind", "why"),
        [
            (DIPOLE, {"energy": np.zeros(1)}, "unphysical", "no dipole"),
            (DIPOLE, {"dipole": np.zeros((1, 1, 3))}, "shape", "dipole has the shape"),
            (DIPOLE, {"dipole": np.array([[0, np.nan, 0]])}, "nonfinite", "dipole is not finite"),
            (DIPOLE, {"dipole": np.zeros((1, 3), dtype=complex)}, "shape", "no real number"),
            (POLARIZABILITY, {"dipole": np.zeros((1, 3))}, "unphysical", "no polarizability"),
            (POLARIZABILITY, {"polarizability": np.zeros((1, 9))}, "shape", "polarizability has the shape"),
            (POLARIZABILITY, {"polarizability": np.triu(np.ones((1, 3, 3)))}, "unphysical", "not symmetric, by 1 Å³"),
        ],
    )
    def test_labels_that_no_model_may_learn(self, domain, values, kind, why):
        found = domain.refusals(waters(1), Properties.of(**values))[0]
        assert found.kind == kind
        assert why in found.message

    def test_labels_that_are_sound_pass(self):
        y = Properties.of(dipole=np.ones((3, 3)), polarizability=symmetric(3))
        assert not DIPOLE.refusals(waters(), y)
        assert not POLARIZABILITY.refusals(waters(), y)

    def test_structures_are_labelled_one_by_one(self):
        def answer(x: Structures):
            return {"dipole": x.positions.values[0], "polarizability": np.eye(3), "energy": np.array(1.0)}

        found = label_each(waters(), frozenset({"dipole", "polarizability"}), answer).values
        assert set(found.values) == {"dipole", "polarizability"}
        np.testing.assert_array_equal(found.values["dipole"], waters().positions.values[::3])
        assert found.values["polarizability"].shape == (3, 3, 3)


@pytest.mark.parametrize("name", ["some.extxyz", "some", "some.mixed"])
def test_files_keep_tensors_and_which_structures_have_them(tmp_path, name):
    x, rng = waters(4), np.random.default_rng(1)
    tensors = {"dipole": rng.normal(size=(4, 3)), "polarizability": symmetric(4)}
    present = {"dipole": np.array([True, True, False, True]), "polarizability": np.array([True, False, False, True])}
    values = {k: np.where(present[k].reshape(-1, *[1] * (v.ndim - 1)), v, np.nan) for k, v in tensors.items()}
    Atoms().write(tmp_path / name, x, Properties(values, present))
    found, labels = Atoms().read(tmp_path / name)
    mine, theirs = (each.positions.values.reshape(-1, 9) for each in (x, found))
    key = np.abs(mine[:, None] - theirs[None]).sum(axis=2).argmin(axis=1)
    for k in tensors:
        assert np.array_equal(labels.has(k)[key], present[k])
        np.testing.assert_array_equal(labels.values[k][key], values[k])


def test_files_of_energies_have_no_column_for_tensors(tmp_path):
    Atoms().write(tmp_path / "some.extxyz", waters(), Properties.of(energy=np.zeros(3)))
    _, labels = Atoms().read(tmp_path / "some.extxyz")
    assert not {"dipole", "polarizability"} & labels.values.keys()


@pytest.mark.parametrize("key", ['dipole="0 1"', 'dipole="0 nan 1"', "dipole=0", 'polarizability="1 2 3"'])
def test_a_tensor_that_is_none_is_refused_with_its_line(tmp_path, key):
    (tmp_path / "some.extxyz").write_text(f"1\nProperties=species:S:1:pos:R:3 {key}\nH 0 0 0\n")
    with pytest.raises(ValueError, match=r"some\.extxyz, line 2: \w+ should be (three|nine) finite numbers"):
        Atoms().read(tmp_path / "some.extxyz")


def test_parity_shows_components_in_their_unit():
    x, rng = waters(6), np.random.default_rng(2)
    truth = Properties.of(dipole=rng.normal(size=(6, 3)), polarizability=symmetric(6))
    guess = Properties.of(
        dipole=truth.values["dipole"] + [0.003, 0, 0], polarizability=truth.values["polarizability"] + 0.002
    )
    run = SimpleNamespace(validation={"x": x, "labels": truth, "predicted": guess})
    section = parity.section(run)
    head, row = section.tables[0].head, section.tables[0].rows[0]
    assert head[-2:] == ["dipole component (me·Å)", "polarizability component (10⁻³ Å³)"]
    assert [float(cell) for cell in row[-2:]] == pytest.approx([3 / 3**0.5, 2], abs=5e-3)


class TestTrial:
    """A labeler is believed if what it says turns along."""

    def ask(self, domain, tensor, calls=None):
        def label(x: Structures) -> Labels[Properties]:
            found = [tensor(row) for row in x.positions.rows()]
            if calls is not None:
                calls.append(len(x))
            failures = {i: f for i, f in enumerate(found) if isinstance(f, Failure)}
            shape = (3,) if domain is DIPOLE else (3, 3)
            values = np.array([np.zeros(shape) if isinstance(f, Failure) else f for f in found])
            return Labels(Properties.of(**{domain.quantity: values}), failures)

        return domain.trial(waters(), label, np.random.default_rng(0))

    def test_what_turns_along_is_believed_after_two_labels(self):
        calls = []
        assert self.ask(DIPOLE, lambda r: 0.33 * (r[1] + r[2] - 2 * r[0]), calls) == ""
        assert calls == [2]
        assert self.ask(POLARIZABILITY, lambda r: np.outer(r[1] - r[0], r[1] - r[0])) == ""

    def test_a_frame_of_its_own_is_found_out(self):
        def standard(r):
            return np.array([0, 0, 0.4])

        assert "did not turn along" in self.ask(DIPOLE, standard)
        assert "frame of the program's own" in self.ask(POLARIZABILITY, lambda r: np.diag([1.5, 1.4, 1.3]))

    def test_an_origin_is_found_out(self):
        assert "did not turn along" in self.ask(DIPOLE, lambda r: r[0] + r[1])

    def test_what_is_nearly_nothing_or_unknown_tells_nothing(self):
        assert self.ask(DIPOLE, lambda r: np.array([0, 0, 0.001])) == ""
        assert self.ask(DIPOLE, lambda r: Failure("unknown", "not in the data")) == ""
        assert replace(DIPOLE, agreement=None).trial(waters(), None, np.random.default_rng(0)) == ""  # type: ignore[arg-type]

    def test_an_atom_alone_tells_nothing(self):
        lone, rng = Structures.from_ase([AseAtoms("He")]), np.random.default_rng(0)
        assert DIPOLE.trial(lone, lambda x: Labels(Properties.of(dipole=np.zeros((len(x), 3))), {}), rng) == ""
