"""The learned tail: what holds whatever has been learned, and that something is learned."""

import math

import numpy as np
import pytest
import torch

from eltanin.batch import Properties, Ragged
from eltanin.protocols import Dataset
from eltanin_gas.collisions import MonatomicGas
from eltanin_gas.domain import Gas
from eltanin_gas.flows.hermite import gaussian_moments, hermite_moments
from eltanin_gas.flows.many_moments import closing_changes, conserved, hermite_tail, scales, standardised
from eltanin_gas.flows.problems import system_of
from eltanin_gas.flows.system import thermodynamic
from eltanin_gas.monatomic import equilibrium_moments
from eltanin_gas.perceptron import layers_of
from eltanin_gas.problems import Problems
from eltanin_hyperbolic.faces import between, chains_of, faces_of
from eltanin_hyperbolic.model import HyperbolicClosure, LearnedTail
from eltanin_hyperbolic.tail import first_layers
from eltanin_hyperbolic.training import residuals
from eltanin_kinetic.labeler import Bgk

GAS = Gas(distributions=True)


def tail(order=6, seed=0, scale=10.0):
    flat = first_layers(16, order, torch.Generator().manual_seed(seed))
    return LearnedTail(layers_of([scale * x for x in flat]), order)


def mixtures(order, count=200, seed=0):
    """Return raw moments (count, 2, order + 1) of mixtures of three gases."""
    rng = np.random.default_rng(seed)
    rho, t, across = torch.as_tensor(rng.uniform(0.3, 2, size=(3, count, 3)))
    u = torch.as_tensor(rng.normal(size=(count, 3)))
    of_g = (rho[..., None] * gaussian_moments(u, t, order + 1)).sum(1)
    of_h = ((rho * across)[..., None] * gaussian_moments(u, t, order + 1)).sum(1)
    return torch.stack([of_g, of_h], 1)


def waves(count=4, cells=32, seed=0, jump=False):
    """Return problems of random waves, or of two gases, from Kn = 0.05 to 5."""
    rng = np.random.default_rng(seed)
    x = (np.arange(cells) + 0.5) / cells
    rows = []
    for _ in range(count):
        a, b, c = rng.uniform(0.2, 0.5, size=3)
        phase = 2 * np.pi * (x + rng.uniform())
        shape = np.sign(np.sin(phase)) if jump else np.sin(phase)
        rows.append(equilibrium_moments(1 + a * shape, b * np.cos(phase), 1 + c * np.roll(shape, 3)))
    knudsen = [np.full(cells, kn) for kn in np.exp(rng.uniform(np.log(0.05), np.log(5), size=count))]
    one = np.ones(count)
    return Problems(Ragged.of(rows), Ragged.of(knudsen), one, 0.1 * one, np.zeros(count, dtype=int))


def labelled(x):
    labels = Bgk(MonatomicGas(), instants=2).label(x, GAS.wanted, np.random.default_rng(0))
    assert not labels.failures
    n = len(x)
    return Dataset(x, labels.values, np.zeros(n, int), np.zeros(n, int), np.full(n, np.nan), Properties.none(n))


@pytest.fixture(scope="module")
def data():
    return labelled(waves())


def test_equilibrium_has_the_speeds_of_gauss_and_hermite():
    rest = torch.zeros(1, 2, 7, dtype=torch.float64)
    rest[..., 0] = 1
    for seed in range(5):
        alpha, beta = tail(seed=seed)(rest)
        torch.testing.assert_close(alpha, torch.zeros_like(alpha), rtol=0, atol=1e-15)
        torch.testing.assert_close(beta, torch.full_like(beta, 6.0), rtol=1e-15, atol=0)


def test_speeds_are_real_and_apart_whatever_was_learned():
    system = tail(scale=100.0).jointly([tail(scale=100.0)])
    apart = system.jacobi_speeds(mixtures(6).flatten(-2)).diff(dim=-1)
    assert float(apart.min()) > 1e-3


def test_a_mirrored_gas_has_mirrored_speeds():
    sign = torch.tensor([(-1.0) ** j for j in range(7)], dtype=torch.float64)
    states = standardised(mixtures(6))
    (alpha, beta), (other, same) = tail()(states), tail()(states * sign)
    assert float(alpha.abs().max()) > 0.1
    torch.testing.assert_close(other, -alpha, rtol=0, atol=1e-14)
    torch.testing.assert_close(same, beta, rtol=0, atol=1e-14)


@pytest.mark.parametrize("change", ["boost", "density", "temperature"])
def test_frames_and_scales_change_nothing(change):
    order, by = 6, 1.7
    raw = mixtures(order)
    j = torch.arange(order + 1, dtype=torch.float64)
    if change == "density":
        moved = by * raw
    elif change == "temperature":
        moved = raw * by ** (j / 2) * torch.tensor([1.0, by], dtype=torch.float64)[:, None]
    else:
        shift = torch.zeros(order + 1, order + 1, dtype=torch.float64)
        for n in range(order + 1):
            for k in range(n + 1):
                shift[n, k] = math.comb(n, k) * by ** (n - k)
        moved = raw @ shift.T
    before, after = tail()(standardised(raw)), tail()(standardised(moved))
    for one, other in zip(before, after, strict=True):
        torch.testing.assert_close(other, one, rtol=0, atol=1e-9)


def test_what_is_trained_is_the_error_of_the_driver():
    """The residual is the labelled change of the closing moments less the scheme's, in the same units."""
    order, closure = 6, tail()
    raw = mixtures(order + 1)
    one, other = raw[:-1], raw[1:]
    middle = ((one + other) / 2)[..., :-1]
    states = standardised(middle)
    rho, u, t = thermodynamic(conserved(middle))
    jump = other - one
    of_scheme = closing_changes(jump[..., :-1], u, t, closure(states))
    unit = scales(rho, t, order + 2)
    known = (jump[..., -1] - of_scheme) / unit[..., -1]
    found = residuals(closure(states), hermite_moments(jump, u[:, None], t[:, None]) / unit)
    torch.testing.assert_close(found, known, rtol=1e-9, atol=1e-9)


def test_moments_of_labelled_distributions_are_those_labelled(data):
    values = data.labels.values
    raw = chains_of(torch.as_tensor(values["moments"].values), torch.as_tensor(values["distribution"].values), 5)
    six = torch.cat([raw[:, 0, :4], raw[:, 1, :2]], dim=-1)
    known = torch.as_tensor(values["moments"].values)  # of the labeler's own velocities, between which it interpolates
    torch.testing.assert_close(six, known, rtol=0, atol=5e-4)


def test_faces_are_between_neighbours_of_one_instant(data):
    faces = faces_of(data.configurations, data.labels, 6)
    assert len(faces.owner) == 4 * 2 * 32  # a ring has as many faces as cells; the first instant is left out
    raw = mixtures(7, 10)[None]
    assert len(between(raw, False, 3).owner) == 9
    ring = between(raw, True, 3)
    assert (ring.owner == 3).all()
    whole = ring.jump[..., :-1].square().sum((-1, -2))  # over the root of the face's change times the flow's:
    assert float(whole.square().mean()) == pytest.approx(1, abs=0.01)  # (s²/f)², s the face's and f the flow's size


@pytest.mark.parametrize("jump", [False, True])
def test_it_learns_what_hermite_does_not_know(data, jump):
    model, rng = HyperbolicClosure(GAS, order=6, width=16, steps=80, faces=200), np.random.default_rng(1)
    known = labelled(waves(seed=5, jump=True)) if jump else data
    state, metrics = model.train(model.init(known, rng), known, rng)
    assert metrics["over_hermite"] < 0.7
    assert metrics["loss"][-1] < 0.6 * metrics["loss"][0]
    unseen = labelled(waves(seed=9, jump=jump))
    faces = faces_of(unseen.configurations, unseen.labels, 6)
    found, of_hermite = (
        residuals(one(faces.standardised), faces.jump).square().mean() for one in (model.predictor(state), hermite_tail)
    )
    assert found < 0.7 * of_hermite


def test_without_steps_it_is_hermite_and_needs_no_distributions(data):
    model, rng = HyperbolicClosure(Gas(), steps=0), np.random.default_rng(1)
    state, metrics = model.train(model.init(data, rng), data, rng)
    assert metrics == {}
    alpha, beta = model.predictor(state)(standardised(mixtures(model.order)))
    assert (alpha == 0).all()
    assert (beta == model.order).all()


def test_a_committee_closes_by_its_mean_and_speaks_of_speeds():
    members = [tail(seed=seed) for seed in range(3)]
    system, states = system_of(members), standardised(mixtures(6))
    found = system.tail(states)
    for k in range(2):
        torch.testing.assert_close(found[k], torch.stack([one(states)[k] for one in members]).mean(0))
    x = waves(2)
    told = [one.predict(x) for one in members]
    assert told[0].values["speeds"].values.shape == (64, 14)
    assert np.isfinite(GAS.deviation(told)).all()
    np.testing.assert_allclose(GAS.deviation(told), 0, atol=1e-12)  # it begins with Maxwellians
    met = Ragged(mixtures(6, 64).flatten(-2).numpy(), x.fields.counts)
    afar = [
        one.predict(Problems(x.fields, x.knudsen, x.length, x.duration, x.boundary, {"met": met})) for one in members
    ]
    assert (GAS.deviation(afar) > 0.01).all()
    assert np.isnan(GAS.error(afar[0], Properties.none(2))).all()


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"order": 3}, "model.order=3"),
        ({"order": 13}, "give 4 to 12"),
        ({"width": 0}, "model.width=0"),
        ({"steps": -1}, "model.steps=-1"),
        ({"faces": 2}, "model.faces=2"),
    ],
)
def test_settings_that_teach_nothing_are_refused(settings, told):
    with pytest.raises(ValueError, match=told):
        HyperbolicClosure(GAS, **settings)


def test_it_asks_for_distributions():
    with pytest.raises(ValueError, match=r"domain\.distributions=true"):
        HyperbolicClosure(Gas())


def test_labels_of_beginnings_alone_are_refused():
    x = waves(2)
    still = Problems(x.fields, x.knudsen, x.length, 0 * x.duration, x.boundary)
    moments = Ragged(x.fields.values, x.fields.counts)
    labels = Properties.of(moments=moments, distribution=Ragged(np.zeros((64, 2, 96)), x.fields.counts))
    with pytest.raises(ValueError, match="later instant"):
        faces_of(still, labels, 6)
