"""From the eight moments of a solution to labels, and when not to believe them."""

from __future__ import annotations

import numpy as np

from eltanin.protocols import Failure
from eltanin_gas.monatomic import closing_of
from eltanin_gas.problems import Boundary, Problems

LOST = 1e-9  # part of mass or energy of a closed stretch, beyond which the velocity grid was too narrow or too coarse
SIX = [0, 1, 2, 3, 5, 6]  # of the eight moments m0 … m4, k0 … k2


def labels_of(raw: np.ndarray, given: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return moments (cells, 6), the given ones as given, and closing moments (cells, 2) of (K + 1, N, 8)."""
    seen = raw.reshape(-1, 8)
    closing = closing_of(seen[:, SIX], seen[:, 4], seen[:, 7])
    return np.concatenate([given, seen[len(given) :, SIX]]) if len(seen) else seen[:, SIX], closing


def check_instants(x: Problems, instants: int) -> None:
    """Refuse problems that their explorer looked at more or less often than labels will, by a ValueError.

    Labels and predictions are compared cell by cell, instant by instant.
    """
    wrong = sorted({int(n) for n in np.asarray(x.evidence.get("instants", []))} - {instants})
    if wrong:
        raise ValueError(
            f"explorer.instants={wrong[0]}, but labels are of {instants} instants: predictions and labels are compared"
            f" at the same ones; give explorer.instants={instants}, which is the labeler's"
        )


def lost(raw: np.ndarray, boundary: int) -> Failure | None:
    """Return why a solution (K + 1, N, 8) is none: it is not finite, or a closed stretch does not keep what it has."""
    if not np.isfinite(raw).all():
        return Failure("nonfinite", "the solution is not finite")
    energy = raw[..., 2] / 2 + raw[..., 5]
    sums = np.stack([raw[..., 0].sum(axis=1), energy.sum(axis=1)])
    part = float(np.abs(sums / sums[:, :1] - 1).max())
    if boundary == Boundary.PERIODIC and part > LOST:
        return Failure("unconverged", f"{part:.1e} of mass or energy was lost; give more labeler.velocities or reach")
    return None
