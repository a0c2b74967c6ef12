"""The Lorentz gas: its exact closure, and a scheme that no closure can break."""

import numpy as np
import pytest

from eltanin.batch import Ragged
from eltanin_gas.lorentz.entropy import eddington_factor, inverse_langevin
from eltanin_gas.lorentz.flow import fields_after
from eltanin_gas.lorentz.initial_states import step, wave
from eltanin_gas.lorentz.regression import closure
from eltanin_gas.lorentz.relaxation import Relaxation, exact_closure
from eltanin_gas.lorentz.system import LorentzGas
from eltanin_gas.problems import Boundary, Problems

WANTED = frozenset({"moments", "closing"})


def rng(seed=0):
    return np.random.default_rng(seed)


def problems(rows, knudsen=1.0, duration=0.5, boundary=Boundary.PERIODIC):
    fields = Ragged.of(rows)
    n = len(rows)
    return Problems(
        fields=fields,
        knudsen=Ragged(np.full(len(fields.values), knudsen), fields.counts),
        length=np.ones(n),
        duration=np.full(n, duration),
        boundary=np.full(n, int(boundary)),
    )


def test_closing_flux_is_the_second_moment_of_the_density_of_largest_entropy():
    nodes, weights = np.polynomial.legendre.leggauss(200)
    s = np.array([1e-6, 0.01, 0.0333, 0.1, 0.4, 0.7, 0.9, 0.97])
    f = weights * np.exp(inverse_langevin(s)[:, None] * (nodes - 1))
    f /= f.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(f @ nodes, s, rtol=0, atol=1e-13)
    np.testing.assert_allclose(eddington_factor(s), f @ nodes**2, rtol=0, atol=1e-13)


def test_limits_at_equilibrium_and_of_a_beam():
    assert eddington_factor(np.zeros(1))[0] == pytest.approx(1 / 3, abs=1e-16)
    assert eddington_factor(np.ones(1))[0] == pytest.approx(1, abs=1e-14)
    s = np.array([1e-3, -2e-3])
    np.testing.assert_allclose((eddington_factor(s) - 1 / 3) / s**2, 2 / 5, rtol=1e-5)


def test_uniform_gas_relaxes_as_an_exponential():
    gas = LorentzGas(mean_cosine=0.5)
    start = np.tile([2.0, 1.2], (4, 1))
    x = problems([start], knudsen=0.3, duration=0.7)
    after = fields_after(x, x.duration, gas, exact_closure, courant=0.9)
    np.testing.assert_allclose(after[:, 0], 2.0, rtol=1e-14)
    np.testing.assert_allclose(after[:, 1], 1.2 * np.exp(-0.7 * 0.5 / 0.3), rtol=1e-13)


@pytest.mark.parametrize("seed", range(5))
def test_any_learned_closure_keeps_the_gas_realizable_and_its_mass(seed):
    wild = rng(seed).normal(scale=20, size=6)  # coefficients that nothing was learned for

    def closing(fields):
        return closure(fields[:, 1] / fields[:, 0], wild)

    rows = [draw(cells, 0.999, rng(seed)) for draw in (wave, step) for cells in (2, 17, 50)]
    x = problems(rows, knudsen=100.0, duration=3.0)
    after = fields_after(x, x.duration, LorentzGas(), closing, courant=1.0)
    assert np.all(after[:, 0] > 0)
    assert np.all(np.abs(after[:, 1]) <= after[:, 0] * (1 + 1e-12))
    mass = [part[:, 0].sum() for part in Ragged(after, x.cells).rows()]
    np.testing.assert_allclose(mass, [row[:, 0].sum() for row in rows], rtol=1e-13)


def test_reflection_and_scaling_of_a_flow():
    x = problems([wave(24, 0.8, rng(3)), step(24, 0.8, rng(4))], knudsen=0.2)
    after = fields_after(x, x.duration, LorentzGas(), exact_closure, 0.9).reshape(2, 24, 2)
    mirrored = problems([row[::-1] * [3.0, -3.0] for row in x.fields.rows()], knudsen=0.2)
    image = fields_after(mirrored, x.duration, LorentzGas(), exact_closure, 0.9).reshape(2, 24, 2)
    np.testing.assert_allclose(image, after[:, ::-1] * [3.0, -3.0], rtol=1e-12, atol=1e-13)


def test_free_pulse_travels_at_its_own_speed_and_no_faster_than_the_particles():
    row = np.stack([np.ones(200), np.zeros(200)], axis=1)
    row[95:105, 0] += 0.01  # so weak that chi stays 1/3: waves of speed 1/sqrt(3)
    x = problems([row], knudsen=1e6, duration=0.3, boundary=Boundary.OPEN)
    after = fields_after(x, x.duration, LorentzGas(), exact_closure, 0.9)[:, 0] - 1
    centres = (np.arange(200) + 0.5) / 200
    right = centres > 0.5
    front = np.sum(centres[right] * after[right]) / np.sum(after[right])
    assert front - 0.5 == pytest.approx(0.3 / np.sqrt(3), rel=0.02)
    assert np.all(after[np.abs(centres - 0.5) > 0.025 + 0.34] == 0)


def test_label_does_not_depend_on_the_other_problems():
    rows = [wave(30, 0.9, rng(1)), step(7, 0.5, rng(2)), wave(12, 0.3, rng(3))]
    x = problems(rows)
    labeler = Relaxation(LorentzGas(), instants=3)
    together = labeler.label(x, WANTED, rng()).values
    for i in range(3):
        alone = labeler.label(x[np.array([i])], WANTED, rng()).values
        np.testing.assert_array_equal(alone.values["moments"].values, together.values["moments"][[i]].values)


def test_label_begins_with_the_given_cells_and_goes_through_all_instants():
    x = problems([wave(6, 0.9, rng(1)), wave(9, 0.9, rng(2))])
    still = Problems(x.fields, x.knudsen, x.length, np.array([0.5, 0.0]), x.boundary)
    labels = Relaxation(LorentzGas(), instants=4).label(still, WANTED, rng()).values
    assert list(labels.values["moments"].counts) == [30, 9]
    for given, visited in zip(x.fields.rows(), labels.values["moments"].rows(), strict=True):
        np.testing.assert_array_equal(visited[: len(given)], given)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (np.array([[1.0, 1.5], [1.0, 0.0]]), "current 1.5"),
        (np.array([[1.0, 0.0], [-1.0, 0.0]]), "density -1"),
        (np.array([[1.0, 0.0], [np.nan, 0.0]]), "density nan"),
        (np.ones((2, 3)), "shape"),
    ],
)
def test_fields_of_no_gas_are_refused(row, message):
    with pytest.raises(ValueError, match=message):
        Relaxation(LorentzGas()).check(problems([row]))


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: LorentzGas(mean_cosine=1.0),
        lambda: Relaxation(LorentzGas(), instants=0),
        lambda: Relaxation(LorentzGas(), courant=1.1),
    ],
)
def test_settings_without_meaning_are_refused(wrong):
    with pytest.raises(ValueError, match="give"):
        wrong()
