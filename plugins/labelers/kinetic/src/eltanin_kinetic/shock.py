"""The steady shock of a BGK gas, by characteristics.

In the optical coordinate ``d xi = dx / tau`` the profile obeys ``v d_xi f = M - f`` whatever tau depends on, so each
Mach number has one profile for all viscosity laws. Upstream rho = T = 1, u = M sqrt(5/3); xi = 0 where rho is the
mean of both sides.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline

from eltanin_gas.monatomic import ShockStates, rankine_hugoniot, relaxation_time, state_of
from eltanin_kinetic.characteristics import sweep
from eltanin_kinetic.newton import fixed_point

SUMMED = 5  # m0 … m4


@dataclass(frozen=True)
class Shock:
    """A steady shock of one Mach number on nodes xi (N,), each moment (N,).

    raw_g: m0 … m4 (N, 5).  raw_h: k0, k1, k2 (N, 3).  change: of log rho, u or log T in the last step.
    """

    mach: float
    xi: np.ndarray
    raw_g: np.ndarray
    raw_h: np.ndarray
    change: float

    @property
    def moments(self) -> np.ndarray:
        """m0, m1, m2, m3, k0, k1 in (N, 6)."""
        return np.concatenate([self.raw_g[:, :4], self.raw_h[:, :2]], axis=1)

    @property
    def fluxes(self) -> np.ndarray:
        """Fluxes of mass, momentum and energy (N, 3), which are constant."""
        return np.stack([self.raw_g[:, 1], self.raw_g[:, 2], self.raw_g[:, 3] / 2 + self.raw_h[:, 1]], axis=1)

    @property
    def thickness(self) -> float:
        """(rho2 - rho1) / max d rho / d xi."""
        fine = np.linspace(-10, 10, 20001)
        rho = CubicSpline(self.xi, self.raw_g[:, 0])
        (first, *_), (second, *_) = rankine_hugoniot(self.mach)
        return float((second - first) / rho(fine, 1).max())

    def at(self, xi: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the six moments (..., 6), m4 (...) and k2 (...) at points xi (...); beyond the ends, the outermost."""
        inside = np.clip(xi, self.xi[0], self.xi[-1])
        found = CubicSpline(self.xi, np.concatenate([self.moments, self.raw_g[:, 4:], self.raw_h[:, 2:]], axis=1))
        values = found(inside)
        return values[..., :6], values[..., 6], values[..., 7]


@dataclass(frozen=True)
class _Sweeps:
    """The map from (rho, u, T) to the next, on N nodes h apart and 2V velocities."""

    ends: ShockStates
    h: float
    v: np.ndarray  # (V,) positive; the negative ones are their mirror images

    def maxwellians(self, state: np.ndarray, sign: int) -> np.ndarray:
        """Return g and h (N, 2, V) of velocities sign v for rho, u, T in (N, 3)."""
        rho, u, temperature = (column[:, None] for column in state.T)
        g = rho / np.sqrt(2 * np.pi * temperature) * np.exp(-((sign * self.v - u) ** 2) / (2 * temperature))
        return np.stack([g, temperature * g], axis=1)

    def solve(self, state: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return m0 … m4 (N, 5) and k0, k1, k2 (N, 3) of the gas that flies through these Maxwellians."""
        before, behind = (
            self.maxwellians(np.array([end]), sign)[0] for end, sign in zip(self.ends, (1, -1), strict=True)
        )
        ahead = sweep(self.maxwellians(state, 1), before, self.v, self.h)
        back = sweep(self.maxwellians(state, -1)[::-1], behind, self.v, self.h)[::-1]
        powers = self.v[:, None] ** np.arange(SUMMED) * (self.v[1] - self.v[0])
        mirrored = powers * (-1.0) ** np.arange(SUMMED)
        raw = ahead @ powers + back @ mirrored
        return raw[:, 0], raw[:, 1, :3]

    def next(self, flat: np.ndarray) -> np.ndarray:
        """Return the new log rho, u and log T (3 N,); the ends stay."""
        state = self.state(flat)
        g, h = self.solve(state)
        u = g[:, 1] / g[:, 0]
        temperature = ((g[:, 2] - u * g[:, 1]) + 2 * h[:, 0]) / (3 * g[:, 0])
        return self.flat(np.stack([g[:, 0], u, temperature], axis=1))

    @staticmethod
    def slope(flat: np.ndarray) -> np.ndarray:
        """Return by how much the unknowns change from node to node."""
        return np.concatenate([np.gradient(column) for column in flat.reshape(3, -1)])

    @staticmethod
    def flat(state: np.ndarray) -> np.ndarray:
        """Return the unknowns, log rho, u and log T, (3 N,)."""
        return np.stack([np.log(state[:, 0]), state[:, 1], np.log(state[:, 2])]).ravel()

    @staticmethod
    def state(flat: np.ndarray) -> np.ndarray:
        """Return rho, u, T (N, 3) of the unknowns."""
        log_rho, u, log_temperature = flat.reshape(3, -1)
        return np.stack([np.exp(log_rho), u, np.exp(log_temperature)], axis=1)


def domain(mach: float) -> tuple[float, float]:
    """Return lengths in xi before and behind a shock beyond which it has decayed to 1e-6 of itself.

    Fast molecules of the hot side fly upstream as far as ~ sqrt(T2); weak shocks widen as 1 / (M - 1).
    """
    _, (_, _, temperature) = rankine_hugoniot(mach)
    weak = 15 / (mach - 1)
    return 37 * temperature**0.5 + weak, 50 * temperature**0.5 + weak


def steady_shock(mach: float, h: float = 0.2, dv: float = 0.5, tolerance: float = 1e-7) -> Shock:
    """Return the steady BGK shock of a Mach number above 1.

    h: distance of nodes in xi.  dv: of velocities, in the thermal speed upstream.  tolerance: of
    log rho, u and log T in Newton's method.
    """
    if not mach > 1.02:
        raise ValueError(f"mach={mach}: a shock is faster than sound, and very wide near it; give a number above 1.02")
    before, behind = (np.array(state) for state in rankine_hugoniot(mach))
    ahead, after = domain(mach)
    xi = np.arange(-round(ahead / h), round(after / h) + 1) * h
    fastest = max(before[1] + 8, behind[1] + 7.5 * behind[2] ** 0.5)
    sweeps = _Sweeps(rankine_hugoniot(mach), h, (np.arange(round(fastest / dv)) + 0.5) * dv)
    passed = 0.5 * (1 + np.tanh(xi / (2 + 3 / (mach - 1) ** 0.5)))[:, None]
    start = sweeps.flat(before + (behind - before) * passed)
    flat, change = fixed_point(sweeps.next, start, sweeps.slope, tolerance)
    raw_g, raw_h = sweeps.solve(sweeps.state(flat))
    middle = (before[0] + behind[0]) / 2
    return Shock(mach, xi - _crossing(xi, raw_g[:, 0], middle), raw_g, raw_h, change)


def _crossing(xi: np.ndarray, rho: np.ndarray, value: float) -> float:
    """Return where a rising profile has this value."""
    roots = CubicSpline(xi, rho - value).roots(extrapolate=False)
    return float(roots[np.argmin(np.abs(roots))])


def positions(shock: Shock, exponent: float | None = None) -> np.ndarray:
    """Return x (N,) of the nodes in units of Kn: the integral of tau d xi from 0.

    tau = T^(exponent - 1) / rho, or 1 without an exponent.
    """
    if exponent is None:
        return shock.xi
    state = state_of(shock.moments)
    x = CubicSpline(shock.xi, relaxation_time(1.0, state.density, state.temperature, exponent)).antiderivative()
    return x(shock.xi) - x(0.0)
