"""Forms of wave functions: derivatives, symmetries, cusps, and energies in closed form."""

import numpy as np
import pytest
import torch

from eltanin_walkers import laplacian as lap
from eltanin_walkers.harmonic.system import Particles
from eltanin_walkers.systems.lattice import Lattice
from eltanin_walkers.systems.molecule import Molecule
from eltanin_wavefunction.boltzmann import RestrictedBoltzmann, SymmetricBoltzmann
from eltanin_wavefunction.closed_forms import GaussianAnsatz, Hydrogenic
from eltanin_wavefunction.determinants import Determinants
from eltanin_wavefunction.local_energy import kinetic, moved, scores
from eltanin_wavefunction.orbitals import exponent

HELIUM, BERYLLIUM = Molecule("He 0 0 0"), Molecule("Be 0 0 0")
HYDRIDE = Molecule("Li 0 0 0; H 0.3 0.2 3.0")
NETS = {
    "gaussian": (GaussianAnsatz(Particles(3, 2), 0.7), Particles(3, 2)),
    "hydrogenic": (Hydrogenic(HELIUM, 1.6), HELIUM),
    "helium": (Determinants(HELIUM), HELIUM),
    "hydrogen": (Determinants(Molecule("H 0 0 0")), Molecule("H 0 0 0")),
    "lithium_hydride": (Determinants(HYDRIDE, layers=3, two_electron=5), HYDRIDE),
}


def rng(seed=0):
    return np.random.default_rng(seed)


def begun(ansatz, scale=0.3):
    """Return parameters far from where they begin, so that nothing is zero or symmetric by chance."""
    noise = rng(1)
    return {k: v + scale * torch.as_tensor(noise.normal(size=v.shape)) for k, v in ansatz.begin(rng()).items()}


@pytest.mark.parametrize("name", NETS)
def test_forward_laplacian_agrees_with_the_hessian(name):
    ansatz, system = NETS[name]
    parameters, x = begun(ansatz), torch.as_tensor(system.start(6, rng(2)))

    def log_psi(r):
        return ansatz.log_psi(parameters, r)

    found = lap.derivatives(log_psi, x, chunk=4)
    expected = lap.derivatives(log_psi, x, method=lap.by_hessian)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12 * float(other.abs().max()))


@pytest.mark.parametrize("name", NETS)
def test_scores_are_differences_of_log_psi(name):
    ansatz, system = NETS[name]
    parameters, x = begun(ansatz), torch.as_tensor(system.start(5, rng(2)))
    found = scores(ansatz, parameters, x, chunk=2)
    direction = torch.as_tensor(rng(3).normal(size=found.shape[1]))
    h = 1e-5
    up, down = (ansatz.log_psi(moved(parameters, s * direction), x)[1] for s in (h, -h))
    torch.testing.assert_close(found @ direction, (up - down) / (2 * h), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("system", [BERYLLIUM, HYDRIDE, Molecule("N 0 0 0", spin=3)])
def test_exchange_of_equal_electrons_turns_the_sign(system):
    ansatz = Determinants(system)
    parameters, x = begun(ansatz), torch.as_tensor(system.start(8, rng(2)))
    sign, log = ansatz.log_psi(parameters, x)
    order = torch.arange(system.number)
    order[:2] = torch.tensor([1, 0])  # both of spin up
    turned, same = ansatz.log_psi(parameters, x[:, order])
    torch.testing.assert_close(turned, -sign, rtol=0, atol=0)
    torch.testing.assert_close(same, log, rtol=1e-9, atol=1e-9)


def slope_at(ansatz, parameters, x, moved_electron, centre):
    """Return d log psi/dr at r = 0, averaged over directions, as a finite difference on a small sphere."""
    directions = torch.tensor(np.concatenate([np.eye(3), -np.eye(3)]))
    values = []
    for radius in (1e-4, 2e-4):
        here = x.repeat(len(directions), 1, 1)
        here[:, moved_electron] = centre(here) + radius * directions
        sign, log = ansatz.log_psi(parameters, here)
        values.append((sign * torch.exp(log)).mean())
    return float((values[1] - values[0]) / 1e-4 / values[0])


@pytest.mark.parametrize("atom", ["He 0.1 0 0", "Li 0.1 0 0"])
def test_cusp_at_the_nucleus(atom):
    system = Molecule(atom)
    ansatz, x = Determinants(system), torch.as_tensor(system.start(1, rng(4)))
    nucleus = torch.as_tensor(system.geometry.positions[0])
    found = slope_at(ansatz, begun(ansatz), x, 0, lambda here: nucleus)
    assert found == pytest.approx(-system.geometry.charges[0], rel=2e-3)


def test_cusp_of_opposite_spins():
    ansatz, x = Determinants(HELIUM), torch.as_tensor(HELIUM.start(1, rng(4)))
    assert slope_at(ansatz, begun(ansatz), x, 0, lambda here: here[:, 1]) == pytest.approx(0.5, rel=2e-3)


def test_cusp_of_equal_spins():
    # psi = odd(s) (1 + r/4 + …): a difference across the node, over its first-order term, grows by 1/4
    ansatz = Determinants(BERYLLIUM)
    parameters, x = begun(ansatz), torch.as_tensor(BERYLLIUM.start(1, rng(4)))
    centre, direction = 0.5 * (x[0, 0] + x[0, 1]), torch.tensor([0.6, 0.0, 0.8], dtype=torch.float64)
    ratios = []
    for r in (1e-3, 2e-3):
        here = x.clone()
        here[0, 0], here[0, 1] = centre + 0.5 * r * direction, centre - 0.5 * r * direction
        ratios.append(float(torch.exp(ansatz.log_psi(parameters, here)[1])) / r)
    assert (ratios[1] - ratios[0]) / 1e-3 / ratios[0] == pytest.approx(0.25, rel=1e-2)


@pytest.mark.parametrize("zeta", [0.8, 1.0, 1.3])
def test_hydrogen_local_energy(zeta):
    system = Molecule("H 0 0 0")
    ansatz, x = Hydrogenic(system, zeta), torch.as_tensor(system.start(50, rng()))
    parameters, r = ansatz.begin(rng()), x.norm(dim=-1)[:, 0]
    found = kinetic(lap.derivatives(lambda p: ansatz.log_psi(parameters, p), x), 1.0) - 1 / r
    torch.testing.assert_close(found, -0.5 * zeta**2 + (zeta - 1) / r, rtol=1e-12, atol=1e-12)


def test_determinants_hold_the_hydrogen_atom():
    system = Molecule("H 0 0 0")
    ansatz, x = Determinants(system, determinants=1), torch.as_tensor(system.start(50, rng()))
    parameters = ansatz.begin(rng())
    parameters["up_weight"] *= 0  # what is left is the orbital that it begins with
    found = kinetic(lap.derivatives(lambda p: ansatz.log_psi(parameters, p), x), 1.0) - 1 / x.norm(dim=-1)[:, 0]
    torch.testing.assert_close(found, torch.full((50,), -0.5, dtype=torch.float64), rtol=1e-10, atol=1e-10)


def test_exponents_are_those_of_slater():
    # Slater, Phys. Rev. 36, 57 (1930); helium 1.7, beryllium 3.7 and 1.95 / 2, carbon 5.7 and 3.25 / 2
    assert exponent(1, 0) == 1
    assert exponent(2, 0) == pytest.approx(1.7)
    assert exponent(4, 0) == pytest.approx(3.7)
    assert exponent(4, 1) == pytest.approx(1.95 / 2)
    assert exponent(6, 1) == pytest.approx(3.25 / 2)


def test_symmetric_machine_knows_no_origin():
    lattice = Lattice((3, 4))
    ansatz, s = SymmetricBoltzmann(lattice, width=0.5), torch.as_tensor(lattice.start(20, rng()))
    parameters = begun(ansatz)
    _, log = ansatz.log_psi(parameters, s)
    for order in lattice.translations:
        torch.testing.assert_close(ansatz.log_psi(parameters, s[:, order])[1], log, rtol=1e-12, atol=1e-12)
    assert float(log.std()) > 0.1


@pytest.mark.parametrize("form", [RestrictedBoltzmann, SymmetricBoltzmann])
def test_ratios_are_those_of_psi_however_many_spins_are_turned(form):
    lattice = Lattice((3, 4))
    ansatz = form(lattice, density=2, width=0.4)
    parameters, x = begun(ansatz), torch.as_tensor(lattice.start(5, rng(2)))
    connected = torch.as_tensor(lattice.start(5 * 7, rng(3))).unflatten(0, (5, 7))
    connected[:, 0] = x  # which is turned nowhere
    here = ansatz.log_psi(parameters, x)[1]
    there = ansatz.log_psi(parameters, connected.flatten(0, 1))[1].unflatten(0, (5, 7))
    found = ansatz.ratios(parameters, x, connected)
    torch.testing.assert_close(found, torch.exp(there - here[:, None]), rtol=1e-11, atol=0)
    assert float(found.min()) < 0.1 < 10 < float(found.max())


def test_machine_is_its_formula():
    lattice = Lattice((5,))
    ansatz, s = RestrictedBoltzmann(lattice, density=2), torch.as_tensor(lattice.start(20, rng()))
    p = begun(ansatz)
    expected = s[..., 0] @ p["field"] + torch.log(2 * torch.cosh(s[..., 0] @ p["weight"] + p["bias"])).sum(1)
    torch.testing.assert_close(ansatz.log_psi(p, s)[1], expected, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Determinants(HELIUM, determinants=0),
        lambda: Determinants(Lattice((4,))),
        lambda: Hydrogenic(HELIUM, zeta=0),
        lambda: Hydrogenic(HYDRIDE),
        lambda: GaussianAnsatz(Particles(), alpha=-1),
        lambda: SymmetricBoltzmann(Lattice((4,), periodic=False)),
        lambda: RestrictedBoltzmann(Lattice((4,)), density=0),
        lambda: RestrictedBoltzmann(Lattice((4,)), width=0),
    ],
)
def test_forms_that_fit_nothing_are_refused(wrong):
    with pytest.raises(ValueError, match=r"model[./]ansatz"):
        wrong()
