"""What a model of atoms learns: the potential energy with its derivatives, or a tensor of the whole structure.

The dipole μ = Σ q r, (3,) e·Å, points from negative to positive charge (1 debye = 0.2081943 e·Å). The static
polarizability α, (3, 3) Å³, is the volume α/4πε₀ in μ_induced = α E (1 bohr³ = 0.1481847 Å³).

Of a charged structure μ depends on the origin; a model that sees none can learn it if it is counted from a point
that moves along. In a periodic one μ is known up to e times lattice vectors (King-Smith & Vanderbilt, Phys. Rev. B 47,
1651 (1993)): labels can be learned if all of them are on one branch, as sums over Wannier centres are that stay with
their molecules (Zhang et al., Phys. Rev. B 102, 041121 (2020)). Nothing in a label says so, and hence its owner has to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from eltanin.batch import Properties, to_numpy
from eltanin.protocols import Failure
from eltanin_atoms.structures import Structures

DEBYE = 0.2081943  # e·Å
TENSORS: Mapping[str, tuple[int, ...]] = {"dipole": (3,), "polarizability": (3, 3)}


class Quantity(NamedTuple):
    """measure: what deviations and errors of it are, with the unit.  wanted: the labels that it is learned from."""

    measure: str
    wanted: frozenset[str]


QUANTITIES: Mapping[str, Quantity] = {
    "potential": Quantity("force deviation, eV/Å", frozenset({"energy", "forces", "virial"})),
    "dipole": Quantity("dipole deviation, e·Å", frozenset({"dipole"})),
    "polarizability": Quantity("polarizability deviation, Å³", frozenset({"polarizability"})),
}


def tensor_deviation(name: str, predictions: Sequence[Properties]) -> np.ndarray:
    """Return sqrt(<|T_k - <T>|²> + <|s_k|²>), (n,), of a tensor T of each structure, in its unit.

    |·| is the norm over all components, < > the mean over members, s_k the standard error that a member knows of
    itself. A single member that knows none has no deviation: NaN.
    """
    stacked = np.stack([to_numpy(p.values[name]).astype(float) for p in predictions])
    errors = [to_numpy(p.sigma[name]).astype(float) for p in predictions if name in p.sigma]
    if len(stacked) < 2 and not errors:
        return np.full(stacked.shape[1], np.nan)
    with np.errstate(invalid="ignore", over="ignore"):
        away = _squares(name, stacked - stacked.mean(axis=0)).mean(axis=0)
        return np.sqrt(away + sum(_squares(name, s) for s in errors) / len(predictions))


def tensor_error(name: str, predicted: Properties, labels: Properties) -> np.ndarray:
    """Return |T_pred - T_label|, (n,), in the tensor's unit; NaN where one of the two is not known."""
    result = np.full(len(labels), np.nan)
    known = np.flatnonzero(predicted.has(name) & labels.has(name))
    if len(known):
        guess, truth = (to_numpy(p.values[name])[known] for p in (predicted, labels))
        with np.errstate(invalid="ignore", over="ignore"):
            result[known] = np.sqrt(_squares(name, guess - truth))
    return result


def undefined(x: Structures, quantity: str, settled: bool) -> Mapping[int, Failure]:
    """Return the structures that have no such quantity, by row, and why; settled: their owner says that they do."""
    if quantity != "dipole" or settled:
        return {}
    charged, periodic = x.charge != 0, x.pbc.any(axis=1)
    return {row: _undefined(bool(charged[row])) for row in np.flatnonzero(charged | periodic).tolist()}


def _undefined(charged: bool) -> Failure:
    if charged:
        why = "a charged structure has a dipole that depends on the origin"
        how = "are counted from a point that moves along, such as the centre of nuclear charge"
    else:
        why = "a periodic structure has a dipole up to e times its lattice vectors"
        how = "are on one branch, as sums over Wannier centres are that stay with their molecules"
    told = f"{why}: leave it out, or say domain.settled_dipoles=true if all labels {how}"
    return Failure("unphysical", told)


def _squares(name: str, tensors: np.ndarray) -> np.ndarray:
    """Return |T|² of tensors, (..., *components)."""
    return (tensors**2).sum(axis=tuple(range(-len(TENSORS[name]), 0)))
