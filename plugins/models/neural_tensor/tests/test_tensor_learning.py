"""Training: surfaces that are known are learned, by the gradient of the loss, and can be taken up again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from ase import Atoms

from eltanin.batch import Properties
from eltanin.protocols import Dataset
from eltanin.store.checkpoint import load_tree, save_tree
from eltanin_atoms.domain import Atoms as Domain
from eltanin_atoms.structures import Structures
from eltanin_local_frame import LocalFrame
from eltanin_neural_tensor import NeuralTensor
from eltanin_neural_tensor.learning import joined, learn, loss, prepared
from eltanin_smooth import Smooth

SMALL = Smooth(cutoff=4.5, smooth_from=1.0, neurons=[8, 16], axis=4)
DIPOLE, POLARIZABILITY = (
    NeuralTensor(
        measured=Domain(quantity=quantity),
        descriptor=SMALL,
        neurons=[24, 24],
        device="cpu",
        steps=600,
        learning_rate=5e-3,
        learning_rate_end=1e-5,
        learning_rate_again=2e-3,
    )
    for quantity in ("dipole", "polarizability")
)
BOTH = pytest.mark.parametrize("model", [DIPOLE, POLARIZABILITY], ids=["dipole", "polarizability"])
# Isotropic polarizabilities of atoms in molecules, Å³: Thole, Chem. Phys. 59, 341 (1981), table 3.
THOLE = {8: 0.862, 1: 0.514}


def water(rng: np.random.Generator) -> Atoms:
    """A molecule with stretched bonds and a bent angle, turned and put anywhere."""
    a, b = 0.96 + 0.05 * rng.normal(size=2).clip(-2, 2)
    angle = np.deg2rad(104.5 + 7 * rng.normal())
    flat = np.array([[0, 0, 0], [a, 0, 0], [b * np.cos(angle), b * np.sin(angle), 0]])
    q, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    return Atoms("OH2", positions=flat @ q.T + rng.normal(size=3))


def charges(x: np.ndarray) -> np.ndarray:
    """Dipole of charges that grow with the length of the bond, Σ q(r) r, (3,) e·Å; rows of x: O H H O H H …."""
    moment = np.zeros(3)
    for oxygen, *hydrogens in x.reshape(-1, 3, 3):
        for hydrogen in hydrogens:
            bond = hydrogen - oxygen
            moment += (0.33 + 0.5 * (np.linalg.norm(bond) - 0.96)) * bond
    return moment


def induced(x: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """Polarizability of atoms that induce dipoles in each other, (3, 3) Å³.

    A_ii = 1/α_i,  A_ij = (1 - 3 n nᵀ)/r³ damped by Thole's linear density (1981, eq. 11): α = Σ_ij (A⁻¹)_ij
    """
    n = len(x)
    a = np.zeros((n, 3, n, 3))
    for i in range(n):
        a[i, :, i] = np.eye(3) / THOLE[numbers[i]]
        for j in set(range(n)) - {i}:
            d = x[j] - x[i]
            r = np.linalg.norm(d)
            v = min(1.0, r / (1.662 * (THOLE[numbers[i]] * THOLE[numbers[j]]) ** (1 / 6)))
            a[i, :, j] = ((4 * v**3 - 3 * v**4) * np.eye(3) - 3 * v**4 * np.outer(d, d) / r**2) / r**3
    return np.linalg.inv(a.reshape(3 * n, 3 * n)).reshape(n, 3, n, 3).sum(axis=(0, 2))


def dataset(frames: list[Atoms]) -> Dataset:
    x = Structures.from_ase(frames)
    y = Properties.of(
        dipole=np.array([charges(f.positions) for f in frames]),
        polarizability=np.array([induced(f.positions, f.numbers) for f in frames]),
    )
    return of(x, y)


def of(x: Structures, y: Properties) -> Dataset:
    n = len(x)
    return Dataset(x, y, np.zeros(n, int), np.zeros(n, int), np.zeros(n), Properties.none(n))


def molecules(n: int, seed: int) -> Dataset:
    rng = np.random.default_rng(seed)
    return dataset([water(rng) for _ in range(n)])


@pytest.fixture(scope="module")
def data() -> Dataset:
    return molecules(80, 0)


def trained(model: NeuralTensor, data: Dataset, seed: int = 1):
    return model.train(model.init(data, np.random.default_rng(seed)), data, np.random.default_rng(seed + 1))


@pytest.fixture(scope="module")
def learned(data):
    """Each quantity, learned once: states and metrics by name."""
    return {model.measured.quantity: trained(model, data) for model in (DIPOLE, POLARIZABILITY)}


def rms_error(model: NeuralTensor, state, data: Dataset) -> float:
    name = model.measured.quantity
    found = model.predictor(state).predict(data.configurations).values[name]
    return float(np.sqrt(np.mean((found - data.labels.values[name]) ** 2)))


def same(a, b) -> bool:
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return np.array_equal(a, b)


def spread(model: NeuralTensor, data: Dataset) -> float:
    """Return the root mean square of what there is to learn: of a polarizability less its mean over all."""
    truth = data.labels.values[model.measured.quantity]
    mean = np.trace(truth, axis1=1, axis2=2).mean() / 3 * np.eye(3) if truth.ndim == 3 else 0.0
    return float(np.sqrt(np.mean((truth - mean) ** 2)))


def test_the_labels_are_near_those_of_water():
    """Measured: 1.45 Å³ on average over the directions."""
    bond, angle = 0.9572, np.deg2rad(104.52)
    x = np.array([[0, 0, 0], [bond, 0, 0], [bond * np.cos(angle), bond * np.sin(angle), 0]])
    assert np.trace(induced(x, np.array([8, 1, 1]))) / 3 == pytest.approx(1.45, abs=0.05)


@pytest.mark.parametrize(("model", "part"), [(DIPOLE, 0.03), (POLARIZABILITY, 0.1)], ids=["dipole", "polarizability"])
def test_a_known_surface_is_learned_and_holds_elsewhere(model, part, data, learned):
    name, unseen = model.measured.quantity, molecules(80, 7)
    state, metrics = learned[name]
    assert rms_error(model, state, unseen) < part * spread(model, unseen)
    key, factor = {
        "dipole": ("training_dipole_rmse_me_angstrom", 1000),
        "polarizability": ("training_polarizability_rmse_cubic_angstrom", 1),
    }[name]
    assert metrics[key] == pytest.approx(factor * rms_error(model, state, data), rel=1e-6)
    assert metrics["step"][-1] == model.steps
    curve = metrics[key.removeprefix("training_")]
    assert np.mean(curve[-5:]) < 0.2 * np.mean(curve[:5])


@pytest.mark.slow
@pytest.mark.parametrize(("model", "part"), [(DIPOLE, 0.01), (POLARIZABILITY, 0.03)], ids=["dipole", "polarizability"])
def test_a_longer_training_of_more_molecules_is_closer(model, part):
    unseen, model = molecules(80, 7), replace(model, steps=2000)
    state, _ = trained(model, molecules(200, 0))
    assert rms_error(model, state, unseen) < part * spread(model, unseen)


def test_what_molecules_teach_holds_for_two_that_are_far_apart(learned):
    """Extensivity: of a sum over molecules, the model of one molecule predicts the sum."""
    state, _ = learned["dipole"]
    rng = np.random.default_rng(11)
    one, other = water(rng), water(rng)
    other.positions += [9.0, 1.0, 2.0]
    found = DIPOLE.predictor(state).predict(Structures.from_ase([one + other])).values["dipole"][0]
    expected = charges((one + other).positions)
    assert np.abs(found - expected).max() < 0.03 * np.abs(expected).max()


@BOTH
def test_the_gradient_of_the_loss_is_its_derivative(model, data):
    state = model.init(data, np.random.default_rng(3))
    predictor = model.predictor(state)
    frame = prepared(
        predictor,
        lambda k: predictor.graph(data.configurations[[k]]),
        data.labels.values[model.measured.quantity],
        1e9,
    )
    batch, tensors = joined([frame(k) for k in range(4)]), predictor.parameters.tensors
    for tensor in tensors:
        tensor.requires_grad_()
    gradients, _ = learn(predictor, tensors, batch)
    rng = np.random.default_rng(4)
    with torch.no_grad():
        for _ in range(3):
            ways = [torch.from_numpy(rng.normal(size=t.shape)) for t in tensors]
            ends = []
            for sign in (1, -1):
                for tensor, way in zip(tensors, ways, strict=True):
                    tensor += sign * 1e-6 * way
                ends.append(float(loss(predictor, batch)))
                for tensor, way in zip(tensors, ways, strict=True):
                    tensor -= sign * 1e-6 * way
            slope = sum(float((g * w).sum()) for g, w in zip(gradients, ways, strict=True))
            assert slope == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=1e-6, abs=1e-8)


def test_the_loss_is_a_mean_square_per_component_and_atom(data):
    model = DIPOLE
    predictor = model.predictor(model.init(data, np.random.default_rng(3)))
    some = data[:5]
    frame = prepared(predictor, lambda k: predictor.graph(some.configurations[[k]]), some.labels.values["dipole"], 1e9)
    off = predictor.predict(some.configurations).values["dipole"] - some.labels.values["dipole"]
    expected = np.mean((off / float(predictor.scale["unit"])) ** 2 / 3)
    assert float(loss(predictor, joined([frame(k) for k in range(5)]))) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("precision", ["float64", "float32"])
@BOTH
def test_a_training_goes_on_from_a_checkpoint_to_the_last_bit(model, data, precision, tmp_path):
    model = replace(model, precision=precision, steps=15)
    first, _ = trained(model, data)
    save_tree(tmp_path / "state", first)
    once, again = (model.train(s, data, np.random.default_rng(5))[0] for s in (first, load_tree(tmp_path / "state")))
    assert same(once, again)
    assert once["trainings"] == 2
    assert not same(once["fitting"], first["fitting"])


def test_members_of_a_committee_differ_from_the_start(data):
    states = [DIPOLE.init(data, np.random.default_rng(seed)) for seed in (1, 2)]
    assert (
        Domain(quantity="dipole").deviation([DIPOLE.predictor(s).predict(data.configurations) for s in states]).min()
        > 1e-3
    )


def test_the_bias_is_the_mean_polarizability_of_the_elements():
    """Of one atom of each kind and a molecule without interaction, least squares finds the atoms."""
    x = Structures.from_ase([Atoms("O"), Atoms("H"), Atoms("OH", positions=[[0, 0, 0], [0, 0, 9]])])
    y = Properties.of(polarizability=np.array([0.862, 0.514, 1.376])[:, None, None] * np.eye(3))
    state = POLARIZABILITY.init(of(x, y), np.random.default_rng(0))
    assert state["elements"] == ["H", "O"]
    assert state["bias"] == pytest.approx([0.514, 0.862], rel=1e-12)
    assert not DIPOLE.init(of(x, Properties.of(dipole=np.zeros((3, 3)))), np.random.default_rng(0))["bias"].any()


def test_structures_without_the_label_are_left_out(data):
    labels = data.labels
    half = Properties(labels.values, labels.present | {"dipole": np.arange(len(data)) < 40})
    few, all_of_few = replace(DIPOLE, steps=20), data[:40]
    state = few.init(data, np.random.default_rng(1))
    mixed = few.train(state, replace(data, labels=half), np.random.default_rng(2))[0]
    assert same(mixed["fitting"], few.train(state, all_of_few, np.random.default_rng(2))[0]["fitting"])
    none = Properties.of(energy=np.zeros(len(data)))
    with pytest.raises(ValueError, match="no structure has a dipole to learn from; the labels are energy"):
        few.train(state, replace(data, labels=none), np.random.default_rng(2))


def test_settings_and_structures_without_meaning_are_refused(data):
    with pytest.raises(ValueError, match=r"domain\.quantity=potential.*domain\.quantity=dipole"):
        NeuralTensor(measured=Domain(), descriptor=SMALL)
    with pytest.raises(ValueError, match=r"LocalFrame knows no directions.*model/descriptor=smooth"):
        replace(DIPOLE, descriptor=LocalFrame())
    with pytest.raises(ValueError, match="steps=0"):
        replace(DIPOLE, steps=0)
    periodic = Structures.from_ase([Atoms("OH2", positions=np.eye(3), cell=[5, 5, 5], pbc=True)])
    with pytest.raises(ValueError, match=r"up to e times its lattice vectors.*settled_dipoles"):
        DIPOLE.check(periodic)
    replace(DIPOLE, measured=Domain(quantity="dipole", settled_dipoles=True)).check(periodic)
    POLARIZABILITY.check(periodic)
    with pytest.raises(ValueError, match="depends on the origin"):
        DIPOLE.check(replace(data.configurations[:1], charge=np.array([1.0])))
    with pytest.raises(ValueError, match=r"Ne.*model\.elements"):
        replace(DIPOLE, elements=["O", "H"]).check(Structures.from_ase([Atoms("Ne")]))


def test_a_training_that_diverges_says_so(data):
    with pytest.raises(ValueError, match=r"diverged.*model\.learning_rate"):
        trained(replace(DIPOLE, learning_rate=1e200, steps=30), data)
