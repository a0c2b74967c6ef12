"""The Navier-Stokes-Fourier profile of a steady shock, with the viscosity and conductivity of BGK.

With mu = tau p, kappa = (5/2) tau p and d xi = dx / tau, for its constants m = rho u, P, E and p = m T / u,

    u' = (3 / 4p) (m u + p - P),    T' = (2 / 5p) (-m u^2 / 2 + 3 m T / 2 + P u - E).

Downstream is a saddle: from there the profile is followed back upstream.
"""

from __future__ import annotations

import numpy as np
from scipy.integrate import solve_ivp

from eltanin_gas.monatomic import rankine_hugoniot

BEGIN = 1e-7  # distance from the saddle, of its temperature


def nsf_shock(mach: float, xi: np.ndarray) -> np.ndarray:
    """Return rho, u, T, sigma, q in (N, 5) at xi (N,), 0 where rho is the mean of both sides."""
    (_, u1, _), (rho2, u2, t2) = rankine_hugoniot(mach)
    m, pressure = u1, u1**2 + 1
    energy = -m * u1**2 / 2 + 1.5 * m + pressure * u1

    def slope(_: float, state: np.ndarray) -> np.ndarray:
        u, temperature = state
        p = m * temperature / u
        flow = -m * u**2 / 2 + 1.5 * m * temperature + pressure * u - energy
        return np.array([0.75 / p * (m * u + p - pressure), 0.4 / p * flow])

    def middle(_: float, state: np.ndarray) -> float:
        return m / state[0] - (1 + rho2) / 2

    saddle = np.array([u2, t2])
    jacobian = np.stack([(slope(0, saddle + d) - slope(0, saddle - d)) / 2e-6 for d in 1e-6 * np.eye(2)], axis=1)
    trace, determinant = np.trace(jacobian), np.linalg.det(jacobian)
    rate = trace / 2 - np.sqrt(trace**2 / 4 - determinant)  # the negative one
    away = -BEGIN * t2 * np.array([jacobian[0, 1] / (rate - jacobian[0, 0]), 1.0])  # colder
    length = np.log(1 / BEGIN) / abs(rate) + 2 * float(np.abs(xi).max()) + 50
    found = solve_ivp(
        slope, (0, -length), saddle + away, method="DOP853", rtol=1e-11, atol=1e-13, dense_output=True, events=middle
    )
    u, temperature = found.sol(np.clip(found.t_events[0][0] + xi, -length, 0.0))
    p = m * temperature / u
    du, dt = slope(0, np.array([u, temperature]))
    return np.stack([m / u, u, temperature, -4 / 3 * p * du, -2.5 * p * dt], axis=1)
