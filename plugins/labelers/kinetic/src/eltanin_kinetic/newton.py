"""Newton's method for a fixed point that may be moved along itself, by matrix-free Krylov iterations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.sparse.linalg import LinearOperator, gmres

operator: Any = LinearOperator  # its stubs know its other constructor alone
PICARD = 8  # plain iterations before the first step
LARGEST = 0.3  # change in a step
DIFFERENCE = 1e-6  # of the directional derivatives


def fixed_point(
    function: Callable[[np.ndarray], np.ndarray],
    x: np.ndarray,
    shift: Callable[[np.ndarray], np.ndarray],
    tolerance: float,
    most: int = 8,
) -> tuple[np.ndarray, float]:
    """Return x = function(x) (n,), and how much the last step changed.

    shift(x) is the direction (n,) in which x may be moved without ceasing to be a solution: there 1 - J has no
    inverse, so ``(1 - J + t t^T) d = function(x) - x``, t the unit vector along it, is solved for the step d.
    """
    for _ in range(PICARD):
        x = function(x)
    change = np.inf
    for _ in range(most):
        if change < tolerance:
            break
        image, tangent = function(x), shift(x)
        tangent = tangent / np.linalg.norm(tangent)

        def apply(d: np.ndarray, x: np.ndarray = x, image: np.ndarray = image, t: np.ndarray = tangent) -> np.ndarray:
            small = DIFFERENCE / max(float(np.abs(d).max()), 1e-300)
            return d - (function(x + small * d) - image) / small + t * (t @ d)

        jacobian = operator((len(x), len(x)), matvec=apply, dtype=np.float64)
        step, _ = gmres(jacobian, image - x, rtol=1e-3, restart=100, maxiter=1)
        step = step - tangent * (tangent @ step)  # it may stay where it is
        change = float(np.abs(step).max())
        x = x + step * min(1.0, LARGEST / max(change, LARGEST))
    return x, change
