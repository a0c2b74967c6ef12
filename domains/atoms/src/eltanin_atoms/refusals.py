"""What no model may learn: labels that are ill-shaped, not finite, absurdly large, or no derivatives of an energy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from eltanin.batch import Column, Properties, Ragged, to_numpy
from eltanin.protocols import Failure
from eltanin_atoms.quantities import TENSORS
from eltanin_atoms.structures import Structures

ASYMMETRY = 0.01  # of a tensor, as a part of its largest component; above a rounding error of FAINT of its unit
FAINT = 1e-3
SYMMETRIC = {
    "virial": ("eV", "what does not change when all is turned has a symmetric one"),
    "polarizability": ("Å³", "a second derivative of the energy by the field is"),
}


def refusals(
    x: Structures, labels: Properties, largest_force: float, needed: Sequence[str] = ("energy", "forces")
) -> Mapping[int, Failure]:
    """Return the labels that no model may learn, by row: the first reason that holds. needed: one of them at least."""
    n = len(x)
    known = {name: _mask(labels.has(name), n) for name in ("energy", "forces", "virial", *TENSORS)}
    found: dict[int, Failure] = {}
    for i in range(n):
        shapes = {"energy": (), "virial": (3, 3), "forces": (int(x.counts[i]), 3), **TENSORS}
        if not any(known[name][i] for name in needed):
            found[i] = Failure("unphysical", _nothing(needed))
        for name, shape in shapes.items():
            if known[name][i] and i not in found:
                value = _row(labels.values.get(name), i, n)
                reason = _ill(name, value, shape) or _absurd(name, value, largest_force)
                found |= {i: reason} if reason else {}
    return found


def _nothing(needed: Sequence[str]) -> str:
    return "neither an energy nor forces" if len(needed) > 1 else f"no {needed[0]}"


def _mask(present: np.ndarray, n: int) -> np.ndarray:
    return present if present.shape == (n,) else np.ones(n, dtype=bool)  # of an ill column all rows are looked at


def _row(column: Column, i: int, n: int) -> np.ndarray:
    """Return one row of a column; of one that has not n rows, the whole, which is of another shape."""
    if column is None:
        return np.zeros((0, 0))
    if len(column) != n:
        return to_numpy(column.values if isinstance(column, Ragged) else column)[None]
    if isinstance(column, Ragged):
        return to_numpy(column[np.array([i])].values)
    return to_numpy(column)[i]


def _ill(name: str, value: np.ndarray, shape: tuple[int, ...]) -> Failure | None:
    if value.shape != shape:
        return Failure("shape", f"{name} has the shape {value.shape}, not {shape}")
    if value.dtype.kind not in "fiu":
        return Failure("shape", f"{name} is of the type {value.dtype}, and no real number")
    if not np.isfinite(value).all():
        return Failure("nonfinite", f"{name} is not finite in {int((~np.isfinite(value)).sum())} of {value.size}")
    return None


def _absurd(name: str, value: np.ndarray, largest_force: float) -> Failure | None:
    if name == "forces":
        size = float(np.linalg.norm(value, axis=1).max(initial=0.0))
        if size > largest_force:
            why = f"a force of {size:.4g} eV/Å is beyond domain.largest_force={largest_force:g}"
            return Failure("unphysical", why)
    if name in SYMMETRIC:
        unit, why = SYMMETRIC[name]
        skew = float(np.abs(value - value.T).max())
        if skew > ASYMMETRY * float(np.abs(value).max()) + FAINT:
            return Failure("unphysical", f"the {name} is not symmetric, by {skew:.4g} {unit}: {why}")
    return None
