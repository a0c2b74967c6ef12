"""How far the members of a committee disagree, and how far a prediction is from its label.

For the force F_ki of member k on atom i, with <> the mean over the members (Zhang et al.,
Phys. Rev. Materials 3, 023804 (2019); population variance, ddof 0):

    eps_i = sqrt( < |F_ki - <F_ki>|^2 > ),      max_devi_f = max over atoms i of eps_i

Members that know their own standard error s_ki of each component add its mean square, as the
variance of a mixture asks: eps_i^2 = < |F_ki - <F_ki>|^2 > + < |s_ki|^2 >. One such member is enough.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from eltanin.batch import Properties, to_numpy


def force_deviation(forces: Sequence[np.ndarray], errors: Sequence[np.ndarray] = ()) -> np.ndarray:
    """Return eps_i, (atoms,) eV/Å, of the members' forces and standard errors, each (atoms, 3) eV/Å.

    Non-finite forces give a non-finite deviation; a single member that knows no error has none, NaN.
    """
    stacked = np.stack([np.asarray(f, dtype=float) for f in forces])
    if len(stacked) < 2 and len(errors) == 0:
        return np.full(stacked.shape[1], np.nan)
    with np.errstate(invalid="ignore", over="ignore"):
        away = stacked - stacked.mean(axis=0)
        variance = (away**2).sum(axis=-1).mean(axis=0)
        return np.sqrt(variance + sum((np.asarray(s) ** 2).sum(axis=-1) for s in errors) / len(forces))


def force_errors(predictions: Sequence[Properties]) -> list[np.ndarray]:
    """Return the standard errors of the forces, (atoms, 3) eV/Å, of the members that know theirs."""
    return [to_numpy(p.sigma["forces"].values) for p in predictions if "forces" in p.sigma]


def force_error(predicted: np.ndarray, label: np.ndarray) -> np.ndarray:
    """Return |F_pred - F_label| of each atom, (atoms,) eV/Å."""
    with np.errstate(invalid="ignore", over="ignore"):
        return np.sqrt(((predicted - label) ** 2).sum(axis=-1))


def largest(per_atom: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return the largest value of each structure, (n,); NaN wins, and no atoms at all give NaN."""
    result = np.full(len(counts), np.nan)
    filled = counts > 0
    if filled.any():
        starts = np.concatenate([[0], np.cumsum(counts)[:-1]])[filled]
        result[filled] = np.maximum.reduceat(per_atom, starts)
    return result


def rmse(difference: np.ndarray) -> float:
    """Return the root of the mean square over all components; NaN of nothing."""
    return float(np.sqrt(np.mean(difference**2))) if difference.size else float("nan")
