"""The maximum-entropy closure of a Lorentz gas (Minerbo 1978), exactly.

Among all f(mu) of density n and current j = n s, the one of largest entropy -int f log f is
``f = C exp(beta mu)``, and so, with Langevin's function L,

    s = L(beta) = coth(beta) - 1/beta,    chi(s) = int mu^2 f / n = 1 - 2 s / beta.

Limits: chi = 1/3 + (2/5) s^2 + O(s^4) near equilibrium, chi -> 1 for a beam, |s| -> 1.
"""

from __future__ import annotations

import numpy as np

NEAR_ZERO = 0.1  # below it, coth(beta) - 1/beta loses digits and the series does not
# L(beta) / beta in powers of beta^2; the next term is below 1e-16 for beta < NEAR_ZERO
SERIES = (1 / 3, -1 / 45, 2 / 945, -1 / 4725, 2 / 93555)
NEWTON_STEPS = 5  # from a guess good to 5 %, each doubles the digits


def slope_to_origin(beta: np.ndarray) -> np.ndarray:
    """Return L(beta) / beta for beta >= 0, which is 1/3 at zero."""
    y = np.minimum(beta, NEAR_ZERO) ** 2
    series = SERIES[0] + y * (SERIES[1] + y * (SERIES[2] + y * (SERIES[3] + y * SERIES[4])))
    far = np.maximum(beta, NEAR_ZERO)
    return np.where(beta < NEAR_ZERO, series, (1 / np.tanh(far) - 1 / far) / far)


def langevin_derivative(beta: np.ndarray) -> np.ndarray:
    """Return L'(beta) = 1/beta^2 - 1/sinh^2(beta) for beta >= 0: the variance of mu."""
    y = np.minimum(beta, NEAR_ZERO) ** 2
    series = SERIES[0] + y * (3 * SERIES[1] + y * (5 * SERIES[2] + y * 7 * SERIES[3]))
    far = np.maximum(beta, NEAR_ZERO)
    return np.where(beta < NEAR_ZERO, series, 1 / far**2 - 1 / np.sinh(np.minimum(far, 300.0)) ** 2)


def inverse_langevin(s: np.ndarray) -> np.ndarray:
    """Return beta >= 0 where L(beta) = s, for 0 <= s < 1, by Newton from Cohen's (1991) guess."""
    beta = s * (3 - s**2) / (1 - s**2)
    for _ in range(NEWTON_STEPS):
        beta = beta - (beta * slope_to_origin(beta) - s) / langevin_derivative(beta)
    return beta


def eddington_factor(s: np.ndarray) -> np.ndarray:
    """Return chi (cells,) of the reduced current s = j / n (cells,), |s| <= 1."""
    return 1 - 2 * slope_to_origin(inverse_langevin(np.minimum(np.abs(s), 1 - 1e-15)))
