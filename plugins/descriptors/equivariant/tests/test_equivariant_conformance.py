"""Potentials of equivariant messages pass the suite, and what the messages are made of turns with the structure."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from ase import Atoms
from e3nn import o3

from eltanin_atoms.conformance.potentials import PotentialConformance
from eltanin_atoms.conformance.samples import copper, salt, untrained
from eltanin_atoms.graphs import neighbour_graph
from eltanin_atoms.structures import Structures
from eltanin_equivariant import Equivariant
from eltanin_neural_potential import NeuralPotential

DESCRIPTOR = Equivariant(cutoff=4.0, channels=4, bessel=5, radial=[8])


def potential(descriptor: Equivariant, x: Structures, precision: str = "float64"):
    return untrained(NeuralPotential(descriptor=descriptor, neurons=[10, 10], device="cpu", precision=precision), x)


class TestEquivariantMessages(PotentialConformance):
    cutoff = DESCRIPTOR.cutoff

    @pytest.fixture(
        params=[{}, {"l_max": 3, "hidden_l": 2}, {"layers": 1, "correlation": 4}, {"layers": 3, "l_max": 1}],
        ids=["default", "high-degrees", "four-factors", "three-layers"],
    )
    def predictor(self, request, structures):
        return potential(replace(DESCRIPTOR, **request.param), structures)


@pytest.fixture
def double():
    """Wigner matrices of e3nn are no better than torch's default precision."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("degrees", [(2, 1), (3, 2)])
def test_what_every_layer_makes_turns_by_wigner_matrices(degrees):
    x, q = salt(), -o3.rand_matrix(dtype=torch.float64)
    descriptor = replace(DESCRIPTOR, layers=3, l_max=degrees[0], hidden_l=degrees[1])
    graph = neighbour_graph(x, descriptor.cutoff, ["Na", "Cl"])
    turned = replace(graph, vector=graph.vector @ q.T)
    statistics, parameters = descriptor.statistics([graph], 2), descriptor.parameters(2, np.random.default_rng(0))
    before, after = (descriptor.environment(g, statistics, torch.float64).tensors(parameters) for g in (graph, turned))
    assert [len(made) for made in before] == [degrees[1] + 1, degrees[1] + 1, 1]
    for a, b in zip(before, after, strict=True):
        for d, (mine, theirs) in enumerate(zip(a, b, strict=True)):
            turn = o3.Irreps([(1, (d, (-1) ** d))]).D_from_matrix(q)
            expected = torch.einsum("ab,ibk->iak", turn, mine)
            assert float(mine.abs().max()) > 1e-3
            torch.testing.assert_close(theirs, expected, rtol=0, atol=1e-10)


def test_atoms_see_as_many_cutoffs_far_as_there_are_layers():
    chain = Atoms("Cu4", positions=np.arange(4)[:, None] * [3.0, 0, 0])
    moved = chain.copy()
    moved.positions[3] += [0.1, 0.2, 0.3]
    x = Structures.from_ase([chain, moved])
    for layers in (1, 2, 3):
        descriptor = replace(DESCRIPTOR, layers=layers)
        graph = neighbour_graph(x, descriptor.cutoff, ["Cu"])
        environment = descriptor.environment(graph, descriptor.statistics([graph], 1), torch.float64)
        features, _ = environment.features(descriptor.parameters(1, np.random.default_rng(0)))
        changed = (features[:4] - features[4:]).abs().amax(1) > 0
        assert changed.tolist() == [3 - k <= layers for k in range(4)]


def test_single_precision_is_close_to_double():
    x = copper()
    found = [potential(DESCRIPTOR, x, p).predict(x).values["forces"].values for p in ("float64", "float32")]
    np.testing.assert_allclose(*found, atol=2e-5 * np.abs(found[0]).max())


def test_two_atoms_at_the_same_place_have_no_energy_and_are_not_learned():
    twice = Atoms("Cu2", positions=np.zeros((2, 3)))
    assert np.isnan(potential(DESCRIPTOR, copper()).predict(Structures.from_ase([twice])).values["energy"]).all()
    graph = neighbour_graph(Structures.from_ase([twice]), 4.0, ["Cu"])
    with pytest.raises(ValueError, match="at the same place"):
        DESCRIPTOR.statistics([graph], 1)


def test_the_number_of_parameters_is_what_the_equations_say():
    k, species, b, w = 4, 2, 5, 8
    found = DESCRIPTOR.parameters(species, np.random.default_rng(0))
    total = sum(p.numel() for p in found.values())
    # 3 paths from scalars to l = 0, 1, 2; then 7, of which 2, 3, 2 lead there. Polynomials of one, two and
    # three factors: 1 + 3 + 5 scalars, and 1 + 2 + 5 vectors in the first layer alone.
    first = b * w + w * 3 * k + k * k + 3 * k * k + (9 + 8) * species * k + 2 * k * k + species * k * k
    second = b * w + w * 7 * k + 2 * k * k + 7 * k * k + 9 * species * k + k * k + species * k * k
    assert total == species * k + first + second


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"cutoff": 0.0}, "cutoff=0.0 Å"),
        ({"layers": 0}, "layers=0"),
        ({"channels": 0}, "channels=0"),
        ({"bessel": 0}, "bessel=0"),
        ({"radial": [0]}, "radial="),
        ({"l_max": 5}, "l_max=5"),
        ({"hidden_l": 3}, "hidden_l=3: give a degree from 0 to l_max, which is 2"),
        ({"correlation": 0}, "correlation=0"),
    ],
)
def test_settings_without_meaning_are_refused(setting, message):
    with pytest.raises(ValueError, match=message):
        replace(DESCRIPTOR, **setting)
