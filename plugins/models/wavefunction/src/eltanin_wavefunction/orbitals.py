"""Where orbitals begin: hydrogenic, at the nuclei that the electrons begin at, screened after Slater."""

from __future__ import annotations

import numpy as np
import torch

from eltanin.protocols import Rng
from eltanin_walkers.systems.molecule import Molecule
from eltanin_wavefunction.ansatz import Parameters

CAPACITY = (1, 4, 4, 9)  # orbitals of a spin in the shells of an atom
SCREENING = (0.30, 0.35, 0.35, 0.35)  # by an electron of the same shell (Slater, Phys. Rev. 36, 57 (1930))
FACTOR = 0.1  # of the part of an orbital that depends on the net, at the beginning


def shells(electrons: int) -> list[int]:
    """Return the shell, from 0 on, of so many electrons of one spin on an atom."""
    return [shell for shell, capacity in enumerate(CAPACITY) for _ in range(capacity)][:electrons]


def exponent(charge: float, shell: int) -> float:
    """Return Z_eff / n, 1/bohr, of a shell of a neutral atom; the shell below screens by 0.85, deeper ones by 1."""
    both = 2 * np.array(CAPACITY)
    filled = np.clip(charge - np.concatenate([[0], np.cumsum(both)[:-1]]), 0, both)
    own = max(0.0, filled[shell] - 1) * SCREENING[shell]
    below = 0.85 * filled[shell - 1] + filled[: shell - 1].sum() if shell else 0.0
    return float(max(charge - own - below, 0.5)) / (shell + 1)


def begun(system: Molecule, determinants: int, width: int, rng: Rng) -> Parameters:
    """Return amplitudes and decays (k·j, atoms), weights (width, k·j) and biases (k·j,) for each spin, k determinants.

    Inner shells stay at their nucleus; an orbital of the outermost one reaches all, as in a bond.
    """
    parameters: Parameters = {}
    homes, charges = system.homes, system.geometry.charges.astype(float)
    for spin, of_spin in (("up", homes[: system.spins[0]]), ("down", homes[system.spins[0] :])):
        if not len(of_spin):
            continue
        decay, amplitude = np.ones((len(of_spin), len(charges))), np.zeros((len(of_spin), len(charges)))
        for atom, charge in enumerate(charges):
            own = np.flatnonzero(of_spin == atom)
            for orbital, shell in zip(own, shells(len(own)), strict=True):
                outermost = shell == shells(len(own))[-1]
                decay[orbital] = [exponent(z, shells(-int(-z // 2))[-1]) for z in charges]
                decay[orbital, atom] = exponent(charge, shell)
                amplitude[orbital] = float(outermost)
                amplitude[orbital, atom] = 1.0
        parameters[f"{spin}_decay"] = torch.as_tensor(np.tile(decay, (determinants, 1)))
        parameters[f"{spin}_amplitude"] = torch.as_tensor(np.tile(amplitude, (determinants, 1)))
        count = determinants * len(of_spin)
        weight = rng.normal(scale=FACTOR / np.sqrt(width), size=(width, count))
        parameters[f"{spin}_weight"] = torch.as_tensor(weight)
        parameters[f"{spin}_bias"] = torch.ones(count, dtype=torch.float64)
    return parameters
