"""Flows far from what was learned, ten times as long, on finer and finer cells: none blows up."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from eltanin.batch import Properties
from eltanin.protocols import Dataset
from eltanin_gas.collisions import MonatomicGas
from eltanin_gas.domain import Gas
from eltanin_gas.flows.march import march
from eltanin_gas.flows.problems import flow_of, relaxation_of, system_of
from eltanin_hyperbolic.model import HyperbolicClosure
from eltanin_kinetic.labeler import Bgk
from eltanin_kinetic_flows.problems import Draw, Ranges, draw

FLOWS = 1000
TOGETHER = 100
LEARNED = 0.1  # the duration of what was learned from
RANGES = Ranges(1e-3, 10.0, 1.2, 4.0)


def flows(count, cells, duration, seed):
    rng = np.random.default_rng(seed)
    family = rng.choice(["wave", "mixture", "transition"], size=count)
    return replace(draw(family, Draw(cells, duration, RANGES, 8, 1.0, 1.0), rng), evidence={})


@pytest.fixture(scope="module")
def system():
    x, gas, rng = flows(12, 96, LEARNED, 0), Gas(distributions=True), np.random.default_rng(1)
    labels = Bgk(MonatomicGas(), instants=4).label(x, gas.wanted, rng)
    assert not labels.failures
    n = len(x)
    data = Dataset(x, labels.values, np.zeros(n, int), np.zeros(n, int), np.full(n, np.nan), Properties.none(n))
    model = HyperbolicClosure(gas, order=6, steps=200)
    state, metrics = model.train(model.init(data, rng), data, rng)
    assert metrics["over_hermite"] < 0.7
    return system_of([model.predictor(state)])


def looked_at(system, x):
    duration = torch.as_tensor(x.duration, dtype=torch.float64)
    return march(system, flow_of(system, x), relaxation_of(MonatomicGas(), x), duration, inspect=10)


def check(system, count, cells, seed):
    for begin in range(0, count, TOGETHER):
        u, record = looked_at(system, flows(min(TOGETHER, count - begin), cells, 10 * LEARNED, seed + begin))
        assert record.failed.isnan().all()
        assert u.isfinite().all()
        least = {name: float(margin.min()) for name, margin in record.margins.items()}
        assert min(least["density"], least["temperature"]) > 0
        assert least["realizability"] > 0  # of m0 … m4, k0 … k2: moments of some gas, at every tenth step
        assert least["gap"] > 0
        assert float(record.drift.max()) < 1e-11
        assert speeds_of(system, u[:2, :: max(cells // 4, 1)]) < 1e-3


def speeds_of(system, u):
    """Return the largest imaginary part of an eigenvalue of the whole matrix A of cells (n, cells, moments)."""
    found = 0.0
    for one in u.flatten(0, 1):
        unit = torch.eye(system.moments, dtype=torch.float64)
        columns = [system.difference((one - e / 2)[None], (one + e / 2)[None])[0] for e in unit]
        found = max(found, float(torch.linalg.eigvals(torch.stack(columns, dim=-1)).imag.abs().max()))
    return found


def test_a_few_flows_do_not_blow_up(system):
    check(system, 20, 24, 100)


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("cells", [16, 32, 64])
def test_a_thousand_flows_do_not_blow_up(system, cells):
    check(system, FLOWS, cells, 1000)
