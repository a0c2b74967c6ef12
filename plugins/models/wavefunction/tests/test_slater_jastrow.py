"""Orbitals of Hartree–Fock in a wave function: basis functions beside PySCF's, derivatives, cusps, the energy."""

import importlib

import numpy as np
import pytest
import torch

from eltanin_walkers import laplacian as lap
from eltanin_walkers.systems.lattice import Lattice
from eltanin_walkers.systems.molecule import Molecule
from eltanin_wavefunction import gaussians, hartree_fock
from eltanin_wavefunction.local_energy import kinetic, scores
from eltanin_wavefunction.local_energy import moved as stepped
from eltanin_wavefunction.slater_jastrow import SlaterJastrow

HELIUM, LITHIUM, BERYLLIUM = (Molecule(f"{name} 0.1 0 0") for name in ("He", "Li", "Be"))
HYDRIDE = Molecule("Li 0 0 0; H 0.3 0.2 3.0")


def rng(seed=0):
    return np.random.default_rng(seed)


def moved(ansatz, scale=0.3):
    """Return parameters far from where they begin."""
    noise = rng(1)
    return {k: v + scale * torch.as_tensor(noise.normal(size=v.shape)) for k, v in ansatz.begin(rng()).items()}


@pytest.mark.parametrize(
    ("atoms", "basis"),
    [
        ("B 0 0 0; H 0.3 0.2 3.0", "cc-pvtz"),
        ("Be 0 0 0", "cc-pvqz"),
        ("O 0 0 0; H 0 0 1.8; H 1.8 0 0", "6-31g"),
        ("C 0 0 0; O 0 0 2.1", "aug-cc-pvdz"),
        ("He 0 0 0", "sto-3g"),
    ],
)
def test_basis_functions_and_their_derivatives_are_those_of_pyscf(atoms, basis):
    mol = hartree_fock.molecule_of(Molecule(atoms), basis)
    x = 2 * rng().normal(size=(7, 2, 3))
    found = gaussians.functions(hartree_fock.basis_of(mol), lap.own(lap.carry(torch.as_tensor(x))))
    value, dx, dy, dz, xx, _, _, yy, _, zz = mol.eval_gto("GTOval_sph_deriv2", x.reshape(-1, 3))
    np.testing.assert_allclose(found.value.reshape(value.shape), value, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(found.jacobian.reshape(3, *dx.shape), [dx, dy, dz], rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(found.laplacian.reshape(xx.shape), xx + yy + zz, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize(("system", "terms"), [(HELIUM, 0), (LITHIUM, 2), (HYDRIDE, 1), (HYDRIDE, 4)])
def test_forward_laplacian_agrees_with_the_hessian(system, terms):
    ansatz = SlaterJastrow(system, basis="cc-pvdz", terms=terms)
    parameters, x = moved(ansatz), torch.as_tensor(system.start(5, rng(2)))

    def log_psi(r):
        return ansatz.log_psi(parameters, r)

    found = lap.derivatives(log_psi, x, chunk=3)
    for one, other in zip(found, lap.derivatives(log_psi, x, method=lap.by_hessian), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-11, atol=1e-11 * float(other.abs().max()))


def test_scores_are_differences_of_log_psi():
    ansatz = SlaterJastrow(HYDRIDE, basis="6-31g")
    parameters, x = moved(ansatz), torch.as_tensor(HYDRIDE.start(5, rng(2)))
    found = scores(ansatz, parameters, x, chunk=2)
    direction, h = torch.as_tensor(rng(3).normal(size=found.shape[1])), 1e-6
    up, down = (ansatz.log_psi(stepped(parameters, s * direction), x)[1] for s in (h, -h))
    torch.testing.assert_close(found @ direction, (up - down) / (2 * h), rtol=1e-5, atol=1e-6)


def test_exchange_of_equal_electrons_turns_the_sign():
    ansatz = SlaterJastrow(BERYLLIUM, basis="6-31g")
    parameters, x = moved(ansatz), torch.as_tensor(BERYLLIUM.start(8, rng(2)))
    sign, log = ansatz.log_psi(parameters, x)
    for order in ([1, 0, 2, 3], [0, 1, 3, 2]):
        turned, same = ansatz.log_psi(parameters, x[:, order])
        torch.testing.assert_close(turned, -sign, rtol=0, atol=0)
        torch.testing.assert_close(same, log, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(("system", "slope"), [(HELIUM, 0.5), (BERYLLIUM, 0.25)])
def test_cusp_where_electrons_meet(system, slope):
    # of equal spins, psi = odd (1 + r/4 + …)
    ansatz = SlaterJastrow(system, basis="6-31g")
    parameters, x = moved(ansatz), torch.as_tensor(system.start(1, rng(4)))
    centre, direction = 0.5 * (x[0, 0] + x[0, 1]), torch.tensor([0.6, 0.0, 0.8], dtype=torch.float64)
    node = system is BERYLLIUM
    ratios = []
    for r in (1e-3, 2e-3):
        both = 0.0
        for side in (1, -1):
            here = x.clone()
            here[0, 0], here[0, 1] = centre + side * 0.5 * r * direction, centre - side * 0.5 * r * direction
            both += 0.5 * float(torch.exp(ansatz.log_psi(parameters, here)[1]))
        ratios.append(both / r if node else both)
    assert (ratios[1] - ratios[0]) / 1e-3 / ratios[0] == pytest.approx(slope, rel=1e-2)


@pytest.mark.parametrize("system", [HELIUM, LITHIUM])
def test_cusp_at_the_nucleus(system):
    ansatz = SlaterJastrow(system, basis="6-31g")
    parameters, x = moved(ansatz), torch.as_tensor(system.start(1, rng(4)))
    directions = torch.tensor(np.concatenate([np.eye(3), -np.eye(3)]))
    values = []
    for radius in (1e-5, 2e-5):
        here = x.repeat(6, 1, 1)
        here[:, 0] = torch.as_tensor(system.geometry.positions[0]) + radius * directions
        sign, log = ansatz.log_psi(parameters, here)
        values.append(float((sign * torch.exp(log)).mean()))
    slope = (values[1] - values[0]) / 1e-5 / values[0]
    assert slope == pytest.approx(-system.geometry.charges[0], rel=5e-3)


@pytest.mark.parametrize(("system", "basis"), [(Molecule("H 0 0 0; H 0 0 1.4"), "cc-pvdz"), (LITHIUM, "6-31g")])
def test_bare_determinants_have_the_kinetic_energy_of_pyscf(system, basis):
    # an integral over a grid, of what PySCF has as a matrix in closed form
    ansatz = SlaterJastrow(system, basis=basis, terms=0)
    mol = hartree_fock.molecule_of(system, basis)
    kinetic_matrix = mol.intor("int1e_kin")
    grid = importlib.import_module("pyscf.dft.gen_grid").Grids(mol)
    grid.level, grid.verbose = 4, 0
    grid.build()
    x = torch.as_tensor(grid.coords)[:, None]
    for one in ansatz.orbitals.up.T:
        alone = lap.dense(gaussians.functions(ansatz.orbitals.basis, lap.own(lap.carry(x))), one[:, None])
        found = -0.5 * float((torch.as_tensor(grid.weights) * (alone.value * alone.laplacian)[:, 0, 0]).sum())
        assert found == pytest.approx(float(one @ torch.as_tensor(kinetic_matrix) @ one), rel=1e-5)


def test_local_energy_is_finite_at_a_nucleus_with_cusps_and_is_not_without():
    x = torch.as_tensor(HELIUM.start(1, rng(3)))
    nucleus, found = torch.as_tensor(HELIUM.geometry.positions[0]), {}
    for terms in (0, 2):
        ansatz = SlaterJastrow(HELIUM, terms=terms)
        parameters = ansatz.begin(rng())
        energies = []
        for r in (1e-4, 1e-5):
            x[0, 0] = nucleus + torch.tensor([r, 0.0, 0.0], dtype=torch.float64)
            derivatives = lap.derivatives(lambda p, a=ansatz, q=parameters: a.log_psi(q, p), x)
            energies.append(float(kinetic(derivatives, 1.0)) - 2 / r)
        found[terms] = abs(energies[1] - energies[0])
    assert found[0] > 1e5
    assert found[2] < 20


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda: SlaterJastrow(Lattice((4,))), "system=molecule"),
        (lambda: SlaterJastrow(HELIUM, terms=-1), "terms=-1"),
        (lambda: SlaterJastrow(HELIUM, basis="cc-pvtq"), r"basis=cc-pvtq.*cc-pvtz"),
    ],
)
def test_settings_are_checked(wrong, says):
    with pytest.raises(ValueError, match=says):
        wrong()
