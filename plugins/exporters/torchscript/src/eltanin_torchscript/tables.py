"""The curve that stands for an embedding net, as cubic polynomials.

A model with `intervals` is what its table says: the C² cubic spline on equal intervals of q that has the
values of the net at all knots and in the middle of the first and the last interval.
"""

from __future__ import annotations

from math import factorial

import numpy as np
from scipy.interpolate import make_interp_spline


def sites(begin: float, end: float, intervals: int) -> np.ndarray:
    """Return where the net is asked, (intervals + 3,)."""
    knots = np.linspace(begin, end, intervals + 1)
    middles = [(knots[0] + knots[1]) / 2, (knots[-2] + knots[-1]) / 2]
    return np.sort(np.concatenate([knots, middles]))


def polynomials(values: np.ndarray, begin: float, end: float, intervals: int) -> np.ndarray:
    """Return coefficients in powers of u within [0, 1], (intervals, 4, ...), from values at the sites."""
    step = (end - begin) / intervals
    knots = begin + step * np.arange(-3, intervals + 4)
    spline = make_interp_spline(sites(begin, end, intervals), values, k=3, t=knots)
    left = knots[3 : 3 + intervals]
    return np.stack([spline(left, nu=k) * (step**k / factorial(k)) for k in range(4)], axis=1)
