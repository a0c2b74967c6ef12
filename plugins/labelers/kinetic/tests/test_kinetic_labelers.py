"""The components `bgk` and `shock`."""

from dataclasses import replace

import numpy as np
import pytest

from eltanin.batch import Ragged
from eltanin.store.method import differences, method_of
from eltanin_gas.collisions import MonatomicGas
from eltanin_gas.domain import Gas
from eltanin_gas.lift import closing_of_lift
from eltanin_gas.monatomic import State, equilibrium_moments, moments_of, rankine_hugoniot, state_of
from eltanin_gas.problems import Boundary, Problems
from eltanin_kinetic import Bgk, ShockWave

WANTED = Gas().wanted


def rng():
    return np.random.default_rng(0)


def problems(rows, boundary=Boundary.PERIODIC, knudsen=0.1, duration=0.05, length=1.0):
    fields, n = Ragged.of(rows), len(rows)
    return Problems(
        fields,
        Ragged(np.full(len(fields.values), knudsen), fields.counts),
        np.full(n, length),
        np.full(n, duration),
        np.full(n, int(boundary)),
    )


def wave(cells, phase=0.0, stress=0.0):
    x = 2 * np.pi * (np.arange(cells) + 0.5) / cells + phase
    none = 0 * x
    return moments_of(State(1 + 0.3 * np.sin(x), 0.2 * np.cos(x), 1 + 0.1 * np.sin(x), none + stress, none, none))


def step(mach, cells, scale=(1.0, 1.0), mirrored=False):
    """Return the moments of a standing shock as a jump, of upstream density and temperature ``scale``."""
    sides = np.array(rankine_hugoniot(mach))[(np.arange(cells) >= cells // 2).astype(int)]
    rho, u, temperature = (sides * [scale[0], scale[1] ** 0.5, scale[1]]).T
    if mirrored:
        rho, u, temperature = rho[::-1], -u[::-1], temperature[::-1]
    return equilibrium_moments(rho, u, temperature)


def test_label_begins_with_the_given_cells_and_goes_through_all_instants():
    x = problems([wave(12), wave(9, stress=0.1)])
    x = replace(x, duration=np.array([0.05, 0.0]))
    labels = Bgk(MonatomicGas(), instants=3).label(x, WANTED, rng())
    assert labels.failures == {}
    moments, closing = labels.values.values["moments"], labels.values.values["closing"]
    assert list(moments.counts) == list(closing.counts) == [48, 36]
    np.testing.assert_array_equal(moments[[0]].values[:12], wave(12))
    np.testing.assert_allclose(closing[[0]].values[:12], np.tile([3.0, 1.0], (12, 1)), rtol=1e-9)
    np.testing.assert_allclose(closing[[1]].values[:9], closing_of_lift(wave(9, stress=0.1)), rtol=1e-9)
    np.testing.assert_allclose(moments[[1]].values[27:], moments[[1]].values[:9], rtol=1e-9)  # no time passes
    assert Gas().refusals(x, labels.values) == {}


@pytest.mark.parametrize(("labeler", "looks"), [(Bgk(MonatomicGas(), instants=3), 3), (ShockWave(MonatomicGas()), 1)])
def test_runs_that_were_looked_at_elsewhere_than_labels_are_refused(labeler, looks):
    x = problems([step(2.0, 20)], Boundary.FIXED)
    labeler.check(replace(x, evidence={"instants": np.full(len(x), looks)}))
    with pytest.raises(ValueError, match=f"explorer.instants=4.*give explorer.instants={looks}"):
        labeler.check(replace(x, evidence={"instants": np.full(len(x), 4)}))


def test_domain_believes_the_labeler():
    x = problems([wave(12, stress=0.05), wave(12, 1.0)])
    assert Gas().trial(x, lambda some: Bgk(MonatomicGas("es_bgk")).label(some, WANTED, rng()), rng()) == ""


def test_label_does_not_depend_on_the_other_problems():
    rows = [wave(16), wave(9), wave(16, 0.3), 2 * wave(16, 1.0), wave(16, stress=0.2)]
    x = replace(problems(rows), duration=np.array([0.05, 0.05, 0.02, 0.1, 0.0]))
    labeler = Bgk(MonatomicGas("shakhov", "viscosity", 0.81), instants=2)
    together = labeler.label(x, WANTED, rng()).values
    for i in range(len(rows)):
        alone = labeler.label(x[np.array([i])], WANTED, rng()).values
        for name in ("moments", "closing"):
            np.testing.assert_array_equal(alone.values[name].values, together.values[name][[i]].values)


def test_impossible_problems_fail_alone():
    bad = wave(16).copy()
    bad[3, 5] = 40.0  # a heat flux that no positive gas of this density has
    frozen = wave(16).copy()
    frozen[2:] = equilibrium_moments(np.ones(14), np.zeros(14), np.full(14, 1e-6))
    x = problems([wave(16), bad, frozen])
    labels = Bgk(MonatomicGas()).label(x, WANTED, rng())
    assert {i: f.kind for i, f in labels.failures.items()} == {1: "unphysical", 2: "unphysical"}
    with pytest.raises(ValueError, match="problem 1: cell 3"):
        Bgk(MonatomicGas()).check(x)
    alone = Bgk(MonatomicGas()).label(x[np.array([0])], WANTED, rng()).values
    np.testing.assert_array_equal(labels.values.values["moments"][[0]].values, alone.values["moments"].values)


def test_shock_labels_agree_with_the_flow_in_time_between_fixed_ends():
    x = problems([step(2.0, 40)], Boundary.FIXED, knudsen=1.0, duration=20.0, length=24.0)
    steady = ShockWave(MonatomicGas(), h=0.8, dv=0.8).label(x, WANTED, rng())
    flow = Bgk(MonatomicGas(), instants=1).label(x, WANTED, rng())
    assert steady.failures == flow.failures == {}
    np.testing.assert_array_equal(steady.values.values["moments"].values[:40], x.fields.values)
    assert Gas().refusals(x, steady.values) == {}
    one, other = (label.values.values["moments"].values[40:] for label in (steady, flow))
    np.testing.assert_allclose(other[:, 1], one[0, 1], rtol=0.02)  # settled: the same flux everywhere
    at = np.linspace(1.1, 2.1, 11)
    first, second = (np.interp(at, moments[:, 0], np.arange(40) * 0.6) for moments in (one, other))
    np.testing.assert_allclose(first - first.mean(), second - second.mean(), atol=0.25)  # it moved while it formed


def test_scaled_and_mirrored_shocks_are_the_same():
    labeler = ShockWave(MonatomicGas("bgk", "viscosity", 0.81), h=0.8, dv=0.8)
    one = problems([step(2.0, 20)], Boundary.FIXED, 1.0, 1.0, 20.0)
    other = problems([step(2.0, 20, (3.0, 4.0), mirrored=True)], Boundary.FIXED, 3 * 4**-0.31, 1.0, 20.0)
    first, second = (labeler.label(x, WANTED, rng()).values.values for x in (one, other))
    state, mirror = (state_of(v["moments"].values[20:]) for v in (first, second))
    scales = (3, -2, 4, 12, -24, -24)
    for a, b, scale in zip(state, mirror, scales, strict=True):
        np.testing.assert_allclose(b[::-1], scale * a, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(second["closing"].values[20:][::-1], first["closing"].values[20:], rtol=1e-6)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (problems([step(2.0, 10)]), "Boundary.FIXED"),
        (problems([wave(10)], Boundary.FIXED), "Mach"),
        (problems([step(2.0, 10) * [[1.0, 1.1, 1.21, 1.331, 1.0, 1.1]]], Boundary.FIXED), "standing shock of Mach"),
    ],
)
def test_problems_without_a_standing_shock_are_refused(x, message):
    labeler = ShockWave(MonatomicGas())
    assert message in labeler.label(x, WANTED, rng()).failures[0].message
    with pytest.raises(ValueError, match=message):
        labeler.check(x)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Bgk(MonatomicGas(), instants=0),
        lambda: Bgk(MonatomicGas(), velocities=4),
        lambda: Bgk(MonatomicGas(), reach=3.0),
        lambda: Bgk(MonatomicGas(), scheme="upwind"),
        lambda: Bgk(MonatomicGas(), courant=1.5),
        lambda: ShockWave(MonatomicGas(), h=2.0),
        lambda: MonatomicGas("maxwell"),
        lambda: Bgk(MonatomicGas("boltzmann", "viscosity")),
        lambda: MonatomicGas(law="power"),
        lambda: MonatomicGas(prandtl=0.4),
        lambda: MonatomicGas(exponent=-1.0),
    ],
)
def test_settings_without_meaning_are_refused(wrong):
    with pytest.raises(ValueError, match="give"):
        wrong()


def test_shock_solves_bgk_alone():
    with pytest.raises(ValueError, match="labeler=bgk"):
        ShockWave(MonatomicGas("shakhov"))


def test_what_bears_on_a_label_is_its_method_and_the_device_is_not():
    one = method_of(Bgk(MonatomicGas()))
    assert differences(one, method_of(Bgk(MonatomicGas("shakhov"))))
    assert differences(one, method_of(Bgk(MonatomicGas(), courant=0.5)))
    assert "device" not in one["settings"]
