"""The atomic domain: deviations, errors, what counts as different, what no model may learn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from ase import Atoms as AseAtoms
from ase import units

from eltanin.batch import Properties, Ragged, fingerprints
from eltanin_atoms.domain import Atoms
from eltanin_atoms.structures import Structures

COUNTS = np.array([2, 1, 3])


def forces_of(rows):
    return Properties.of(forces=Ragged(np.array(rows, dtype=float), COUNTS))


def structures(n=3, **evidence):
    frames = [AseAtoms(f"Cu{1 + i % 3}", np.arange(3 * (1 + i % 3)).reshape(-1, 3) * 2.5) for i in range(n)]
    return Structures.from_ase(frames, evidence)


def with_errors(forces, error):
    return replace(forces_of(forces), sigma={"forces": Ragged(error, COUNTS)})


class TestDeviation:
    def test_it_is_the_largest_over_atoms_of_the_spread_over_members(self):
        """Worked out by hand: members at 0, 3 and 6 spread by sqrt(6) around 3 (ddof 0)."""
        members = [np.zeros((6, 3)) for _ in range(3)]
        for k, forces in enumerate(members):
            forces[1] = [3 * k, 0, 0]
            forces[2] = [3 * k, -3 * k, 0]
            forces[5] = [0, 0, 1 if k == 2 else 0]
        found = Atoms().deviation([forces_of(f) for f in members])
        np.testing.assert_allclose(found, [6**0.5, 12**0.5, 2**0.5 / 3])

    def test_it_is_that_of_the_formula_written_out(self):
        rng = np.random.default_rng(0)
        members = rng.normal(size=(4, 6, 3))
        eps = [np.sqrt(np.mean([np.sum((f[i] - members.mean(0)[i]) ** 2) for f in members])) for i in range(6)]
        expected = [max(eps[:2]), eps[2], max(eps[3:])]
        np.testing.assert_allclose(Atoms().deviation([forces_of(f) for f in members]), expected)

    def test_what_is_not_finite_stays_so(self):
        members = np.zeros((3, 6, 3))
        members[1, 0, 2], members[2, 2, 0] = np.nan, np.inf
        found = Atoms().deviation([forces_of(f) for f in members])
        assert not np.isfinite(found[:2]).any()
        assert found[2] == 0

    def test_of_one_member_it_is_undefined(self):
        assert np.isnan(Atoms().deviation([forces_of(np.ones((6, 3)))])).all()

    def test_a_member_that_knows_its_own_error_is_enough(self):
        error = np.arange(18.0).reshape(6, 3)
        found = Atoms().deviation([with_errors(np.ones((6, 3)), error)])
        per_atom = np.linalg.norm(error, axis=1)
        np.testing.assert_allclose(found, [per_atom[1], per_atom[2], per_atom[5]])

    def test_errors_of_members_add_to_their_spread_as_the_variance_of_a_mixture(self):
        """By sampling: each member's forces are drawn from its own normal distribution."""
        rng = np.random.default_rng(1)
        forces, errors = rng.normal(size=(3, 6, 3)), rng.uniform(0.2, 1, (3, 6, 3))
        found = Atoms().deviation([with_errors(f, e) for f, e in zip(forces, errors, strict=True)])
        drawn = (forces + errors * rng.normal(size=(40000, 3, 6, 3))).reshape(-1, 6, 3)
        eps = np.sqrt(drawn.var(axis=0).sum(axis=-1))
        np.testing.assert_allclose(found, [eps[:2].max(), eps[2], eps[3:].max()], rtol=0.02)

    def test_an_error_that_is_not_finite_stays_so(self):
        error = np.ones((6, 3))
        error[2, 1] = np.nan
        assert np.isfinite(Atoms().deviation([with_errors(np.ones((6, 3)), error)])).tolist() == [True, False, True]

    def test_tensors_will_do(self):
        members = torch.randn(2, 6, 3)
        ragged = [Properties.of(forces=Ragged(f, COUNTS)) for f in members]
        again = [forces_of(f.numpy()) for f in members]
        np.testing.assert_allclose(Atoms().deviation(ragged), Atoms().deviation(again), rtol=1e-6)


class TestError:
    def test_it_is_the_largest_over_atoms(self):
        truth = np.zeros((6, 3))
        guess = truth.copy()
        guess[1], guess[3] = [3, 4, 0], [0, 0, -2]
        np.testing.assert_allclose(Atoms().error(forces_of(guess), forces_of(truth)), [5, 0, 2])

    def test_where_forces_are_not_known_it_is_not_either(self):
        x = np.array([0, 2])
        partly = Properties({"forces": Ragged(np.ones((5, 3)), COUNTS[x])}, {"forces": np.ones(2, dtype=bool)})
        labels = Properties.concatenate([partly, Properties.none(1)])[[0, 2, 1]]
        predicted = forces_of(np.zeros((6, 3)))
        np.testing.assert_allclose(Atoms().error(predicted, labels), [3**0.5, np.nan, 3**0.5])


def test_the_mean_is_over_the_members_of_every_property():
    members = [
        Properties.of(energy=np.full(3, k), forces=Ragged(np.full((6, 3), k), COUNTS), virial=np.full((3, 3, 3), k))
        for k in (1.0, 2.0, 6.0)
    ]
    mean = Atoms().mean(members)
    assert (mean.values["energy"] == 3).all()
    assert (mean.values["forces"].values == 3).all()
    assert (mean.values["virial"] == 3).all()
    assert mean.has("virial").all()
    np.testing.assert_array_equal(mean.values["forces"].counts, COUNTS)


class TestValidation:
    def test_errors_are_root_mean_squares_in_milli_units(self):
        x = structures(3)
        truth = Properties.of(energy=np.zeros(3), forces=Ragged(np.zeros((6, 3)), x.counts), virial=np.zeros((3, 3, 3)))
        guess = Properties.of(
            energy=0.002 * x.counts,
            forces=Ragged(np.full((6, 3), 0.05), x.counts),
            virial=0.03 * x.counts[:, None, None] * np.ones((3, 3, 3)),
        )
        found = Atoms().validation(x, guess, truth)
        assert found == pytest.approx(
            {
                "force_rmse_mev_per_angstrom": 50,
                "energy_rmse_mev_per_atom": 2,
                "virial_rmse_mev_per_atom": 30,
            }
        )

    def test_forces_are_averaged_over_all_components_and_regions_stand_apart(self):
        x = structures(3, region=np.array(["solid", "liquid", "solid"]))
        guess = np.zeros((6, 3))
        guess[2] = 0.1  # the only atom of the liquid is the third one of … the second structure
        truth = Properties.of(forces=Ragged(np.zeros((6, 3)), x.counts))
        found = Atoms().validation(x, Properties.of(forces=Ragged(guess, x.counts)), truth)
        assert found["force_rmse_mev_per_angstrom"] == pytest.approx(100 * (3 / 18) ** 0.5)
        assert found["force_rmse_mev_per_angstrom_solid"] == 0
        assert found["force_rmse_mev_per_angstrom_liquid"] == pytest.approx(100 * (3 / 6) ** 0.5)
        assert not [name for name in found if "energy" in name or "virial" in name]


class TestDifferent:
    def test_frames_of_one_trajectory_count_once_in_twenty_femtoseconds(self):
        time = np.array([0.0, 10, 20, 30, 40, 5, 25])
        trajectory = np.array([0, 0, 0, 0, 0, 1, 1])
        assert Atoms().different(structures(7, time=time, trajectory=trajectory)) == 3 + 2
        assert Atoms(frame_distance=10).different(structures(7, time=time, trajectory=trajectory)) == 5 + 2
        assert Atoms(frame_distance=21).different(structures(7, time=time, trajectory=trajectory)) == 2 + 1

    def test_rounding_does_not_cost_a_frame(self):
        time = np.cumsum(np.full(50, 0.1 * 200)) - 1e-10 * np.arange(50)
        assert Atoms().different(structures(50, time=time, trajectory=np.zeros(50, dtype=int))) == 50

    def test_frames_without_a_trajectory_count_one_each(self):
        assert Atoms().different(structures(4)) == 4
        time = np.array([0.0, 1, np.nan, 2])
        assert Atoms().different(structures(4, time=time, trajectory=np.array([0, 0, 0, -1]))) == 3

    def test_a_trajectory_belongs_to_its_region(self):
        evidence = {"time": np.zeros(2), "trajectory": np.zeros(2, dtype=int), "region": np.array(["a", "b"])}
        assert Atoms().different(structures(2, **evidence)) == 2


class TestRefusals:
    def labels(self):
        return {
            "energy": np.zeros(3),
            "forces": Ragged(np.zeros((6, 3)), np.array([1, 2, 3])),
            "virial": np.zeros((3, 3, 3)),
        }

    def refused(self, **changed):
        found = Atoms().refusals(structures(3), Properties.of(**{**self.labels(), **changed}))
        return {i: failure.kind for i, failure in found.items()}

    def test_good_labels_pass(self):
        assert self.refused() == {}

    def test_what_is_not_finite_is_refused(self):
        forces, virial = np.zeros((6, 3)), np.zeros((3, 3, 3))
        forces[5, 0], virial[1, 2, 2] = np.nan, np.inf
        counts = np.array([1, 2, 3])
        found = self.refused(energy=np.array([np.nan, 0, 0]), forces=Ragged(forces, counts), virial=virial)
        assert found == {0: "nonfinite", 1: "nonfinite", 2: "nonfinite"}

    def test_absurd_forces_are_refused(self):
        forces = np.zeros((6, 3))
        forces[0, 0], forces[1, 0] = 999.0, -1001.0
        assert self.refused(forces=Ragged(forces, np.array([1, 2, 3]))) == {1: "unphysical"}

    def test_forces_of_other_atoms_are_refused(self):
        assert self.refused(forces=Ragged(np.zeros((6, 3)), np.array([1, 3, 2]))) == {1: "shape", 2: "shape"}
        assert set(self.refused(forces=Ragged(np.zeros((6, 2)), np.array([1, 2, 3]))).values()) == {"shape"}
        assert set(self.refused(energy=np.zeros((3, 1))).values()) == {"shape"}

    def test_columns_that_are_no_columns_are_refused(self):
        assert set(self.refused(energy=np.zeros(2)).values()) == {"shape"}
        assert set(self.refused(energy=np.array(["a", "b", "c"])).values()) == {"shape"}
        assert set(self.refused(energy=Ragged(np.zeros(3), np.array([1, 1, 1]))).values()) == {"shape"}
        assert set(self.refused(virial=np.zeros((3, 6))).values()) == {"shape"}
        assert self.refused(forces=Ragged(np.zeros((3, 3)), np.array([1, 2]))) == dict.fromkeys(range(3), "shape")
        there = {name: np.ones(3, dtype=bool) for name in ("energy", "forces")}
        promised = Properties({"energy": np.zeros(3)}, there)
        assert set(Atoms().refusals(structures(3), promised)) == {0, 1, 2}

    def test_a_virial_that_turns_a_free_body_is_refused(self):
        virial = np.zeros((3, 3, 3))
        virial[0] = [[1, 1e-4, 0], [0, 1, 0], [0, 0, 1]]
        virial[1] = [[10, 5, 0], [-5, 10, 0], [0, 0, 10]]
        assert self.refused(virial=virial) == {1: "unphysical"}

    def test_a_label_without_energy_and_forces_is_none(self):
        assert set(Atoms().refusals(structures(3), Properties.none(3))) == {0, 1, 2}

    def test_a_missing_virial_is_fine(self):
        labels = {name: column for name, column in self.labels().items() if name != "virial"}
        assert Atoms().refusals(structures(3), Properties.of(**labels)) == {}


class TestStructures:
    def test_ase_hands_back_what_it_was_given(self):
        rng = np.random.default_rng(0)
        frames = [
            AseAtoms("H2O", rng.normal(size=(3, 3)), info={"charge": -1.0, "spin": 2}),
            AseAtoms("Cu", [[0, 0, 0]], cell=np.eye(3) * 2.5, pbc=(True, True, False)),
        ]
        x = Structures.from_ase(frames)
        again = Structures.from_ase(x.to_ase())
        assert fingerprints(again) == fingerprints(x)
        assert again.charge.tolist() == [-1, 0]
        assert again.spin.tolist() == [2, -1]

    def test_velocities_are_in_angstrom_per_femtosecond(self):
        v = Ragged(np.array([[0.01, 0, 0], [0, 0, 0]]), np.array([2]))
        x = Structures.from_ase([AseAtoms("Ar2", [[0, 0, 0], [4, 0, 0]])], {"velocities": v})
        atoms = x.to_ase()[0]
        mass = atoms.get_masses()[0]
        # 1/2 m v^2 with m in u and v in Å/fs: 1 u (Å/fs)^2 = 103.642697 eV.
        assert atoms.get_kinetic_energy() == pytest.approx(0.5 * mass * 0.01**2 * 103.642697, rel=1e-7)
        np.testing.assert_allclose(atoms.get_velocities() * units.fs, v.values)

    def test_no_structures_are_no_batch(self):
        with pytest.raises(ValueError, match="at least one"):
            Structures.from_ase([])


SETTINGS = [
    {"largest_force": 0.0},
    {"frame_distance": -1.0},
    {"agreement": 0.0},
    {"closest": 0.0},
    {"closest": 1.0},
    {"distances": {"H-Oo": 0.7}},
    {"distances": {"H": 0.7}},
    {"distances": {"H-O": -0.7}},
    {"thinnest": 0.0},
    {"emptiest": float("inf")},
    {"flattest": 1.0},
    {"most_atoms": 0},
]


@pytest.mark.parametrize("settings", SETTINGS)
def test_settings_are_checked(settings):
    with pytest.raises(ValueError, match=next(iter(settings))):
        Atoms(**settings)


def test_a_domain_with_distances_can_be_told_from_another():
    one, same, other = (Atoms(distances={"H-O": d}) for d in (0.7, 0.7, 0.8))
    assert one == same != other
    assert hash(one) == hash(same)  # labels that exist already are read once for each domain


def test_evidence_is_no_part_of_a_configuration():
    x = structures(2)
    assert fingerprints(replace(x, evidence={"time": np.zeros(2)})) == fingerprints(x)
