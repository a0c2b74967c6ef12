"""The bias: what the species alone explain of a property that is a sum over atoms.

Y ≈ Σ_t n_t y_t,    least squares; the smallest y where compositions do not tell them apart
"""

from __future__ import annotations

import numpy as np
from ase.data import atomic_numbers, chemical_symbols
from jaxtyping import Float

from eltanin_atoms.structures import Structures


def species_bias(
    composition: Float[np.ndarray, "n species"], values: Float[np.ndarray, " n"]
) -> Float[np.ndarray, " species"]:
    """Return the part of each species, from atoms of each species and values in any unit."""
    if not len(values):
        return np.zeros(composition.shape[1])
    return np.linalg.lstsq(composition, values, rcond=None)[0]


def composition(x: Structures, elements: list[str]) -> np.ndarray:
    """Return how many atoms of each element a structure has, (n, species)."""
    table = np.zeros((len(x), len(elements)))
    for k, element in enumerate(elements):
        mine = x.numbers.values == atomic_numbers[element]
        table[:, k] = np.bincount(x.numbers.owner, mine, len(x))
    return table


def elements_of(x: Structures, given: list[str]) -> list[str]:
    """Return the chemical symbols that are given, or those of the structures where none are."""
    return list(given) or [chemical_symbols[z] for z in np.unique(x.numbers.values)]
