"""Guards: is this still condensed matter? Each returns what is wrong, or an empty string.

What is asked of a configuration is asked before the model sees it, since a neighbour list over
atoms at infinity need not end; what is asked of forces and velocities, after. A comparison with NaN
is false, so every test is written such that NaN fails it.
"""

from __future__ import annotations

import numpy as np
from ase.data import covalent_radii
from vesin import NeighborList

BOLTZMANN = 8.31446261815324e-7  # amu Å^2 / fs^2 / K


def kinetic_temperature(masses: np.ndarray, velocities: np.ndarray) -> float:
    """Return T = sum_i m_i v_i^2 / (3 N k), K; masses (atoms,) amu, velocities (atoms, 3) Å/fs."""
    return float(masses @ np.sum(velocities**2, axis=1) / (3 * len(masses) * BOLTZMANN))


def closest_approach(
    positions: np.ndarray, numbers: np.ndarray, cell: np.ndarray, pbc: np.ndarray, within: float
) -> float:
    """Return min_ij d_ij / (R_i + R_j), R the covalent radii; exact if it is below `within`.

    positions: (atoms, 3) Å.  numbers: (atoms,).  cell: (3, 3) Å.  pbc: (3,).
    """
    radii = covalent_radii[numbers]
    cutoff = max(within * 2 * radii.max(), spacing(positions, cell, pbc))
    pairs = NeighborList(cutoff=cutoff, full_list=False)
    i, j, d = pairs.compute(points=positions, box=cell, periodic=pbc, quantities="ijd")
    sums = radii[i.astype(np.int64)] + radii[j.astype(np.int64)]
    return float(np.min(d / sums, initial=np.inf))


def spacing(positions: np.ndarray, cell: np.ndarray, pbc: np.ndarray) -> float:
    """Return the edge of a cube per atom, Å: searching for less would be through empty bins."""
    box = np.ptp(positions, axis=0) + 1.0
    volume = abs(np.linalg.det(cell)) if pbc.all() else np.prod(box)
    return float(np.cbrt(volume / len(positions)))


def configuration_fault(
    positions: np.ndarray,
    numbers: np.ndarray,
    cell: np.ndarray,
    pbc: np.ndarray,
    volumes: tuple[float, float],
    distance: float,
) -> str:
    """Name what is wrong with where the atoms are: nonfinite, volume or distance.

    volumes: smallest and largest, Å^3, of a cell that is periodic in all directions.
    distance: the smallest allowed, in units of the sum of covalent radii.
    """
    if not (np.isfinite(positions).all() and np.isfinite(cell).all()):
        return "nonfinite"
    if pbc.all() and not volumes[0] <= abs(np.linalg.det(cell)) <= volumes[1]:
        return "volume"
    close = closest_approach(positions, numbers, cell, pbc, distance)
    return "" if close >= distance else "distance"


def prediction_fault(energy: float, forces: np.ndarray, stress: np.ndarray, largest: float) -> str:
    """Name what is wrong with a prediction: nonfinite or force (eV/Å, of one atom)."""
    if not (np.isfinite(energy) and np.isfinite(forces).all() and np.isfinite(stress).all()):
        return "nonfinite"
    return "" if np.sum(forces**2, axis=1).max() <= largest**2 else "force"


def cell_fault(rate: float, timestep: float, smallest: float, largest: float) -> str:
    """Name what is wrong with a cell whose volume grows at a rate d ln V / dt: nonfinite or volume.

    smallest, largest: what one step may at most change the volume by, as factors.
    """
    change = rate * timestep
    if not np.isfinite(change):
        return "nonfinite"
    return "" if np.log(smallest) <= change <= np.log(largest) else "volume"


def velocity_fault(masses: np.ndarray, velocities: np.ndarray, hottest: float) -> str:
    """Name what is wrong with velocities (atoms, 3), Å/fs: nonfinite or temperature (K)."""
    temperature = kinetic_temperature(masses, velocities)
    if not np.isfinite(temperature):
        return "nonfinite"
    return "" if temperature <= hottest else "temperature"
