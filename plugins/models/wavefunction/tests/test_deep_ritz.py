"""The Deep Ritz method: the gradient of its integral, and solutions that are known."""

import numpy as np
import pytest
import torch

from eltanin.batch import Properties
from eltanin.protocols import Dataset
from eltanin_walkers import laplacian as lap
from eltanin_walkers.hamiltonian import Hamiltonian
from eltanin_walkers.harmonic.system import Particles
from eltanin_walkers.solution import Solution
from eltanin_walkers.systems.cube import Cube
from eltanin_walkers.walkers import Walkers
from eltanin_wavefunction.closed_forms import GaussianAnsatz
from eltanin_wavefunction.local_energy import moved
from eltanin_wavefunction.optimizers import StochasticReconfiguration
from eltanin_wavefunction.residual import ResidualNet
from eltanin_wavefunction.ritz import DeepRitz

SQUARE = Cube(2)


def rng(seed=0):
    return np.random.default_rng(seed)


class Sines(Hamiltonian):
    """-Δu = f with u = Π sin πx."""

    def solution(self, positions):
        return np.sin(np.pi * positions).prod(axis=(1, 2))

    def potential(self, positions):
        return positions.shape[2] * np.pi**2 * self.solution(positions)


def dataset(positions):
    x = Walkers(positions)
    labels = Sines().label(x, frozenset(), rng()).values
    n = len(x)
    return Dataset(x, labels, np.zeros(n, int), np.zeros(n, int), np.zeros(n), Properties.none(n))


def begun(ansatz, scale=0.3):
    noise = rng(1)
    return {k: v + scale * torch.as_tensor(noise.normal(size=v.shape)) for k, v in ansatz.begin(rng()).items()}


def grid(points):
    """Return Gauss-Legendre points (points², 1, 2) of the square, and their weights."""
    nodes, weights = np.polynomial.legendre.leggauss(points)
    x, w = 0.5 + 0.5 * nodes, 0.5 * weights
    return np.stack(np.meshgrid(x, x, indexing="ij"), axis=-1).reshape(-1, 1, 2), np.outer(w, w).ravel()


def functional(ansatz, parameters, x, weights):
    """Return ∫ ½|∇u|² - fu by quadrature."""
    found = lap.derivatives(lambda r: (torch.ones(()), ansatz.solution(parameters, r)), torch.as_tensor(x))
    source = torch.as_tensor(Sines().potential(x))
    return float(((0.5 * (found.gradient**2).sum((1, 2)) - source * found.log) * torch.as_tensor(weights)).sum())


def test_a_step_goes_down_the_gradient_of_the_integral():
    # with a damping above all else a step is rate / λ times the mean of residual times score: -dJ/dθ
    ansatz, damping = ResidualNet(SQUARE, width=4, blocks=1), 1e9
    x, weights = grid(24)
    optimizer = StochasticReconfiguration(rate=1.0, damping=damping, longest=1e9)
    model, parameters = DeepRitz(ansatz=ansatz, optimizer=optimizer), begun(ansatz)
    many = rng(2).choice(len(x), size=20_000, p=weights / weights.sum())  # the quadrature's points, as its weights say
    state = {"parameters": parameters, "optimizer": optimizer.begin(0)}
    after, _ = model.train(state, dataset(x[many]), rng())
    names, h = sorted(parameters), 1e-4
    step = torch.cat([(after["parameters"][k] - parameters[k]).flatten() for k in names]) * damping
    for direction in torch.as_tensor(rng(3).normal(size=(6, len(step)))):
        up, down = (functional(ansatz, moved(parameters, s * h * direction), x, weights) for s in (1, -1))
        scale = float(step.norm()) * float(direction.norm()) / len(step) ** 0.5
        assert abs(float(step @ direction) + (up - down) / (2 * h)) < 0.1 * scale  # the noise of the points


def test_poissons_equation_in_the_square():
    model = DeepRitz(ansatz=ResidualNet(SQUARE), optimizer=StochasticReconfiguration(rate=0.02, damping=1e-4, decay=30))
    state = model.init(dataset(rng().uniform(size=(4, 1, 2))), rng())
    for k in range(120):
        state, metrics = model.train(state, dataset(rng(k).uniform(size=(256, 1, 2))), rng())
    x, weights = grid(30)
    found = model.predictor(state).predict(Walkers(x)).values
    u, exact = found["sign"] * np.exp(found["log_psi"]), Sines().solution(x)
    assert np.sqrt((weights * (u - exact) ** 2).sum() / (weights * exact**2).sum()) < 0.02
    energy = functional(model.ansatz, state["parameters"], x, weights)
    least = -(np.pi**2) / 4  # -½ ∫ fu: Ritz is never below
    assert least <= energy < least + 0.02
    assert np.isfinite(metrics["residual"])


def test_a_net_between_walls_has_its_laplacian_and_is_zero_at_them():
    ansatz = ResidualNet(Cube(3), width=5)
    parameters, x = begun(ansatz), torch.as_tensor(rng().uniform(0.1, 0.9, size=(6, 1, 3)))
    for function in (ansatz.log_psi, lambda p, r: (torch.ones(()), ansatz.solution(p, r))):
        found = lap.derivatives(lambda r, f=function: f(parameters, r), x)
        expected = lap.derivatives(lambda r, f=function: f(parameters, r), x, method=lap.by_hessian)
        for one, other in zip(found, expected, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-11, atol=1e-11 * float(other.abs().max()))
    x[:, 0, 1] = 1e-12
    assert float(ansatz.solution(parameters, x).abs().max()) < 1e-9
    x[:, 0, 1] = -0.1
    assert torch.isnan(ansatz.log_psi(parameters, x)[1]).all()


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (lambda: Cube(0), r"system\.dimensions"),
        (lambda: ResidualNet(Particles()), "system=cube"),
        (lambda: ResidualNet(SQUARE, width=0), r"model\.ansatz\.width"),
        (lambda: DeepRitz(ansatz=GaussianAnsatz(Particles()), optimizer=StochasticReconfiguration()), "residual_net"),
        (lambda: Solution(SQUARE, samples=0), r"validation\.samples"),
        (lambda: Solution(SQUARE).check_model(object()), "model=deep_ritz"),
    ],
)
def test_problems_without_walls_are_refused(wrong, told):
    with pytest.raises(ValueError, match=told):
        wrong()
