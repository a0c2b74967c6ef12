"""The pairwise wave function: derivatives, antisymmetry, cusps."""

import numpy as np
import pytest
import torch

from eltanin_walkers import laplacian as lap
from eltanin_walkers.systems.lattice import Lattice
from eltanin_walkers.systems.molecule import Molecule
from eltanin_wavefunction.deepwf import DeepWF
from eltanin_wavefunction.local_energy import moved as stepped
from eltanin_wavefunction.local_energy import scores

HELIUM, BERYLLIUM, NITROGEN = Molecule("He 0.1 0 0"), Molecule("Be 0.1 0 0"), Molecule("N 0 0 0", spin=3)
HYDRIDE = Molecule("Li 0 0 0; H 0.3 0.2 3.0")


def rng(seed=0):
    return np.random.default_rng(seed)


def moved(ansatz, scale=0.3):
    """Return parameters far from where they begin."""
    noise = rng(1)
    return {k: v + scale * torch.as_tensor(noise.normal(size=v.shape)) for k, v in ansatz.begin(rng()).items()}


@pytest.mark.parametrize("system", [Molecule("H 0 0 0"), HELIUM, HYDRIDE])
def test_forward_laplacian_agrees_with_the_hessian(system):
    ansatz = DeepWF(system, symmetric=5, antisymmetric=6)
    parameters, x = moved(ansatz), torch.as_tensor(system.start(5, rng(2)))

    def log_psi(r):
        return ansatz.log_psi(parameters, r)

    found = lap.derivatives(log_psi, x, chunk=3)
    for one, other in zip(found, lap.derivatives(log_psi, x, method=lap.by_hessian), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-11, atol=1e-11 * float(other.abs().max()))


def test_scores_are_differences_of_log_psi():
    ansatz = DeepWF(HYDRIDE, 5, 6)
    parameters, x = moved(ansatz), torch.as_tensor(HYDRIDE.start(5, rng(2)))
    found = scores(ansatz, parameters, x, chunk=2)
    direction, h = torch.as_tensor(rng(3).normal(size=found.shape[1])), 1e-6
    up, down = (ansatz.log_psi(stepped(parameters, s * direction), x)[1] for s in (h, -h))
    torch.testing.assert_close(found @ direction, (up - down) / (2 * h), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("system", [BERYLLIUM, HYDRIDE, NITROGEN])
def test_exchange_of_equal_electrons_turns_the_sign(system):
    ansatz = DeepWF(system)
    parameters, x = moved(ansatz), torch.as_tensor(system.start(8, rng(2)))
    sign, log = ansatz.log_psi(parameters, x)
    up = system.spins[0]
    for i, j in ((0, 1), (0, up - 1), (up, up + 1)):
        order = list(range(system.number))
        order[i], order[j] = order[j], order[i]
        turned, same = ansatz.log_psi(parameters, x[:, order])
        torch.testing.assert_close(turned, -sign, rtol=0, atol=0)
        torch.testing.assert_close(same, log, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("system", [HELIUM, BERYLLIUM])
def test_cusp_at_the_nucleus(system):
    ansatz = DeepWF(system)
    parameters, x = moved(ansatz), torch.as_tensor(system.start(1, rng(4)))
    directions = torch.tensor(np.concatenate([np.eye(3), -np.eye(3)]))
    values = []
    for radius in (1e-4, 2e-4):
        here = x.repeat(6, 1, 1)
        here[:, 0] = torch.as_tensor(system.geometry.positions[0]) + radius * directions
        sign, log = ansatz.log_psi(parameters, here)
        values.append(float((sign * torch.exp(log)).mean()))
    slope = (values[1] - values[0]) / 1e-4 / values[0]
    assert slope == pytest.approx(-system.geometry.charges[0], rel=2e-3)


@pytest.mark.parametrize(
    "wrong", [lambda: DeepWF(Lattice((4,))), lambda: DeepWF(HELIUM, symmetric=0), lambda: DeepWF(HELIUM, 4, 0)]
)
def test_settings_are_checked(wrong):
    with pytest.raises(ValueError, match=r"model[./]ansatz"):
        wrong()
