"""A Gaussian wave function in closed form, in atomic units (hbar = 1).

psi = exp(-alpha r^2 / 2), r^2 = sum of all squared coordinates of a walker, D of them.
"""

from __future__ import annotations

import numpy as np


def square_radius(positions: np.ndarray) -> np.ndarray:
    """Return r^2 (n,) bohr^2 of walkers (n, particles, dimensions)."""
    return np.einsum("npd,npd->n", positions, positions)


def log_psi(r2: np.ndarray, alpha: float) -> np.ndarray:
    """Return log psi (n,); alpha in bohr^-2."""
    return -0.5 * alpha * r2


def local_energy(r2: np.ndarray, potential: np.ndarray, alpha: float, coordinates: int, mass: float) -> np.ndarray:
    """Return E_L = -(lap psi) / (2 m psi) + V (n,) hartree.

    (lap psi) / psi = lap log psi + |grad log psi|^2 = -alpha D + alpha^2 r^2.
    """
    return (alpha * coordinates - alpha**2 * r2) / (2 * mass) + potential


def natural_gradient(energy: np.ndarray, score: np.ndarray, damping: float) -> float:
    """Return Cov(E_L, O) / (Var O + damping) of one parameter, O = d log psi / d theta (n,).

    It is the direction of imaginary time in the space of wave functions (Sorella 1998), hartree.
    """
    centred = score - score.mean()
    return float(np.mean(centred * (energy - energy.mean())) / (np.mean(centred**2) + damping))
