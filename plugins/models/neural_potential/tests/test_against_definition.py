"""Energies are those of the definition, evaluated number by number in plain Python.

s(r) = w(r)/r,  w = u³(-6u² + 15u - 10) + 1,  u = (r - r_s)/(r_c - r_s) within [0, 1]
R_j = (s, s x/r, s y/r, s z/r) / σ,  G_j = net(R_j0),  A = Σ_j G_j R_jᵀ / N,  D = A A_<ᵀ,  E = Σ_i net(D_i) + e
"""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from eltanin.batch import Properties
from eltanin.protocols import Dataset
from eltanin_atoms.structures import Structures
from eltanin_neural_potential import NeuralPotential
from eltanin_neural_potential.energy import answer
from eltanin_smooth import Smooth

CUTOFF, START, AXIS = 4.5, 1.2, 3


def switched(r: float) -> float:
    if r >= CUTOFF:
        return 0.0
    u = max(0.0, (r - START) / (CUTOFF - START))
    return (u**3 * (-6 * u**2 + 15 * u - 10) + 1) / r


def layer(x: list[float], weight: np.ndarray, bias: np.ndarray, idt: np.ndarray | None) -> list[float]:
    y = []
    for k in range(weight.shape[1]):
        t = math.tanh(sum(x[m] * weight[m, k] for m in range(len(x))) + bias[0, k])
        t = t if idt is None else t * idt[0, k]
        if weight.shape[1] == len(x):
            t += x[k]
        elif weight.shape[1] == 2 * len(x):
            t += x[k % len(x)]
        y.append(t)
    return y


def net(parameters: dict[str, np.ndarray], x: list[float], layers: int) -> list[float]:
    for k in range(layers):
        idt = parameters.get(f"idt_{k}")
        x = layer(x, parameters[f"weight_{k}"], parameters[f"bias_{k}"], idt)
    return x


def neighbours(atoms: Atoms, i: int):
    ranges = [range(-4, 5) if periodic else range(1) for periodic in atoms.pbc]
    for shift in itertools.product(*ranges):
        for j in range(len(atoms)):
            d = atoms.positions[j] - atoms.positions[i] + np.array(shift) @ atoms.cell.array
            if (i != j or any(shift)) and np.linalg.norm(d) < CUTOFF:
                yield j, d.tolist()


def atomic_energy(state: dict, atoms: Atoms, i: int, one_sided: bool) -> float:
    kinds = [state["elements"].index(s) for s in atoms.symbols]
    n, mine = len(state["elements"]), kinds[i]
    radial, angular = (float(state["statistics"][name][mine]) for name in ("radial", "angular"))
    a = None
    for j, (x, y, z) in neighbours(atoms, i):
        r = math.sqrt(x * x + y * y + z * z)
        s = switched(r)
        row = [s / radial, s * x / r / angular, s * y / r / angular, s * z / r / angular]
        which = kinds[j] if one_sided else mine * n + kinds[j]
        embedding = {name: p[which] for name, p in state["descriptor"].items()}
        g = net(embedding, row[:1], layers=2)
        a = a or [[0.0] * 4 for _ in g]
        for m, c in itertools.product(range(len(g)), range(4)):
            a[m][c] += g[m] * row[c] / float(state["statistics"]["neighbours"][0])
    d = [sum(a[m][c] * a[k][c] for c in range(4)) for m in range(len(a)) for k in range(AXIS)]
    fitting = state["fitting"][mine]
    hidden = net(fitting, d, layers=3)
    out = sum(h * w for h, w in zip(hidden, fitting["weight_out"][:, 0], strict=True))
    return out + fitting["bias_out"][0, 0] + state["bias"][mine]


def salt() -> Atoms:
    atoms = bulk("NaCl", "rocksalt", a=5.3, cubic=True)
    atoms.rattle(0.2, seed=1)
    return atoms


@pytest.mark.parametrize("one_sided", [True, False])
@pytest.mark.parametrize(("intervals", "tolerance"), [(0, 1e-12), (512, 1e-9)])
def test_energy_is_that_of_the_definition(one_sided, intervals, tolerance):
    frames = [
        salt(),
        Atoms("NaCl2", positions=[[0, 0, 0], [2.2, 0.3, 0], [0, 0.7, -2.6]], cell=[4, 0, 0], pbc=[1, 0, 0]),
    ]
    x = Structures.from_ase(frames)
    y = Properties.of(energy=np.array([-20.0, -8.0]))
    data = Dataset(x, y, np.zeros(2, int), np.zeros(2, int), np.zeros(2), Properties.none(2))
    model = NeuralPotential(
        descriptor=Smooth(
            cutoff=CUTOFF,
            smooth_from=START,
            neurons=[5, 10],
            axis=AXIS,
            one_sided=one_sided,
            resnet_dt=True,
            intervals=intervals,
        ),
        neurons=[7, 7, 14],
        device="cpu",
    )
    state = model.init(data, np.random.default_rng(2))
    for name, p in state["descriptor"].items():  # each net different from its fellows, and time steps that count
        state["descriptor"][name] = p * (3.0 if name.startswith("idt") else 1.0)
    found = model.predictor(state).predict(x).values["energy"]
    expected = [sum(atomic_energy(state, atoms, i, one_sided) for i in range(len(atoms))) for atoms in frames]
    np.testing.assert_allclose(found, expected, rtol=tolerance)


@pytest.mark.parametrize("atoms", [3, 5])
def test_atoms_are_evaluated_a_few_at_a_time(monkeypatch, atoms):
    frames = [salt(), Atoms("ClNa", positions=[[0, 0, 0], [2.2, 0.3, 0]]), salt(), Atoms("Na")]
    x = Structures.from_ase(frames)
    y = Properties.of(energy=np.array([-20.0, -8.0, -20.0, 0.0]))
    data = Dataset(x, y, np.zeros(4, int), np.zeros(4, int), np.zeros(4), Properties.none(4))
    model = NeuralPotential(descriptor=Smooth(cutoff=CUTOFF, neurons=[5, 10], axis=AXIS), neurons=[7], device="cpu")
    potential = model.predictor(model.init(data, np.random.default_rng(2)))
    whole = potential.predict(x)
    monkeypatch.setattr("eltanin_neural_potential.potential.PART", atoms)
    few = potential.predict(x)
    graph = potential.graph(x)
    learned = answer(potential.parameters, graph, potential.environment(graph))
    for found in (few, whole):
        np.testing.assert_allclose(found.values["forces"].values, learned.forces, rtol=0, atol=1e-14)
        np.testing.assert_allclose(found.values["energy"], learned.energy + potential.baseline(graph), rtol=1e-14)
        np.testing.assert_allclose(found.values["virial"], graph.virials(learned.gradient), rtol=0, atol=1e-13)
