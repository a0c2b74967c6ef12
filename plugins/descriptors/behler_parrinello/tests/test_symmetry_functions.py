"""Symmetry functions are those of Behler's paper, written here once more as plain loops.

G2 = Σ_j exp(-η (r_ij - R)²) f(r_ij)
G4 = 2^(1-ζ) Σ_{j<k} (1 + λ cos θ)^ζ exp(-η (r_ij² + r_ik² + r_jk²)) f(r_ij) f(r_ik) f(r_jk), G5 without r_jk
(J. Behler, J. Chem. Phys. 134, 074106 (2011), eqs. 4, 6, 8, 9; every two neighbours counted once)
"""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk

from eltanin_atoms.graphs import Graph, neighbour_graph
from eltanin_atoms.structures import Structures
from eltanin_behler_parrinello import BehlerParrinello
from eltanin_behler_parrinello.triples import triples

ELEMENTS = ["Cu", "Na", "Cl"]
FEW = BehlerParrinello(
    cutoff=4.2, angular_cutoff=3.9, radial=3, lambdas=[-1.0, 1.0], zetas=[1.0, 2.5], etas=[0.02, 0.3]
)
KINDS = [
    FEW,
    replace(FEW, switch="cosine"),
    replace(FEW, third_side=False),
    replace(FEW, angular_cutoff=4.2, lambdas=[0.5], zetas=[4.0]),
    replace(FEW, etas=[]),
    replace(FEW, radial=0),
]
NAMES = ["polynomial", "cosine", "without third side", "one cutoff", "radial alone", "angular alone"]


def frames() -> list[Atoms]:
    salt, metal = bulk("NaCl", "rocksalt", a=5.6, cubic=True), bulk("Cu", a=3.6)
    chain = Atoms(
        "NaClCuNa", positions=[[0, 0, 0], [2.1, 0.5, 0], [1, 2, 1.5], [0.3, 2, -1]], cell=[5, 0, 0], pbc=[1, 0, 0]
    )
    for k, atoms in enumerate((salt, metal, chain)):
        atoms.rattle(0.1, seed=k)
    return [salt, metal, chain]


def graph_of(*atoms: Atoms, cutoff: float = FEW.cutoff) -> Graph:
    return neighbour_graph(Structures.from_ase(atoms), cutoff, ELEMENTS)


def plain(descriptor: BehlerParrinello, graph: Graph, species: int = len(ELEMENTS)) -> torch.Tensor:
    """Features without statistics."""
    statistics = {"mean": torch.zeros(species, descriptor.size(species)).double()}
    statistics["range"] = torch.ones_like(statistics["mean"])
    return descriptor.environment(graph, statistics, torch.float64).features({})[0]


def switched(r: float, cutoff: float, name: str) -> float:
    u = r / cutoff
    if u >= 1:
        return 0.0
    return 0.5 * (math.cos(math.pi * u) + 1) if name == "cosine" else 1 - u**3 * (6 * u * u - 15 * u + 10)


def looped(descriptor: BehlerParrinello, atoms: Atoms, i: int) -> list[float]:
    """All features of one atom, from positions and periods alone."""
    d, name = descriptor, descriptor.switch
    around = [
        (ELEMENTS.index(atoms.symbols[j]), v)
        for shift in itertools.product(*(range(-4, 5) if periodic else range(1) for periodic in atoms.pbc))
        for j in range(len(atoms))
        if 1e-9
        < np.linalg.norm(v := atoms.positions[j] - atoms.positions[i] + np.array(shift) @ atoms.cell.array)
        < d.cutoff
    ]
    features = []
    apart = (d.cutoff - d.radial_from) / max(1, d.radial)
    for s, k in itertools.product(range(len(ELEMENTS)), range(d.radial)):
        distances = [float(np.linalg.norm(v)) for species, v in around if species == s]
        peak = d.radial_from + k * apart
        features.append(
            sum(math.exp(-((r - peak) ** 2) / (2 * apart**2)) * switched(r, d.cutoff, name) for r in distances)
        )
    for s, t in itertools.combinations_with_replacement(range(len(ELEMENTS)), 2):
        both = [(a, b) for (p, a), (q, b) in itertools.combinations(around, 2) if sorted((p, q)) == [s, t]]
        for sign, zeta, eta in itertools.product(d.lambdas, d.zetas, d.etas):
            total = 0.0
            for a, b in both:
                sides = [float(np.linalg.norm(x)) for x in (a, b, b - a)][: 3 if d.third_side else 2]
                angle = 1 + sign * max(-1.0, min(1.0, float(a @ b) / sides[0] / sides[1]))
                bell = math.exp(-eta * sum(r * r for r in sides))
                total += angle**zeta * bell * math.prod(switched(r, d.angular_cutoff, name) for r in sides)
            features.append(2 ** (1 - zeta) * total)
    return features


@pytest.mark.parametrize("descriptor", KINDS, ids=NAMES)
def test_features_are_those_of_the_paper(descriptor):
    for atoms in frames():
        found = plain(descriptor, graph_of(atoms)).numpy()
        expected = np.array([looped(descriptor, atoms, i) for i in range(len(atoms))])
        assert found.shape == expected.shape == (len(atoms), descriptor.size(len(ELEMENTS)))
        assert expected.any()
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


def test_a_triangle_that_is_known_by_heart():
    # Right angle at the first atom, both legs 3 Å, half of the cutoff: f = (cos π/2 + 1)/2 = 1/2.
    leg, third = 0.5, 0.5 * (math.cos(math.pi / math.sqrt(2)) + 1)
    triangle = Atoms("Cu3", positions=[[0, 0, 0], [3, 0, 0], [0, 3, 0]])
    d = BehlerParrinello(
        angular_cutoff=6.0, switch="cosine", radial=2, radial_from=2.0, lambdas=[-1.0, 1.0], zetas=[2.0], etas=[0.05]
    )
    graph = neighbour_graph(Structures.from_ase([triangle]), 6.0, ["Cu"])
    features = plain(d, graph, 1)
    # Shells at 2 and 4 Å, η = 1/8 per Å²: both neighbours are 1 Å away from either maximum.
    straight = 2 * leg * math.exp(-1 / 8)
    # 2^(1-2) (1 ± 0)² exp(-0.05 (9 + 9 + 18)) f f f
    right = 0.5 * math.exp(-1.8) * leg * leg * third
    np.testing.assert_allclose(features[0], [straight, straight, right, right], rtol=1e-14)
    # At the others the angle is 45° between sides of 3 and √18 Å.
    sharp = [0.5 * (1 + sign * math.sqrt(0.5)) ** 2 * math.exp(-1.8) * leg * leg * third for sign in (-1, 1)]
    np.testing.assert_allclose(features[1, 2:], sharp, rtol=1e-13)
    np.testing.assert_allclose(features[2], features[1], rtol=1e-13)
    without = plain(replace(d, third_side=False), graph, 1)
    np.testing.assert_allclose(without[0, 2:], [0.5 * math.exp(-0.9) * leg * leg] * 2, rtol=1e-14)


@pytest.mark.parametrize("counts", [[0], [1], [2], [3, 0, 4, 1, 2], []])
def test_every_two_neighbours_meet_once(counts):
    centre = np.random.default_rng(0).permutation(np.repeat(np.arange(len(counts)), counts))
    first, second = triples(torch.from_numpy(centre), len(counts))
    found = {frozenset(pair) for pair in zip(first.tolist(), second.tolist(), strict=True)}
    expected = {frozenset(p) for p in itertools.combinations(range(len(centre)), 2) if centre[p[0]] == centre[p[1]]}
    assert found == expected
    assert len(first) == len(expected)


@pytest.mark.parametrize("learning", [True, False])
@pytest.mark.parametrize("descriptor", KINDS, ids=NAMES)
def test_gradients_are_those_of_differences(descriptor, learning):
    graph = graph_of(*frames())
    statistics = descriptor.statistics([graph], len(ELEMENTS))
    rng = np.random.default_rng(0)
    weights = torch.from_numpy(rng.normal(size=(len(graph.species), descriptor.size(len(ELEMENTS)))))
    direction = torch.from_numpy(rng.normal(size=tuple(graph.vector.shape)))
    # Moved by little, so that no pair crosses the cutoff.
    steps, values = np.array([-2.0, -1.0, 1.0, 2.0]) * 2e-4, []
    for step in steps:
        moved = replace(graph, vector=graph.vector + step * direction)
        values.append(float((descriptor.environment(moved, statistics, torch.float64).features({})[0] * weights).sum()))
    expected = np.array([1.0, -8.0, 8.0, -1.0]) @ values / 12 / 2e-4
    _, pull = descriptor.environment(graph, statistics, torch.float64, learning).features({})
    gradient = pull(weights)
    assert gradient.shape == graph.vector.shape
    assert float((gradient * direction).sum()) == pytest.approx(expected, rel=1e-7)


@pytest.mark.parametrize("learning", [True, False])
def test_what_is_pulled_back_is_differentiable(learning):
    graph = graph_of(*frames())
    statistics = FEW.statistics([graph], len(ELEMENTS))
    _, pull = FEW.environment(graph, statistics, torch.float64, learning).features({})
    rng = np.random.default_rng(0)
    x, y = (torch.from_numpy(rng.normal(size=(len(graph.species), FEW.size(len(ELEMENTS))))) for _ in range(2))
    back = torch.from_numpy(rng.normal(size=tuple(graph.vector.shape)))
    (transposed,) = torch.autograd.grad(pull(x.requires_grad_()), x, back)
    assert float((transposed * y).sum()) == pytest.approx(float((pull(y) * back).sum()), rel=1e-12)


@pytest.mark.parametrize("learning", [True, False])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_environments_join_as_graphs(learning, dtype):
    graph = graph_of(*frames())
    statistics = FEW.statistics([graph], len(ELEMENTS))
    first, *others = (FEW.environment(graph_of(a), statistics, dtype, learning) for a in frames())
    joined, whole = first.joined(others), FEW.environment(graph, statistics, dtype, learning)
    (features, pull), (expected, pull_expected) = joined.features({}), whole.features({})
    weights = torch.linspace(-1, 2, features.shape[1], dtype=dtype).expand(features.shape)
    precision = {"rtol": 1e-12, "atol": 1e-13} if dtype == torch.float64 else {"rtol": 2e-4, "atol": 1e-4}
    torch.testing.assert_close(features, expected, **precision)
    torch.testing.assert_close(pull(weights), pull_expected(weights), **precision)
    assert features.dtype == pull(weights).dtype == dtype


def test_features_of_the_first_data_have_mean_0_and_range_1():
    graphs = [graph_of(a) for a in frames()]
    statistics = FEW.statistics(iter(graphs), len(ELEMENTS))
    raw = torch.cat([plain(FEW, g) for g in graphs])
    kind = torch.cat([g.species for g in graphs])
    for k in range(len(ELEMENTS)):
        mine = raw[kind == k]
        torch.testing.assert_close(statistics["mean"][k], mine.mean(0))
        torch.testing.assert_close(statistics["range"][k], (mine.amax(0) - mine.amin(0)).clamp(min=0.1))
    graph = graph_of(*frames())
    features, _ = FEW.environment(graph, statistics, torch.float64).features({})
    for k in range(len(ELEMENTS)):
        torch.testing.assert_close(
            features[kind == k].mean(0), torch.zeros(features.shape[1]).double(), atol=1e-13, rtol=0
        )
    assert features.abs().max() <= 1
    only = FEW.statistics([graph_of(frames()[1])], len(ELEMENTS))
    assert (only["mean"][1:] == 0).all()
    assert (only["range"][1:] == 1).all()


def test_atoms_at_the_same_place_are_refused():
    twice = Atoms("Cu2", positions=np.zeros((2, 3)))
    good = graph_of(frames()[1])
    statistics = FEW.statistics([good], len(ELEMENTS))
    assert FEW.covering(statistics, [good]) is statistics
    with pytest.raises(ValueError, match="two atoms of a structure lie at the same place"):
        FEW.covering(statistics, [good, graph_of(twice)])
    with pytest.raises(ValueError, match="two atoms of a structure lie at the same place"):
        FEW.statistics([graph_of(twice)], len(ELEMENTS))


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"switch": "cosin"}, "switch=cosin is not known.*cosine"),
        ({"angular_cutoff": 4.3}, "angular_cutoff=4.3"),
        ({"radial_from": 4.2}, "radial_from=4.2"),
        ({"radial": 0, "etas": []}, "radial=0"),
        ({"lambdas": []}, "etas without lambdas"),
        ({"lambdas": [2.0]}, "lambdas="),
        ({"zetas": [0.5]}, "zetas="),
        ({"etas": [-0.1]}, "etas="),
    ],
)
def test_settings_that_mean_nothing_are_refused(setting, message):
    with pytest.raises(ValueError, match=message):
        replace(FEW, **setting)
