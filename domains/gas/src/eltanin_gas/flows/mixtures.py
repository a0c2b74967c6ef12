"""Two Maxwellians: six numbers for six moments."""

from __future__ import annotations

from torch import Tensor


def two_maxwellians(s: Tensor, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Return A and B of the two Maxwellians that have these moments, as Mott-Smith's (1951) shock does.

    f = Σ w_i M(u_i, T_i), i = 1, 2. With S = Σ w u² = 3 s/2 and d = Σ w u³ = a - 3 b the velocities are the
    roots of u² - (d/S) u - S = 0, and T_i = 1 - s/2 + (b/S) u_i, so that

        A = 3 + 6 s - (3/2) s² + (2/3) (a² - 6 b²)/s,
        B = (1 - s/2)(1 + s) + (2/3) b (a - 2 b)/s.

    Defined for s > 0 (compression). Near equilibrium it depends on the direction (s : a : b): a/s is, up to a
    factor, the velocity of the faster gas in the frame of the whole, and is not bounded by the sound speed.
    """
    return 3 + 6 * s - 1.5 * s**2 + (a**2 - 6 * b**2) / (1.5 * s), (1 - s / 2) * (1 + s) + b * (a - 2 * b) / (1.5 * s)
