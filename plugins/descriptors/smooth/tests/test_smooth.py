"""The smooth descriptor: its switch, its statistics, its table, and its settings."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk

from eltanin_atoms.conformance.labelers import rotation
from eltanin_atoms.graphs import Graph, neighbour_graph
from eltanin_atoms.nets import residual_net
from eltanin_atoms.structures import Structures
from eltanin_smooth import Smooth
from eltanin_smooth.statistics import SMALLEST, UNKNOWN
from eltanin_smooth.switch import environment_rows, pull_rows, push_rows, switch
from eltanin_smooth.table import interpolation, spline_weights

SMOOTH = Smooth(cutoff=5.0, smooth_from=1.0, neurons=[6, 12], axis=4)
ELEMENTS = ["Cu", "Na", "Cl"]


def frames():
    salt, metal = bulk("NaCl", "rocksalt", a=5.6, cubic=True), bulk("Cu", cubic=True).repeat((2, 1, 1))
    for k, atoms in enumerate((salt, metal)):
        atoms.rattle(0.1, seed=k)
    return [salt, metal]


def graph_of(*atoms) -> Graph:
    return neighbour_graph(Structures.from_ase(atoms), SMOOTH.cutoff, ELEMENTS)


@pytest.fixture
def graph() -> Graph:
    return graph_of(*frames())


def evaluated(descriptor: Smooth, graph: Graph, statistics, environment=None):
    """Features, and the gradient of their weighted sum by vectors."""
    parameters = descriptor.parameters(len(ELEMENTS), np.random.default_rng(0))
    environment = environment or descriptor.environment(graph, statistics, torch.float64)
    features, pull = environment.features(parameters)
    weights = torch.linspace(-1, 2, features.shape[1]).double().expand(len(features), -1)
    return features, pull(weights)


def test_the_switch_has_two_continuous_derivatives():
    for edge, value in ((1.0, 1.0), (5.0, 0.0)):
        r = torch.tensor([edge], dtype=torch.float64, requires_grad=True)
        for shift in (-1e-7, 0.0, 1e-7):
            w, _ = switch(r + shift, 1.0, 5.0)
            (first,) = torch.autograd.grad(w, r, create_graph=True)
            second = torch.autograd.grad(first, r)[0] if first.requires_grad else torch.zeros(1)
            assert float(w.detach()) == pytest.approx(value, abs=1e-12)
            assert float(first.detach()) == pytest.approx(0.0, abs=1e-12)
            assert float(second) == pytest.approx(0.0, abs=1e-5)
    r = torch.linspace(0.5, 6, 200, dtype=torch.float64, requires_grad=True)
    w, slope = switch(r, 1.0, 5.0)
    torch.testing.assert_close(torch.autograd.grad(w.sum(), r)[0], slope.detach())
    assert (w.detach().diff() <= 0).all()


def test_rows_are_pulled_back_by_their_derivative():
    rng = np.random.default_rng(0)
    vector = torch.from_numpy(rng.normal(size=(40, 3)) * 2).requires_grad_()
    average, radial, angular = (torch.from_numpy(rng.uniform(0.1, 1, 40)) for _ in range(3))
    gradient, tangent = torch.from_numpy(rng.normal(size=(4, 40))), torch.from_numpy(rng.normal(size=(3, 40)))
    rows = environment_rows(vector, 1.0, 5.0, average, radial, angular)
    (expected,) = torch.autograd.grad((rows.values * gradient).sum(), vector)
    found = pull_rows(gradient, rows)
    torch.testing.assert_close(found.T, expected)
    transposed = push_rows(tangent, rows)
    torch.testing.assert_close((found * tangent).sum(), (transposed * gradient).sum())


def test_splines_interpolate_to_fourth_order():
    errors = []
    for intervals in (32, 64):
        sites, inverse = interpolation(intervals)
        coefficients = torch.from_numpy(inverse @ np.tanh(3 * sites - 1))
        q = torch.linspace(0, 1, 777, dtype=torch.float64)
        first, values, slopes = spline_weights(q, 1.0, intervals)
        near = coefficients[first + torch.arange(4)[:, None]]
        truth = torch.tanh(3 * q - 1)
        errors.append((values * near).sum(0).sub(truth).abs().max())
        assert (slopes * near).sum(0).sub(3 * (1 - truth**2)).abs().max() < 1e-3
        torch.testing.assert_close(values.sum(0), torch.ones_like(q))
    assert errors[0] < 1e-6
    assert errors[0] / errors[1] > 13


@pytest.mark.parametrize("one_sided", [True, False])
@pytest.mark.parametrize("average", [True, False])
def test_the_table_is_as_good_as_the_nets(graph, one_sided, average):
    descriptor = replace(SMOOTH, one_sided=one_sided, average=average)
    statistics = descriptor.statistics([graph], len(ELEMENTS))
    exact, *tables = (evaluated(replace(descriptor, intervals=n), graph, statistics) for n in (0, 64, 512))
    for (features, gradient), tolerance in zip(tables, (1e-5, 1e-8), strict=True):
        assert (features - exact[0]).abs().max() < tolerance * exact[0].abs().max()
        assert (gradient - exact[1]).abs().max() < tolerance * exact[1].abs().max()


@pytest.mark.parametrize("one_sided", [True, False])
def test_pairs_beyond_the_table_meet_the_nets(graph, one_sided):
    descriptor = replace(SMOOTH, one_sided=one_sided)
    statistics = descriptor.statistics([graph], len(ELEMENTS))
    exact = evaluated(replace(descriptor, intervals=0), graph, statistics)
    errors = []
    for reach in (1.0, 0.5, 1e-9):
        shorter = statistics | {"end": statistics["end"] * reach}
        near = descriptor.environment(graph, shorter, torch.float64).near
        assert near.any() == (reach < 1)
        assert near.all() == (reach < 1e-3)
        found = evaluated(descriptor, graph, shorter)
        errors.append([float((a - b).abs().max() / b.abs().max()) for a, b in zip(found, exact, strict=True)])
    assert np.all(np.array(errors[1]) < 0.5 * np.array(errors[0]))
    assert max(errors[2]) < 1e-13


@pytest.mark.parametrize("one_sided", [True, False])
@pytest.mark.parametrize("average", [True, False])
@pytest.mark.parametrize("intervals", [0, 64])
@pytest.mark.parametrize("reach", [1.0, 0.5])
def test_environments_join_as_graphs_do(graph, one_sided, average, intervals, reach):
    descriptor = replace(SMOOTH, one_sided=one_sided, average=average, intervals=intervals)
    statistics = descriptor.statistics([graph], len(ELEMENTS))
    statistics["end"] *= reach
    first, *others = (descriptor.environment(graph_of(a), statistics, torch.float64, learning=True) for a in frames())
    joined = evaluated(descriptor, graph, statistics, first.joined(others))
    for found, expected in zip(joined, evaluated(descriptor, graph, statistics), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("one_sided", [True, False])
@pytest.mark.parametrize("average", [True, False])
@pytest.mark.parametrize(("intervals", "reach"), [(0, 1.0), (64, 1.0), (64, 0.5)])
@pytest.mark.parametrize("atoms", [3, 100])
def test_frozen_it_sees_in_parts_what_it_sees_as_a_whole(graph, one_sided, average, intervals, reach, atoms):
    descriptor = replace(SMOOTH, one_sided=one_sided, average=average, intervals=intervals)
    statistics = descriptor.statistics([graph], len(ELEMENTS))
    statistics["end"] *= reach
    expected, slopes = evaluated(descriptor, graph, statistics)
    parameters = descriptor.parameters(len(ELEMENTS), np.random.default_rng(0))
    frozen, seen = descriptor.frozen(parameters, statistics, torch.float64), []
    for pairs, part in graph.parts(atoms):
        features, pull = frozen(part)
        assert (part.species.diff() >= 0).all()
        weights = torch.linspace(-1, 2, features.shape[1]).double().expand(len(features), -1)
        torch.testing.assert_close(features, expected[part.atoms], rtol=1e-12, atol=1e-14)
        torch.testing.assert_close(pull(weights), slopes[pairs], rtol=1e-11, atol=1e-14)
        seen += part.atoms.tolist()
    assert sorted(seen) == list(range(len(graph.species)))


@pytest.mark.parametrize("one_sided", [True, False])
@pytest.mark.parametrize("average", [True, False])
@pytest.mark.parametrize(("intervals", "reach"), [(0, 1.0), (64, 1.0), (64, 0.5)])
def test_forces_are_differentiable_in_the_parameters(graph, one_sided, average, intervals, reach):
    descriptor = replace(SMOOTH, one_sided=one_sided, average=average, intervals=intervals, resnet_dt=True)
    statistics = descriptor.statistics([graph], len(ELEMENTS))
    statistics["end"] *= reach
    environment = descriptor.environment(graph, statistics, torch.float64, learning=True)
    parameters = descriptor.parameters(len(ELEMENTS), np.random.default_rng(0))
    rng = np.random.default_rng(1)
    size = descriptor.size(len(ELEMENTS))
    turn = torch.from_numpy(rng.normal(size=(size, size)))

    def loss() -> torch.Tensor:
        features, pull = environment.features(parameters)
        gradient = pull(torch.tanh(features @ turn))
        return (gradient**2).sum() + features.sum()

    for p in parameters.values():
        p.requires_grad_()
    gradients = torch.autograd.grad(loss(), parameters.values())
    for p, gradient in zip(parameters.values(), gradients, strict=True):
        direction = torch.from_numpy(rng.normal(size=tuple(p.shape)))
        values = []
        for step in (1e-5, -1e-5):
            p.data += step * direction
            values.append(float(loss().detach()))
            p.data -= step * direction
        expected = (values[0] - values[1]) / 2e-5
        assert float((gradient * direction).sum()) == pytest.approx(expected, rel=1e-6, abs=1e-7)


def test_features_are_invariant_and_gradients_turn():
    salt, metal = frames()
    statistics = SMOOTH.statistics([graph_of(salt, metal)], len(ELEMENTS))
    features, gradient = evaluated(SMOOTH, graph_of(salt), statistics)
    q = rotation(np.random.default_rng(3))
    turned = salt.copy()
    turned.set_cell(salt.cell.array @ q.T)
    turned.positions = salt.positions @ q.T
    graph = graph_of(turned)
    rotated, there = evaluated(SMOOTH, graph, statistics)
    torch.testing.assert_close(rotated, features, rtol=1e-10, atol=1e-12)
    forces = graph_of(salt).forces(gradient) @ torch.from_numpy(q.T)
    torch.testing.assert_close(graph.forces(there), forces, rtol=1e-9, atol=1e-11)


def test_statistics_count_empty_slots():
    graph = graph_of(*frames())
    found = SMOOTH.statistics([graph], len(ELEMENTS))
    streamed = SMOOTH.statistics((graph_of(a) for a in frames()), len(ELEMENTS))
    most = int(torch.bincount(graph.centre).max())
    assert float(found["neighbours"]) == most
    for kind in range(len(ELEMENTS)):
        mine = graph.vector[graph.species[graph.centre] == kind]
        r = torch.linalg.vector_norm(mine, dim=1)
        s = switch(r, SMOOTH.smooth_from, SMOOTH.cutoff)[0] / r
        slots = most * int((graph.species == kind).sum())
        filled = torch.zeros(slots).double(), torch.zeros(slots, 3).double()
        filled[0][: len(s)], filled[1][: len(s)] = s, s[:, None] * mine / r[:, None]
        for name, column in zip(("radial", "angular"), filled, strict=True):
            least = float(column.mean()) / 2 if name == "radial" else 0.0
            assert float(found[name][kind]) == pytest.approx(max(least, float(column.std(correction=0))))
    for name, value in found.items():
        torch.testing.assert_close(streamed[name], value)


def test_neighbours_that_are_all_alike_stay_where_nets_have_a_slope():
    hydrogen = [Atoms("H2", [[0, 0, 0], [0, 0, 0.74 + 0.001 * k]]) for k in range(3)]
    graph = neighbour_graph(Structures.from_ase(hydrogen), SMOOTH.cutoff, ["H"])
    statistics = SMOOTH.statistics([graph], 1)
    r = torch.linalg.vector_norm(graph.vector, dim=1)
    rows = switch(r, SMOOTH.smooth_from, SMOOTH.cutoff)[0] / r / statistics["radial"]
    torch.testing.assert_close(rows, torch.full_like(rows, 2.0), rtol=0.01, atol=0)


def test_an_average_is_taken_over_all_places():
    graph = graph_of(*frames())
    descriptor = replace(SMOOTH, average=True)
    found = descriptor.statistics([graph], len(ELEMENTS))
    kinds = graph.species[graph.neighbour]
    most = [int(torch.bincount(graph.centre[kinds == kind]).max()) for kind in range(len(ELEMENTS))]
    assert found["places"].tolist() == most
    assert float(found["neighbours"]) == sum(most)
    for kind in range(len(ELEMENTS)):
        r = torch.linalg.vector_norm(graph.vector[graph.species[graph.centre] == kind], dim=1)
        s = torch.zeros(sum(most) * int((graph.species == kind).sum())).double()
        s[: len(r)] = switch(r, SMOOTH.smooth_from, SMOOTH.cutoff)[0] / r
        assert float(found["average"][kind]) == pytest.approx(float(s.mean()))
        assert float(found["radial"][kind]) == pytest.approx(float(s.std(correction=0)))
    wider = descriptor.covering(found, [graph_of(frames()[0].repeat(2))])
    assert torch.equal(wider["places"], found["places"])


@pytest.mark.parametrize("one_sided", [True, False])
def test_an_empty_place_counts_where_there_is_an_average(graph, one_sided):
    descriptor = replace(SMOOTH, one_sided=one_sided, average=True, intervals=0)
    statistics = descriptor.statistics([graph], len(ELEMENTS))
    statistics["places"] += torch.arange(len(ELEMENTS)) + 1
    features, _ = evaluated(descriptor, graph, statistics)
    nets = descriptor.parameters(len(ELEMENTS), np.random.default_rng(0))
    atom = 3
    mine = graph.centre == atom
    kind, vectors, others = graph.species[atom], graph.vector[mine], graph.species[graph.neighbour[mine]]
    r = torch.linalg.vector_norm(vectors, dim=1)
    s = switch(r, SMOOTH.smooth_from, SMOOTH.cutoff)[0] / r
    average, radial, angular = (statistics[name][kind] for name in ("average", "radial", "angular"))
    density = torch.zeros(4, SMOOTH.neurons[-1]).double()
    for other, places in enumerate(statistics["places"].int().tolist()):
        rows = torch.tensor([-average / radial, 0, 0, 0]).double().repeat(places, 1)
        here = others == other
        filled = torch.cat([((s - average) / radial)[:, None], s[:, None] * vectors / r[:, None] / angular], 1)[here]
        rows[: len(filled)] = filled
        which = other if one_sided else int(kind) * len(ELEMENTS) + other
        g = residual_net({name: p[which] for name, p in nets.items()}, rows[:, :1], len(SMOOTH.neurons))
        density += rows.T @ g
    density /= statistics["neighbours"]
    torch.testing.assert_close(features[atom], (density.T @ density[:, : SMOOTH.axis]).flatten())


@pytest.mark.parametrize(("intervals", "error"), [(0, 1e-14), (64, 1e-10)])  # an empty place meets the nets themselves
def test_a_neighbour_that_leaves_turns_into_an_empty_place(intervals, error):
    def pair(distance):
        return graph_of(Atoms("CuNa", [[0, 0, 0], [0, 0, distance]], cell=np.eye(3) * 30, pbc=True))

    descriptor = replace(SMOOTH, average=True, intervals=intervals)
    statistics = descriptor.statistics([graph_of(*frames())], len(ELEMENTS))
    near, gone = (evaluated(descriptor, pair(SMOOTH.cutoff + d), statistics) for d in (-1e-5, 1e-5))
    assert len(near[1]) == 2
    assert not len(gone[1])
    torch.testing.assert_close(near[0], gone[0], rtol=0, atol=error)
    assert float(near[1].abs().max()) < 1e-8


def test_statistics_of_elements_without_data_are_those_of_nothing():
    found = SMOOTH.statistics([graph_of(frames()[1])], len(ELEMENTS))
    assert found["radial"][1:].tolist() == found["angular"][1:].tolist() == [UNKNOWN] * 2
    assert found["angular"][0] > SMALLEST


def test_statistics_cover_new_structures_and_keep_the_rest():
    metal = frames()[1]
    found = SMOOTH.statistics([graph_of(metal)], len(ELEMENTS))
    dense = metal.copy()
    dense.set_cell(0.7 * metal.cell.array, scale_atoms=True)
    wider = SMOOTH.covering(found, [graph_of(dense)])
    assert wider["end"] > found["end"]
    assert not SMOOTH.environment(graph_of(dense), wider, torch.float64).near.any()
    assert SMOOTH.environment(graph_of(dense), found, torch.float64).near.any()
    assert all(torch.equal(wider[name], found[name]) for name in ("average", "radial", "angular", "neighbours"))
    assert float(wider["places"][0]) > float(found["places"][0])
    assert torch.equal(SMOOTH.covering(wider, [graph_of(metal)])["end"], wider["end"])
    dense.positions[1] = dense.positions[0]
    with pytest.raises(ValueError, match="two atoms of a structure lie at the same place"):
        SMOOTH.covering(found, [graph_of(dense)])


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"smooth_from": 6.0}, "smooth_from=6.0"),
        ({"cutoff": -1.0}, "smooth_from=1.0"),
        ({"neurons": []}, "neurons="),
        ({"axis": 13}, "axis=13"),
        ({"intervals": 3}, "intervals=3"),
    ],
)
def test_settings_without_meaning_are_refused(setting, message):
    with pytest.raises(ValueError, match=message):
        replace(SMOOTH, **setting)
