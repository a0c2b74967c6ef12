"""Wave functions of bosons in a periodic box: derivatives, symmetry, smoothness, and quick walks."""

import numpy as np
import pytest
import torch

from eltanin_walkers import laplacian as lap
from eltanin_walkers.harmonic.system import Particles
from eltanin_walkers.systems.periodic_box import PeriodicBox
from eltanin_wavefunction import Psi
from eltanin_wavefunction.deep_set import DeepSet, features, fitted
from eltanin_wavefunction.mcmillan import McMillan, pseudopotential

BOX = PeriodicBox(32)
FORMS = {"mcmillan": McMillan, "deep_set": lambda box: DeepSet(box, width=5)}


def rng(seed=0):
    return np.random.default_rng(seed)


def begun(name, scale):
    """Return a form, and parameters far from where they begin."""
    ansatz, noise = FORMS[name](BOX), rng(1)
    return ansatz, {k: v + scale * torch.as_tensor(noise.normal(size=v.shape)) for k, v in ansatz.begin(rng()).items()}


def shaken(walkers):
    return BOX.start(walkers, rng(2)) + rng(3).normal(scale=0.3, size=(walkers, BOX.number, 3))


@pytest.mark.parametrize("name", FORMS)
def test_laplacian_of_bosons_agrees_with_the_hessian(name):
    ansatz, parameters = begun(name, 0.1)
    x = torch.as_tensor(shaken(2))
    found = lap.derivatives(lambda r: ansatz.log_psi(parameters, r), x, chunk=1)
    expected = lap.derivatives(lambda r: ansatz.log_psi(parameters, r), x, method=lap.by_hessian)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-11, atol=1e-11 * float(other.abs().max()))
    assert float(found.laplacian.abs().min()) > 0.01


@pytest.mark.parametrize("name", FORMS)
def test_bosons_are_alike_and_space_has_no_origin(name):
    ansatz, parameters = begun(name, 0.1)
    x = torch.as_tensor(shaken(6))
    _, log = ansatz.log_psi(parameters, x)
    assert float(log.std()) > 0.01
    order = torch.as_tensor(rng(3).permutation(32))
    images = x + BOX.edge * torch.as_tensor(rng(4).integers(-2, 3, size=x.shape)).double()
    for same in (x[:, order], x + torch.as_tensor(rng(5).normal(size=3)), images, -x):
        torch.testing.assert_close(ansatz.log_psi(parameters, same)[1], log, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", FORMS)
def test_a_quick_walk_finds_what_log_psi_says(name):
    ansatz, parameters = begun(name, 0.1)
    psi = Psi(ansatz, parameters, BOX.mass, 8)
    x = torch.as_tensor(shaken(6))
    course = psi.ansatz.course(parameters, x)
    for particle in (3, 0, 31, 3):
        before = ansatz.log_psi(parameters, torch.as_tensor(course.positions.copy()))[1]
        there = course.positions[:, particle] + rng(particle).normal(scale=0.4, size=(6, 3))
        change, moves = course.change(particle, there), rng(7).uniform(size=6) < 0.5
        moved = course.positions.copy()
        moved[:, particle] = there
        expected = ansatz.log_psi(parameters, torch.as_tensor(moved))[1] - before
        np.testing.assert_allclose(change, expected.numpy(), rtol=1e-9, atol=1e-9)
        stayed = course.positions.copy()
        course.accept(moves)
        np.testing.assert_array_equal(course.positions, np.where(moves[:, None, None], moved, stayed))


def test_pseudopotential_is_mcmillans_and_ends_smoothly():
    edge, b = 17.0, 2.99
    r = torch.tensor([2.4, 3.0], dtype=torch.float64)
    bare = 0.5 * (b / r) ** 5
    images = 0.5 * (b / (edge - r)) ** 5 - (2 * b / edge) ** 5
    torch.testing.assert_close(pseudopotential(r, b, edge), bare + images, rtol=1e-13, atol=0)
    ends = torch.tensor([edge / 2 - 1e-4, edge / 2, edge / 2 + 1e-4], dtype=torch.float64)
    values = pseudopotential(ends, b, edge)
    assert float(values.abs().max()) < 1e-9  # of second order in the distance from the end
    assert float(values[0]) > 0


def test_mcmillan_begins_where_it_is_told():
    # one pair: exp(-u) of two atoms 3 Å apart, all others nowhere near
    box = PeriodicBox(32, density=1e-9)
    x = box.start(1, rng())
    x[0, 1] = x[0, 0] + [3.0, 0, 0]
    log = McMillan(box, length=2.5).log_psi(McMillan(box, length=2.5).begin(rng()), torch.as_tensor(x))[1]
    assert float(log[0]) == pytest.approx(-0.5 * (2.5 / 3) ** 5, rel=1e-6)


def test_a_deep_set_begins_as_mcmillans_and_learns_what_pairs_cannot_say():
    ansatz, x = DeepSet(BOX, length=2.8), torch.as_tensor(shaken(5))
    plain = McMillan(BOX, length=2.8)
    expected = plain.log_psi(plain.begin(rng()), x)[1]
    torch.testing.assert_close(ansatz.log_psi(ansatz.begin(rng()), x)[1], expected, rtol=1e-13, atol=0)

    # of a sum over pairs, taking away a first and a second atom is worth what it is worth to take away both
    parameters = begun("deep_set", 0.3)[1]

    def without(*gone):
        h = features(parameters, torch.tensor([[3.0, 3.4, 4.1]], dtype=torch.float64), BOX.edge)
        kept = [k for k in range(3) if k not in gone]
        return float(fitted(parameters, h[:, kept].sum(1))[0])

    assert abs(without() - without(0) - without(1) + without(0, 1)) > 1e-3
    parameters["last"] *= 0
    assert abs(without() - without(0) - without(1) + without(0, 1)) < 1e-12


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: McMillan(Particles()),
        lambda: McMillan(BOX, length=0.0),
        lambda: DeepSet(Particles()),
        lambda: DeepSet(BOX, width=0),
    ],
)
def test_forms_that_fit_no_liquid_are_refused(wrong):
    with pytest.raises(ValueError, match=r"model[./]ansatz"):
        wrong()
