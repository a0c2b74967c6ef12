"""The first layers are drawn for features of one scale, and read features as they are all the same."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk

from eltanin.batch import Properties
from eltanin.protocols import Dataset
from eltanin_atoms.learning.batches import sampled
from eltanin_atoms.nets import initial_fitting
from eltanin_atoms.structures import Structures
from eltanin_neural_potential import NeuralPotential
from eltanin_neural_potential.attuning import SAMPLE, attuned, moved
from eltanin_neural_potential.fitting import fit
from eltanin_smooth import Smooth

MODEL = NeuralPotential(
    descriptor=Smooth(cutoff=4.5, smooth_from=2.0, neurons=[6, 12], axis=4),
    neurons=[16, 16],
    attuned=True,
    device="cpu",
)


def brass(amplitude: float) -> Dataset[Structures, Properties, Properties]:
    frames: list[Atoms] = [bulk("CuZn", "cesiumchloride", a=2.95).repeat(2) for _ in range(40)]
    for k, frame in enumerate(frames):
        frame.rattle(amplitude, seed=k)
    x, n = Structures.from_ase(frames), len(frames)
    y = Properties.of(energy=np.full(n, -50.0))
    return Dataset(x, y, np.zeros(n, int), np.zeros(n, int), np.zeros(n), Properties.none(n))


def drawn(rng: np.random.Generator) -> list[dict[str, torch.Tensor]]:
    """What the model draws from this generator, as it is drawn."""
    MODEL.descriptor.parameters(2, rng)
    return [initial_fitting(MODEL.descriptor.size(2), MODEL.neurons, MODEL.resnet_dt, rng) for _ in range(2)]


def test_a_moved_net_is_the_net_of_moved_features_and_its_gradient_follows():
    rng = np.random.default_rng(0)
    net = initial_fitting(30, [20, 20], timestep=True, rng=rng)
    mean, width = torch.from_numpy(rng.normal(0, 3, 30)), torch.from_numpy(10 ** rng.uniform(-3, 2, 30))
    x = mean + width * torch.from_numpy(rng.uniform(-1, 1, (50, 30)))
    there, slope = fit(moved(net, mean, width), x, layers=2)
    here, plain = fit(net, (x - mean) / width, layers=2)
    torch.testing.assert_close(there, here, rtol=1e-11, atol=1e-11)
    torch.testing.assert_close(slope * width, plain, rtol=1e-10, atol=1e-11)


def test_range_and_mean_are_those_of_a_species_and_what_hardly_varies_is_left_some_room():
    rng, size = np.random.default_rng(1), 4
    nets = [initial_fitting(size, [8], timestep=False, rng=rng) for _ in range(3)]
    # In turn: varies, hardly varies, is not there at all, varies around zero.
    rows = np.array([[1.0, 5.0, 0.0, -0.02], [3.0, 5.001, 0.0, 0.01], [2.0, 5.0, 0.0, 0.01]])
    parts = [(torch.from_numpy(rows[:1]), torch.tensor([0])), (torch.from_numpy(rows[1:]), torch.tensor([0, 0]))]
    first, second, third = attuned(nets, [*parts, (torch.from_numpy(2 * rows), torch.tensor([2, 2, 2]))], size)
    for net, old, scale in ((first, nets[0], 1), (third, nets[2], 2)):
        width = scale * np.array([2.0, rows[:, 1].mean(), 1 / scale, 0.03])
        np.testing.assert_allclose(net["weight_0"].numpy() * width[:, None], old["weight_0"].numpy(), rtol=1e-12)
        shift = (scale * rows.mean(0)) @ net["weight_0"].numpy()
        np.testing.assert_allclose(net["bias_0"].numpy(), old["bias_0"].numpy() - shift, rtol=1e-12)
        assert net.keys() == old.keys()
    assert all(torch.equal(second[name], nets[1][name]) for name in second)  # a species that is not there


@pytest.mark.parametrize("amplitude", [0.1, 1e-9])
def test_a_model_begins_as_if_it_read_features_of_one_scale(amplitude: float):
    data = brass(amplitude)
    state = MODEL.init(data, np.random.default_rng(3))
    potential = MODEL.predictor(state)
    features, species = potential.features(data.configurations[sampled(len(data), SAMPLE)])
    for kind, net in enumerate(drawn(np.random.default_rng(3))):
        x = features[species == kind]
        mean = x.mean(0)
        width = torch.maximum(x.amax(0) - x.amin(0), mean.abs())
        energy, _ = fit(potential.parameters.fitting[kind], x, layers=2)
        torch.testing.assert_close(energy, fit(net, (x - mean) / width, layers=2)[0], rtol=1e-9, atol=1e-9)
        assert ((x - mean) / width).abs().max() <= 1


def test_some_structures_are_enough_and_all_are_taken_of_a_few():
    assert sampled(0, 32) == []
    assert sampled(3, 32) == [0, 1, 2]
    assert len(sampled(1000, 32)) == 32
    assert sampled(1000, 32)[-1] == 999
