"""Electrons and nuclei that are shifted and turned together are the same molecule."""

import numpy as np
import pytest
import torch

from eltanin_walkers import laplacian as lap
from eltanin_walkers.systems.molecule import Molecule
from eltanin_wavefunction.deepwf import DeepWF
from eltanin_wavefunction.determinants import Determinants
from eltanin_wavefunction.electrons import FEATURES
from eltanin_wavefunction.local_energy import kinetic
from eltanin_wavefunction.slater_jastrow import SlaterJastrow

HYDRIDE = Molecule("Li 0 0 0; H 0.3 0.2 3.0")
SHIFT = np.array([0.7, -1.3, 0.4])
READING = {"one_0_weight", "two_0_weight", "symmetric", "pair_0"}  # the layers that read features of displacements


def rng(seed=0):
    return np.random.default_rng(seed)


def turn():
    """Return a rotation (3, 3)."""
    q, _ = np.linalg.qr(rng(3).normal(size=(3, 3)))
    return q * np.sign(np.linalg.det(q))


def elsewhere(system, rotation, shift):
    """Return the molecule after a rotation and a shift."""
    places = system.geometry.positions @ rotation.T + shift
    names = (atom.split()[0] for atom in system.atoms.split(";"))
    atoms = (f"{name} {x!r} {y!r} {z!r}" for name, (x, y, z) in zip(names, places.tolist(), strict=True))
    return Molecule("; ".join(atoms))


def noisy(ansatz):
    noise = rng(1)
    parameters = ansatz.begin(rng())
    return {k: v + 0.3 * torch.as_tensor(noise.normal(size=v.shape)) for k, v in parameters.items()}


def kinetic_energy(ansatz, parameters, x):
    return kinetic(lap.derivatives(lambda r: ansatz.log_psi(parameters, r), x), 1.0)


@pytest.mark.parametrize("form", [Determinants, DeepWF])
def test_a_shifted_molecule_is_the_same(form):
    here, there = form(HYDRIDE), form(elsewhere(HYDRIDE, np.eye(3), SHIFT))
    parameters, x = noisy(here), torch.as_tensor(HYDRIDE.start(8, rng(2)))
    for one, other in zip(
        here.log_psi(parameters, x), there.log_psi(parameters, x + torch.as_tensor(SHIFT)), strict=True
    ):
        torch.testing.assert_close(other, one, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("form", [Determinants, DeepWF])
def test_a_turned_molecule_has_the_same_wave_functions(form):
    # a net reads vectors, so its first weights turn with the molecule: then ψ and its kinetic energy are what they were
    rotation = turn()
    here, there = form(HYDRIDE), form(elsewhere(HYDRIDE, rotation, SHIFT))
    parameters, x = noisy(here), torch.as_tensor(HYDRIDE.start(8, rng(2)))
    turned = {name: weights_turned(value, rotation) if name in READING else value for name, value in parameters.items()}
    moved = x @ torch.as_tensor(rotation.T) + torch.as_tensor(SHIFT)
    for one, other in zip(here.log_psi(parameters, x), there.log_psi(turned, moved), strict=True):
        torch.testing.assert_close(other, one, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(
        kinetic_energy(there, turned, moved), kinetic_energy(here, parameters, x), rtol=1e-8, atol=1e-8
    )
    assert not torch.allclose(there.log_psi(parameters, moved)[1], here.log_psi(parameters, x)[1])


def weights_turned(weight, rotation):
    """Return weights (inputs, outputs) of inputs v / √(1 + v²) and log √(1 + v²), displacement by displacement."""
    blocks = weight.reshape(-1, FEATURES, weight.shape[-1]).clone()
    blocks[:, :3] = torch.as_tensor(rotation) @ blocks[:, :3]
    return blocks.reshape(weight.shape)


def test_hartree_fock_and_its_jastrow_factor_turn_by_themselves():
    rotation = turn()
    here, there = SlaterJastrow(HYDRIDE), SlaterJastrow(elsewhere(HYDRIDE, rotation, SHIFT))
    x = torch.as_tensor(HYDRIDE.start(8, rng(2)))
    jastrow = 0.3 * torch.as_tensor(rng(4).normal(size=(4, 3)))
    moved = x @ torch.as_tensor(rotation.T) + torch.as_tensor(SHIFT)
    ends = [(ansatz, ansatz.begin(rng()) | {"jastrow": jastrow}, r) for ansatz, r in ((here, x), (there, moved))]
    (_, one), (_, other) = (ansatz.log_psi(parameters, r) for ansatz, parameters, r in ends)
    torch.testing.assert_close(other, one, rtol=1e-6, atol=1e-6)  # as near as the field converges
    assert here.orbitals.energy == pytest.approx(there.orbitals.energy, abs=1e-9)
    torch.testing.assert_close(kinetic_energy(*ends[1]), kinetic_energy(*ends[0]), rtol=1e-4, atol=1e-4)
