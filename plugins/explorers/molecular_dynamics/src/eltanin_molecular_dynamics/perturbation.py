"""Perturbed structures: where the first labels come from, and where trajectories begin.

    r' = (r + u)(1 + e),   h' = h (1 + e),   u ~ N(0, s^2 kT / kT_0),   T_0 = 300 K

A harmonic crystal displaces its atoms by a standard deviation that grows as the square root of the
temperature. The strain e is symmetric (no rotation): a volumetric part v on the diagonal and shears
off it, each uniform between plus and minus the given amplitude.
"""

from __future__ import annotations

import numpy as np

REFERENCE_TEMPERATURE = 300.0  # K


def thermal_amplitude(displacement: float, temperature: float) -> float:
    """Return the standard deviation of a coordinate, Å, given that at 300 K."""
    return displacement * float(np.sqrt(temperature / REFERENCE_TEMPERATURE))


def displaced(positions: np.ndarray, amplitude: float, rng: np.random.Generator) -> np.ndarray:
    """Return positions (atoms, 3), Å, each coordinate moved by N(0, amplitude^2)."""
    return positions + amplitude * rng.normal(size=positions.shape)


def random_strain(amplitude: float, rng: np.random.Generator) -> np.ndarray:
    """Return a symmetric strain tensor (3, 3): v 1 plus shears e_xy, e_yz, e_xz."""
    volumetric, *shear = rng.uniform(-amplitude, amplitude, size=4)
    xy, yz, xz = shear
    return np.array([[volumetric, xy, xz], [xy, volumetric, yz], [xz, yz, volumetric]])


def strained(positions: np.ndarray, cell: np.ndarray, strain: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return positions (atoms, 3) and cell (3, 3; rows are vectors), Å, both deformed by 1 + e."""
    deformation = np.eye(3) + strain
    return positions @ deformation, cell @ deformation
