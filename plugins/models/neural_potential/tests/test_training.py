"""Training: what is learned, from what, and that it can be taken up again to the last bit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk

from eltanin.batch import Properties, Ragged
from eltanin.protocols import Dataset
from eltanin.store.checkpoint import load_tree, save_tree
from eltanin_atoms.learning.batches import draws
from eltanin_atoms.learning.descent import learning_rate
from eltanin_atoms.structures import Structures
from eltanin_neural_potential import NeuralPotential
from eltanin_neural_potential.loss import prefactor
from eltanin_smooth import Smooth

SMALL = Smooth(cutoff=4.5, smooth_from=2.0, neurons=[6, 12], axis=4)
MODEL = NeuralPotential(
    descriptor=SMALL,
    neurons=[12, 12],
    device="cpu",
    steps=20,
    learning_rate=1e-2,
    learning_rate_again=3e-3,
    learning_rate_end=1e-4,
)


def morse(atoms: Atoms) -> tuple[float, np.ndarray, np.ndarray]:
    """Energy, forces and virial of shifted pair potentials (1 - r/4.5)³ with a strength for each pair of elements."""
    from eltanin_atoms.graphs import neighbour_graph

    g = neighbour_graph(Structures.from_ase([atoms]), 4.5, ["Cu", "Zn"])
    vector = g.vector.requires_grad_()
    r = torch.linalg.vector_norm(vector, dim=1)
    strength = 4.0 + g.species[g.centre] + g.species[g.neighbour]
    energy = 0.5 * (strength * (1 - r / 4.5) ** 3).sum() - 3.0 * len(atoms)
    (gradient,) = torch.autograd.grad(energy, vector)
    with torch.no_grad():
        return float(energy), g.forces(gradient).numpy(), g.virials(gradient)[0].detach().numpy()


def dataset(frames: list[Atoms]) -> Dataset:
    for k, atoms in enumerate(frames):
        atoms.rattle(0.12, seed=k)
    x, (energy, forces, virial) = Structures.from_ase(frames), zip(*map(morse, frames), strict=True)
    y = Properties.of(energy=np.array(energy), forces=Ragged.of(forces), virial=np.array(virial))
    return of(x, y)


def of(x: Structures, y: Properties) -> Dataset:
    n = len(x)
    return Dataset(x, y, np.zeros(n, int), np.zeros(n, int), np.zeros(n), Properties.none(n))


@pytest.fixture(scope="module")
def copper() -> Dataset:
    return dataset([bulk("Cu", cubic=True, a=3.5 + 0.02 * k) for k in range(8)])


@pytest.fixture(scope="module")
def brass() -> Dataset:
    """Crystals and clusters of different size and composition."""
    cells = [bulk("CuZn", "cesiumchloride", a=2.9 + 0.02 * k).repeat((2, 2, 1 + k % 2)) for k in range(6)]
    rng = np.random.default_rng(0)
    return dataset(
        [*cells, *(Atoms("Cu3Zn2", positions=rng.uniform(0, 4, (5, 3)) + np.eye(5, 3) * 3) for _ in range(3))]
    )


def trained(model: NeuralPotential, data: Dataset, seed: int = 1):
    return model.train(model.init(data, np.random.default_rng(seed)), data, np.random.default_rng(seed + 1))


def same(a, b) -> bool:
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return np.array_equal(a, b)


def force_rmse(model: NeuralPotential, state, data: Dataset) -> float:
    found = model.predictor(state).predict(data.configurations).values["forces"].values
    return float(np.sqrt(np.mean((found - data.labels.values["forces"].values) ** 2)))


@pytest.mark.parametrize("precision", ["float64", "float32"])
@pytest.mark.parametrize("intervals", [128, 0])
def test_a_pair_potential_is_learned(copper, precision, intervals):
    descriptor = replace(SMALL, intervals=intervals)
    model = replace(MODEL, descriptor=descriptor, steps=400 if intervals else 150, precision=precision)
    before = force_rmse(model, model.init(copper, np.random.default_rng(1)), copper)
    state, metrics = trained(model, copper)
    assert force_rmse(model, state, copper) < before * (0.1 if intervals else 0.3)
    assert metrics["training_force_rmse_mev_per_angstrom"] == pytest.approx(
        1000 * force_rmse(model, state, copper), rel=1e-3
    )
    assert metrics["step"][-1] == model.steps
    curve = metrics["force_rmse_mev_per_angstrom"]
    assert len(curve) == len(metrics["step"])
    assert np.mean(curve[-5:]) < 0.5 * np.mean(curve[:5])


def test_two_elements_in_structures_of_any_size_are_learned(brass):
    for one_sided in (True, False):
        model = replace(MODEL, descriptor=replace(SMALL, one_sided=one_sided), steps=300)
        before = force_rmse(model, model.init(brass, np.random.default_rng(1)), brass)
        state, _ = trained(model, brass)
        assert state["elements"] == ["Cu", "Zn"]
        assert force_rmse(model, state, brass) < 0.25 * before


def test_training_does_not_depend_on_the_table(copper):
    states = [trained(replace(MODEL, descriptor=replace(SMALL, intervals=n)), copper)[0] for n in (512, 0)]
    for name, table in states[0]["descriptor"].items():
        np.testing.assert_allclose(table, states[1]["descriptor"][name], rtol=1e-5, atol=1e-6)


def test_the_same_training_twice_is_bit_identical(brass):
    assert same(trained(MODEL, brass), trained(MODEL, brass))
    assert not same(trained(MODEL, brass)[0], trained(MODEL, brass, seed=5)[0])


@pytest.mark.parametrize("precision", ["float64", "float32"])
def test_a_training_goes_on_from_a_checkpoint_to_the_last_bit(brass, precision, tmp_path):
    model = replace(MODEL, precision=precision)
    live, _ = trained(model, brass)
    save_tree(tmp_path / "state", live)
    saved = load_tree(tmp_path / "state")
    again = [model.train(s, brass, np.random.default_rng(9)) for s in (live, saved)]
    assert same(*again)
    assert again[0][0]["trainings"] == 2
    x = brass.configurations
    assert same(*(model.predictor(s).predict(x).values["energy"] for s in (live, saved)))


def test_training_leaves_the_state_it_began_with_alone(copper):
    state = MODEL.init(copper, np.random.default_rng(1))
    copy = {name: value.copy() for name, value in state["descriptor"].items()}
    MODEL.train(state, copper, np.random.default_rng(2))
    assert same(state["descriptor"], copy)


def test_members_of_a_committee_differ_from_the_start(copper):
    a, b = (MODEL.init(copper, np.random.default_rng(seed)) for seed in (1, 2))
    assert not same(a["fitting"], b["fitting"])
    assert same(a["statistics"], b["statistics"])


def test_memory_for_frames_does_not_bear_on_the_result(brass):
    assert same(trained(replace(MODEL, room=1e-9), brass), trained(MODEL, brass))


def test_missing_labels_are_left_out(copper):
    n = len(copper)
    y = copper.labels
    forces = y.values["forces"]
    counts = np.where(np.arange(n) < 4, forces.counts, 0)
    some = Properties(
        {
            "energy": np.where(np.arange(n) < 6, y.values["energy"], np.nan),
            "forces": Ragged(forces.values[: counts.sum()], counts),
            "virial": np.full((n, 3, 3), np.nan),
        },
        {"energy": np.arange(n) < 6, "forces": np.arange(n) < 4, "virial": np.zeros(n, bool)},
    )
    model = replace(MODEL, virial_weight=(0.1, 0.1), batch=3)
    state, metrics = trained(model, of(copper.configurations, some))
    assert all(np.isfinite(p).all() for p in state["descriptor"].values())
    assert "training_virial_rmse_mev_per_atom" not in metrics
    only = of(copper.configurations[:6], some[:6])
    assert same(
        model.train(state, of(copper.configurations, some), np.random.default_rng(3)),
        model.train(state, only, np.random.default_rng(3)),
    )


def test_virials_are_learned_where_they_are_asked_for(copper):
    errors = []
    for weight in ((0.0, 0.0), (1.0, 1.0)):
        model = replace(MODEL, steps=300, virial_weight=weight, force_weight=(0.0, 0.0), energy_weight=(1.0, 1.0))
        errors.append(trained(model, copper)[1]["training_virial_rmse_mev_per_atom"])
    assert errors[1] < 0.5 * errors[0]


def test_the_bias_is_the_least_squares_energy_of_the_elements(brass):
    state = MODEL.init(brass, np.random.default_rng(0))
    x = brass.configurations
    n = np.array([[np.sum(z == 29), np.sum(z == 30)] for z in x.numbers.rows()])
    residual = n @ state["bias"] - brass.labels.values["energy"]
    np.testing.assert_allclose(n.T @ residual, 0, atol=1e-8)
    same_everywhere = of(x[np.array([0, 0])], Properties.of(energy=np.array([-8.0, -8.0])))
    np.testing.assert_allclose(
        MODEL.init(same_everywhere, np.random.default_rng(0))["bias"], -8.0 / len(x[[0]].numbers.values)
    )


def test_elements_that_the_model_was_not_set_up_for_are_refused(copper, brass):
    with pytest.raises(ValueError, match="Zn: the model was set up for Cu alone"):
        replace(MODEL, elements=["Cu"]).check(brass.configurations)
    MODEL.check(brass.configurations)
    model = replace(MODEL, elements=["Cu", "Zn"])
    state, _ = trained(model, copper)
    found = model.predictor(state).predict(brass.configurations)
    assert np.isfinite(found.values["energy"]).all()
    with pytest.raises(ValueError, match="Zn: the model was set up for Cu alone"):
        MODEL.predictor(MODEL.init(copper, np.random.default_rng(0))).predict(brass.configurations)


def test_data_without_any_label_that_counts_are_refused(copper):
    bare = of(copper.configurations, Properties.none(len(copper)))
    with pytest.raises(ValueError, match="no structure has a label that is learned"):
        trained(MODEL, bare)


def test_a_training_that_diverges_says_so(copper):
    with pytest.raises(ValueError, match=r"diverged.*learning_rate"):
        trained(replace(MODEL, learning_rate=1e300, steps=5), copper)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"steps": 0}, "steps=0"),
        ({"learning_rate": -1.0}, "learning_rate=-1.0"),
        ({"precision": "float16"}, "precision=float16"),
        ({"elements": ["Cu", "Xq"]}, "there is no Xq"),
        ({"elements": ["Cu", "Cu"]}, "each once"),
        ({"energy_weight": (0.0, 0.0), "force_weight": (0.0, 0.0)}, "nothing is learned"),
        ({"device": "abacus"}, "device=abacus"),
        ({"neurons": []}, "neurons="),
        ({"batch": -1}, "batch=-1"),
    ],
)
def test_settings_without_meaning_are_refused(setting, message):
    with pytest.raises(ValueError, match=message):
        replace(MODEL, **setting)


def test_learning_rate_and_prefactors_go_from_start_to_end():
    rates = [learning_rate(t, 1000, 1e-3, 1e-6, 10) for t in range(1001)]
    assert rates[0] == rates[9] == 1e-3
    assert rates[10] == pytest.approx(1e-3 * 1e-3**0.01)
    assert rates[1000] == pytest.approx(1e-6)
    assert prefactor((1000.0, 1.0), 1.0) == 1000.0
    assert prefactor((1000.0, 1.0), 1e-3) == pytest.approx(1 + 999e-3)
    assert prefactor((0.0, 1.0), 0.5) == prefactor((1.0, 0.0), 0.5) == 0.0


def test_every_structure_is_drawn_once_before_any_comes_again():
    counts = np.array([20, 4, 4, 40, 10, 10, 4])
    order = draws(counts, 0, 32, np.random.default_rng(0))
    batches = [next(order) for _ in range(20)]
    assert all(counts[b].sum() >= 32 and counts[b[:-1]].sum() < 32 for b in batches)
    first = np.concatenate(batches)[: len(counts)]
    assert sorted(first) == list(range(len(counts)))
    assert [len(next(draws(counts, 3, 32, np.random.default_rng(0)))) for _ in range(2)] == [3, 3]
    assert len(next(draws(counts[:2], 0, 320, np.random.default_rng(0)))) == 2
