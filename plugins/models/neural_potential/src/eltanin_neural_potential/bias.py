"""The energy bias: what the species alone explain of the energies.

E ≈ Σ_t n_t e_t,    least squares; the smallest e where compositions do not tell them apart
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float


def energy_bias(
    composition: Float[np.ndarray, "n species"], energy: Float[np.ndarray, " n"]
) -> Float[np.ndarray, " species"]:
    """Return the energy of each species in eV, from atoms of each species and energies in eV."""
    if not len(energy):
        return np.zeros(composition.shape[1])
    return np.linalg.lstsq(composition, energy, rcond=None)[0]
