"""A labeler of tensors on trial: they turn with the structure.

    μ(Q r) = Q μ(r),        α(Q r) = Q α(r) Qᵀ

for a rotation Q of the structure and its cell, and a translation. So what a program reports in a frame of its own
(a "standard orientation") shows, and rows in another order than those of the input; a unit does not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from eltanin.batch import Properties, Ragged, to_numpy
from eltanin.protocols import Labels, Rng
from eltanin_atoms.structures import Structures
from eltanin_atoms.trial import candidates

FAINT = {"dipole": 0.02, "polarizability": 0.05}  # e·Å, Å³: less than that is compared with nothing
FARTHEST = 2.0  # Å, of the translation along each axis


def turning_trial(
    name: str,
    x: Structures,
    ask: Callable[[Structures], Labels[Properties]],
    flawed: Callable[[Structures], object],
    agreement: float,
    rng: Rng,
) -> str:
    """Return why not to believe a labeler of a tensor, or nothing: it is asked about the smallest structures first."""
    for one in candidates(x, flawed):
        q = _rotation(rng)
        turned = _moved(one, q, rng.uniform(-FARTHEST, FARTHEST, 3))
        labels = ask(Structures.concatenate([one, turned]))
        if labels.failures or not labels.values.has(name).all():
            continue
        here, there = to_numpy(labels.values.values[name]).astype(float)
        expected = q @ here if here.ndim == 1 else q @ here @ q.T
        change = np.abs(expected - here).max()  # what a turn does to it at all
        if change < FAINT[name]:
            continue
        off = np.abs(there - expected).max()
        if off > agreement * change + FAINT[name] / 2:
            return (
                f"a structure was turned, and its {name} did not turn along: it is off by {off:.4g} of {change:.4g}."
                " Is it given in a frame of the program's own?"
            )
        return ""
    return ""


def _rotation(rng: Rng) -> np.ndarray:
    """Return a random rotation, without a reflection."""
    q, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    return q * np.linalg.det(q)


def _moved(one: Structures, q: np.ndarray, by: np.ndarray) -> Structures:
    positions = Ragged(one.positions.values @ q.T + by, one.counts)
    return replace(one, positions=positions, cell=one.cell @ q.T)
