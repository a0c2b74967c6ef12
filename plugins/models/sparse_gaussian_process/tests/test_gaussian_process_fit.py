"""The Gaussian process of structures: covariances of derivatives, what is learned, and how sure it is."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from featomic import SoapPowerSpectrum

from eltanin.batch import Properties, take
from eltanin.protocols import Dataset
from eltanin.store.checkpoint import load_tree, save_tree
from eltanin_atoms.conformance.labelers import moved
from eltanin_atoms.domain import Atoms as AtomsDomain
from eltanin_atoms.structures import Structures
from eltanin_sparse_gaussian_process import SparseGaussianProcess, kernel
from eltanin_sparse_gaussian_process.kernel import Points
from eltanin_sparse_gaussian_process.spectrum import spectra

MODEL = SparseGaussianProcess(cutoff=4.5, width=1.5, radial=3, angular=3, points=60)
RNG = np.random.default_rng(0)  # of no account: there is one answer


def brass(count: int, first: int = 0, far: float = 0.1) -> Structures:
    frames: list[Atoms] = []
    for k in range(first, first + count):
        atoms = bulk("CuZn", "cesiumchloride", a=2.9 + 0.03 * (k % 5)).repeat((2, 2, 1))
        atoms.rattle(far, seed=k)
        frames.append(atoms)
    return Structures.from_ase(frames)


def pairs(x: Structures) -> Properties:
    """Energies, forces and virials of springs (1 - r/4)³ between all atoms and images, by ASE's neighbour lists."""
    from ase.neighborlist import neighbor_list

    energy, forces, virial = np.zeros(len(x)), [], np.zeros((len(x), 3, 3))
    for k, atoms in enumerate(x.to_ase()):
        i, j, r, vector = neighbor_list("ijdD", atoms, 4.0)
        strength = 1.0 + 0.5 * (atoms.numbers[i] == atoms.numbers[j])
        energy[k] = 0.5 * np.sum(strength * (1 - r / 4) ** 3)
        slope = (-0.75 * strength * (1 - r / 4) ** 2 / r)[:, None] * vector
        force = np.zeros((len(atoms), 3))
        np.add.at(force, i, slope)
        forces.append(force)
        virial[k] = -0.5 * vector.T @ slope
    return Properties.of(energy=energy - 3.0 * x.counts, forces=x.positions.of(forces), virial=virial)


def dataset(x: Structures, y: Properties) -> Dataset:
    n = len(x)
    return Dataset(x, y, np.zeros(n, int), np.zeros(n, int), np.zeros(n), Properties.none(n))


@pytest.fixture(scope="module")
def learned():
    x = brass(12)
    data = dataset(x, pairs(x))
    return MODEL.train(MODEL.init(data, RNG), data, RNG)


def test_forces_and_virials_have_the_covariances_of_derivatives_of_energies():
    """Rows of forces and virials, and the variance of forces, against differences of the kernel itself."""
    x = brass(1)
    elements, h = ["Cu", "Zn"], 1e-4
    found = spectra(x, MODEL.soap, elements)
    points = Points(found.unit[[0, 3, 5]], found.species[[0, 3, 5]])
    forces, virials = kernel.force_rows(found, points, 2), kernel.virial_rows(found, points, 2, 1)

    def at(positions: np.ndarray, cell: np.ndarray | None = None):
        return spectra(moved(x, positions, cell), MODEL.soap, elements, derivatives=False)

    for atom, axis in ((0, 0), (3, 2)):
        step = np.zeros_like(x.positions.values)
        step[atom, axis] = h
        ends = [at(x.positions.values + s * step) for s in (1, -1)]
        up, down = (kernel.energy_rows(e, points, 2, 1)[0] for e in ends)
        np.testing.assert_allclose(forces[atom, axis], -(up - down) / (2 * h), rtol=1e-5, atol=1e-6)
        plus, minus = ends
        same = [kernel.kernel(a.unit, a.species, b.unit, b.species, 2).sum() for a in ends for b in (plus, minus)]
        mixed = (same[0] - same[1] - same[2] + same[3]) / (4 * h * h)
        assert kernel.force_variance(found, 2)[atom, axis] == pytest.approx(mixed, rel=1e-4)
    strain = np.zeros((3, 3))
    strain[0, 1] = h
    stretched = [
        at(x.positions.values @ (np.eye(3) + s * strain).T, x.cell @ (np.eye(3) + s * strain).T) for s in (1, -1)
    ]
    up, down = (kernel.energy_rows(e, points, 2, 1)[0] for e in stretched)
    np.testing.assert_allclose(virials[0, 0, 1], -(up - down) / (2 * h), rtol=1e-5, atol=1e-6)


def test_potentials_of_pairs_are_learned(learned):
    state, metrics = learned
    new = brass(5, 50)
    found, truth = MODEL.predictor(state).predict(new), pairs(new)
    for name, part in (("forces", 0.05), ("virial", 0.05)):
        a, b = found.values[name], truth.values[name]
        difference = a.values - b.values if name == "forces" else a - b
        assert np.sqrt(np.mean(difference**2)) < part * np.std(b.values if name == "forces" else b)
    assert np.abs(found.values["energy"] - truth.values["energy"]).max() < 0.01 * np.ptp(truth.values["energy"])
    assert metrics["points"] == 60


def test_standard_errors_tell_the_true_ones(learned):
    """They are no smaller than errors, nor far larger, and they grow where nothing was learned."""
    predictor = MODEL.predictor(learned[0])
    near, beyond = brass(5, 50), brass(5, 50, far=0.4)
    found, far = predictor.predict(near), predictor.predict(beyond)
    ratio = (found.values["forces"].values - pairs(near).values["forces"].values) / found.sigma["forces"].values
    assert 0.1 < np.sqrt(np.mean(ratio**2)) < 2.0
    assert (far.sigma["energy"] > found.sigma["energy"]).all()
    assert np.median(far.sigma["forces"].values) > 5 * np.median(found.sigma["forces"].values)


def test_the_domain_takes_the_standard_error_of_one_member_for_a_deviation(learned):
    predictor = MODEL.predictor(learned[0])
    found = predictor.predict(brass(3, 50))
    expected = [np.linalg.norm(row, axis=1).max() for row in found.sigma["forces"].rows()]
    np.testing.assert_allclose(AtomsDomain().deviation([found]), expected)


def test_variances_are_worked_out_only_when_they_are_read(learned, monkeypatch):
    predictor = MODEL.predictor(learned[0])
    monkeypatch.setattr(type(predictor), "errors", lambda self, x: pytest.fail("nobody asked"))
    found = predictor.predict(brass(2))
    assert "forces" in found.sigma
    assert sorted(found.sigma) == ["energy", "forces"]
    with pytest.raises(pytest.fail.Exception):
        take(found.sigma, [0])


def test_a_prediction_travels_between_processes_with_its_variance(learned):
    found = MODEL.predictor(learned[0]).predict(brass(2))
    there = pickle.loads(pickle.dumps(found))
    np.testing.assert_array_equal(there.sigma["forces"].values, found.sigma["forces"].values)


def test_points_that_were_chosen_stay(learned):
    state, _ = learned
    data = dataset(brass(3, 80, far=0.3), pairs(brass(3, 80, far=0.3)))
    more, _ = replace(MODEL, points=70).train(state, data, RNG)
    np.testing.assert_array_equal(more["points"]["unit"][:60], state["points"]["unit"])
    assert len(more["points"]["unit"]) == 70


def test_a_state_survives_a_checkpoint_to_the_last_bit(learned, tmp_path):
    save_tree(tmp_path / "state", learned[0])
    a, b = (MODEL.predictor(s).predict(brass(2)) for s in (learned[0], load_tree(tmp_path / "state")))
    assert np.array_equal(a.values["energy"], b.values["energy"])
    assert np.array_equal(a.sigma["forces"].values, b.sigma["forces"].values)


def test_what_is_no_structure_any_more_has_no_standard_error(learned):
    x = brass(3)
    positions = x.positions.values.copy()
    positions[0] = np.nan
    found = MODEL.predictor(learned[0]).predict(moved(x, positions))
    assert np.isfinite(found.sigma["energy"]).tolist() == [False, True, True]


def test_power_spectra_are_those_of_featomic_where_no_neighbour_fades():
    """Within r_c - width the switch is 1, and featomic's own radial integrals (analytic, not ours) say the same."""
    atoms = Atoms("CuZnCu2", positions=[[0, 0, 0], [2.1, 0.4, 0], [0.3, 2.2, 0.9], [-0.8, 0.1, 2.0]])
    soap = replace(MODEL, width=0.8).soap
    assert atoms.get_all_distances().max() < soap.cutoff - soap.width
    native = SoapPowerSpectrum(
        cutoff={"radius": soap.cutoff, "smoothing": {"type": "Step"}},
        density={"type": "Gaussian", "width": soap.smearing},
        basis={"type": "TensorProduct", "max_angular": 3, "radial": {"type": "Gto", "max_radial": 3}},
    )
    found = (
        native.compute(atoms).keys_to_properties(["neighbor_1_type", "neighbor_2_type"]).keys_to_samples("center_type")
    )
    rows = found.block().values[np.argsort(found.block().samples["atom"])]
    expected = rows @ rows.T / np.outer(np.linalg.norm(rows, axis=1), np.linalg.norm(rows, axis=1))
    unit = spectra(Structures.from_ase([atoms]), soap, ["Cu", "Zn"], derivatives=False).unit
    np.testing.assert_allclose(unit @ unit.T, expected, atol=1e-6)


def test_a_neighbour_out_of_sight_is_not_seen():
    frames = [Atoms("Cu2", positions=[[0, 0, 0], [0, 0, r]]) for r in (2.0, 3.9, 4.51)]
    unit = spectra(Structures.from_ase([*frames, frames[0][:1]]), MODEL.soap, ["Cu"], derivatives=False).unit
    similar = unit @ unit[-1]
    assert similar[0] < 0.99
    assert similar[4] == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("wrong", [{"width": 7.0}, {"zeta": 1}, {"points": 0}, {"force_error": 0.0}])
def test_settings_without_meaning_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        SparseGaussianProcess(**wrong)
