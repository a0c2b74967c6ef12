"""Riemann's problem of the Euler equations of a monatomic gas, gamma = 5/3, exactly (Toro 2009, chapter 4)."""

from __future__ import annotations

import numpy as np
from scipy.optimize import brentq

GAMMA = 5 / 3
State = tuple[float, float, float]  # rho, u, T


def _wave(p: float, rho: float, p0: float) -> float:
    """Return by how much the wave that leads from p0, rho to pressure p changes the velocity."""
    if p > p0:  # a shock
        return (p - p0) * np.sqrt(2 / ((GAMMA + 1) * rho) / (p + (GAMMA - 1) / (GAMMA + 1) * p0))
    c = np.sqrt(GAMMA * p0 / rho)
    return 2 * c / (GAMMA - 1) * ((p / p0) ** ((GAMMA - 1) / (2 * GAMMA)) - 1)


def contact(left: State, right: State) -> tuple[float, float]:
    """Return pressure and velocity between the two outer waves."""
    (rho_l, u_l, t_l), (rho_r, u_r, t_r) = left, right
    p_l, p_r = rho_l * t_l, rho_r * t_r
    if u_r - u_l >= 2 / (GAMMA - 1) * (np.sqrt(GAMMA * t_l) + np.sqrt(GAMMA * t_r)):
        raise ValueError(f"between u={u_l} and u={u_r} a vacuum opens: give states that part more slowly")

    def gap(log_p: float) -> float:
        p = np.exp(log_p)
        return _wave(p, rho_l, p_l) + _wave(p, rho_r, p_r) + u_r - u_l

    p = float(np.exp(brentq(gap, np.log(1e-12 * min(p_l, p_r)), np.log(1e6 * max(p_l, p_r)), xtol=1e-15)))  # type: ignore[arg-type]
    return p, float((u_l + u_r + _wave(p, rho_r, p_r) - _wave(p, rho_l, p_l)) / 2)


def _side(speed: np.ndarray, state: State, p: float, u: float) -> np.ndarray:
    """Return rho, u, T (N, 3) at x / t = speed < u, left of the contact; state is the left one."""
    rho0, u0, t0 = state
    p0, c0 = rho0 * t0, np.sqrt(GAMMA * t0)
    ratio = (GAMMA - 1) / (GAMMA + 1)
    if p > p0:
        rho = rho0 * (p / p0 + ratio) / (ratio * p / p0 + 1)
        front = u0 - c0 * np.sqrt((GAMMA + 1) / (2 * GAMMA) * p / p0 + (GAMMA - 1) / (2 * GAMMA))
        return np.where((speed < front)[:, None], state, (rho, u, p / rho))
    rho = rho0 * (p / p0) ** (1 / GAMMA)
    c = np.sqrt(GAMMA * p / rho)
    fan_c = 2 / (GAMMA + 1) * c0 + ratio * (u0 - speed)
    fan = np.stack([rho0 * (fan_c / c0) ** (2 / (GAMMA - 1)), speed + fan_c, fan_c**2 / GAMMA], axis=1)
    inner = np.where((speed < u - c)[:, None], fan, (rho, u, p / rho))
    return np.where((speed < u0 - c0)[:, None], state, inner)


def euler_riemann(left: State, right: State, speed: np.ndarray) -> np.ndarray:
    """Return rho, u, T (N, 3) at x / t = speed (N,) of gases (rho, u, T) that met at x = 0, t = 0."""
    p, u = contact(left, right)
    (rho, u_r, temperature), mirror = right, np.array([1, -1, 1])
    beyond = _side(-speed, (rho, -u_r, temperature), p, -u) * mirror
    return np.where((speed < u)[:, None], _side(np.minimum(speed, u), left, p, u), beyond)
