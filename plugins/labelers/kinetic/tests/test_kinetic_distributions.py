"""The label `distribution`: g and h in the frame of each cell."""

import numpy as np
import pytest

from eltanin.batch import Ragged
from eltanin_gas.collisions import MonatomicGas
from eltanin_gas.distributions import NODES, SPACING
from eltanin_gas.domain import Gas
from eltanin_gas.monatomic import equilibrium_moments, invariants, rankine_hugoniot
from eltanin_gas.problems import Boundary, Problems
from eltanin_kinetic import Bgk, ShockWave


def rng():
    return np.random.default_rng(0)


def problems(rows, knudsen, boundary, duration):
    fields, n = Ragged.of(rows), len(rows)
    told = Ragged(np.full(len(fields.values), knudsen), fields.counts)
    return Problems(fields, told, np.ones(n), np.full(n, duration), np.full(n, int(boundary)))


def wave(cells):
    x = 2 * np.pi * (np.arange(cells) + 0.5) / cells
    return equilibrium_moments(1 + 0.4 * np.sin(x), 0.5 * np.cos(x), 1 + 0.3 * np.sin(2 * x))


def shock(mach, cells):
    sides = np.array(rankine_hugoniot(mach))[(np.arange(cells) >= cells // 2).astype(int)]
    return equilibrium_moments(*sides.T)


def label(x, gas=None, distributions=True):
    return Bgk(gas or MonatomicGas(), instants=2).label(x, Gas(distributions=distributions).wanted, rng())


def test_equilibrium_is_a_gaussian_in_every_frame():
    x = problems([wave(12)], 0.1, Boundary.PERIODIC, 0.0)
    told = label(x).values.values["distribution"]
    assert list(told.counts) == [36]
    maxwellian = np.exp(-(NODES**2) / 2) / np.sqrt(2 * np.pi)
    np.testing.assert_allclose(told.values, np.broadcast_to(maxwellian, (36, 2, 96)), rtol=1e-3, atol=1e-10)


@pytest.mark.parametrize("case", ["wave", "shock", "weno5"])
def test_sums_are_the_labelled_moments(case):
    """∫ (1, c, c², c³, c⁴) g and (1, c, c²) h: 1, 0, 1 + s, a, A and 1 - s/2, b, B."""
    rows = [shock(3.0, 24)] if case == "shock" else [wave(24)]
    x = problems(rows, 0.1, *((Boundary.FIXED, 1.0) if case == "shock" else (Boundary.PERIODIC, 0.1)))
    labels = Bgk(MonatomicGas(), instants=1, velocities=64, scheme="weno5" if case == "weno5" else "muscl").label(
        x, Gas(distributions=True).wanted, rng()
    )
    assert labels.failures == {}
    assert Gas(distributions=True).refusals(x, labels.values) == {}
    values = {name: column.values[24:] for name, column in labels.values.values.items()}
    g, h = np.moveaxis(values["distribution"], 1, 0)
    s, a, b = invariants(values["moments"]).T
    powers = SPACING * NODES[:, None] ** np.arange(5)
    assert np.abs(s).max() > 0.05
    of_g = np.stack([1 + 0 * s, 0 * s, 1 + s, a, values["closing"][:, 0]], axis=1)
    of_h = np.stack([1 - s / 2, b, values["closing"][:, 1]], axis=1)
    np.testing.assert_allclose(g @ powers, of_g, rtol=1e-4, atol=2e-4)
    np.testing.assert_allclose(h @ powers[:, :3], of_h, rtol=1e-4, atol=2e-4)


def test_other_labels_are_the_same_to_the_last_bit():
    x = problems([wave(16), wave(9), shock(2.0, 16)], 0.1, Boundary.OPEN, 0.05)
    for gas in (MonatomicGas(), MonatomicGas("es_bgk", "viscosity", 0.81)):
        one, other = label(x, gas).values, label(x, gas, distributions=False).values
        assert set(one.values) - set(other.values) == {"distribution"}
        for name in other.values:
            np.testing.assert_array_equal(one.values[name].values, other.values[name].values)


def test_a_domain_that_wants_distributions_refuses_labels_without():
    x = problems([shock(2.0, 20)], 0.1, Boundary.FIXED, 0.1)
    without = ShockWave(MonatomicGas(), h=0.8, dv=0.8).label(x, Gas(distributions=True).wanted, rng())
    assert Gas().refusals(x, without.values) == {}
    assert "labeler=bgk" in Gas(distributions=True).refusals(x, without.values)[0].message
    known = label(x).values
    known.values["distribution"].values[3] = np.nan
    assert Gas(distributions=True).refusals(x, known)[0].kind == "nonfinite"


def test_problems_that_fail_have_no_distribution():
    bad = wave(16).copy()
    bad[3, 5] = 40.0
    labels = label(problems([wave(16), bad], 0.1, Boundary.PERIODIC, 0.05))
    assert list(labels.failures) == [1]
    assert list(labels.values.values["distribution"].counts) == [48, 0]
