"""Free-molecular flow between two half-spaces of gas: Riemann's problem for Kn -> infinity, exactly.

At x / t = xi the molecules with v > xi come from the left, the others from the right. Half-space moments
``I_n = int_{v > xi} v^n M dv`` obey ``I_{n+1} = u I_n + T (n I_{n-1} + xi^n M(xi))``, with the minus sign for v < xi.
"""

from __future__ import annotations

import numpy as np
from scipy.special import erfc

State = tuple[float, float, float]  # rho, u, T


def half_moments(state: State, xi: np.ndarray, above: bool, highest: int) -> np.ndarray:
    """Return I_0 … I_highest in (highest + 1, N) of v > xi (above) or v < xi; xi (N,)."""
    rho, u, temperature = state
    sign = 1 if above else -1
    argument = (xi - u) / np.sqrt(2 * temperature)
    edge = sign * rho / np.sqrt(2 * np.pi * temperature) * np.exp(-(argument**2))
    moments = [rho * erfc(sign * argument) / 2]
    for n in range(highest):
        before = n * moments[n - 1] if n else 0.0
        moments.append(u * moments[n] + temperature * (before + xi**n * edge))
    return np.stack(moments)


def _side(state: State, xi: np.ndarray, above: bool) -> np.ndarray:
    """Return m0 … m4, k0, k1, k2 in (8, N) of one side's molecules; h = T g."""
    m = half_moments(state, xi, above, 4)
    return np.concatenate([m, state[2] * m[:3]])


def free_riemann(left: State, right: State, xi: np.ndarray) -> np.ndarray:
    """Return m0 … m4, k0, k1, k2 in (N, 8) at x / t = xi (N,) of gases (rho, u, T) that met at x = t = 0."""
    return (_side(left, xi, above=True) + _side(right, xi, above=False)).T


def _primitive(state: State, edges: np.ndarray, time: float, above: bool) -> np.ndarray:
    """Return an integral over x of the moments at edges (N + 1,): x m_k of v > x/t plus t m_{k+1} of v < x/t."""
    xi = edges / time
    own, other = half_moments(state, xi, above, 4), half_moments(state, xi, not above, 5)[1:]
    m = edges * own + time * other
    return np.concatenate([m, state[2] * m[:3]])


def free_riemann_cells(left: State, right: State, edges: np.ndarray, time: float) -> np.ndarray:
    """Return m0 … m4, k0, k1, k2 in (N, 8), averaged over the cells between edges (N + 1,), at a time above 0."""
    total = _primitive(left, edges, time, above=True) + _primitive(right, edges, time, above=False)
    return (np.diff(total, axis=1) / np.diff(edges)).T
