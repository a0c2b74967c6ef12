"""Riemann's problem of a BGK gas of constant tau, without a discontinuity on the grid.

    f = exp(-t / tau) f_free + f_c,    d_t f_c + v d_x f_c = (M - f_c) / tau,    f_c(0) = 0

f_free carries the jump, and its moments are known exactly in every cell; f_c is continuous. WENO of fifth
order in x, SSPRK3 (Shu and Osher 1988) in t; two grids are extrapolated to second order.
"""

from __future__ import annotations

from math import ceil, exp

import numpy as np
import torch
from scipy.interpolate import CubicSpline

from eltanin_kinetic.equilibria import discrete_maxwellian
from eltanin_kinetic.free_molecular import State, free_riemann, free_riemann_cells
from eltanin_kinetic.transport import open_ends, padded, weno5
from eltanin_kinetic.velocities import Velocities, extent, spacing, uniform

COURANT = 0.45


def _cells(left: State, right: State, tau: float, time: float, edges: np.ndarray, grid: Velocities) -> np.ndarray:
    """Return m0 … m4, k0, k1, k2 in (N, 8), averages over cells."""
    dx = float(edges[1] - edges[0])
    steps = ceil(time * float(grid.fastest) / (COURANT * dx))
    dt = time / steps
    shift = (grid.v * (dt / dx))[:, None, :, None]
    weights = grid.weights

    def moments(f: torch.Tensor, t: float) -> torch.Tensor:
        free = free_riemann_cells(left, right, edges, max(t, 1e-9 * time)) * exp(-t / tau)
        own = torch.cat([weights @ f[:, 0], weights[:, :3] @ f[:, 1]], dim=1)
        return own + torch.from_numpy(free.T.copy())[None]

    def advanced(f: torch.Tensor, t: float) -> torch.Tensor:
        m0, m1, m2, *_, k0, _, _ = moments(f, t).unbind(1)
        u = m1 / m0
        temperature = (m2 - u * m1 + 2 * k0) / (3 * m0)
        maxwellian = torch.stack(discrete_maxwellian(m0, u, temperature, grid), dim=1)
        return f + weno5(padded(f, open_ends), grid.negative) * shift + (maxwellian - f) * (dt / tau)

    f = torch.zeros(1, 2, grid.v.shape[1], len(edges) - 1, dtype=torch.float64)
    for step in range(steps):
        t = step * dt
        first = advanced(f, t)
        second = 0.75 * f + 0.25 * advanced(first, t + dt)
        f = f / 3 + 2 / 3 * advanced(second, t + dt / 2)
    return moments(f, time)[0].T.numpy()


def riemann(
    left: State, right: State, tau: float, time: float, x: np.ndarray, cells: int = 200, velocities: int = 64
) -> np.ndarray:
    """Return m0 … m4, k0, k1, k2 in (N, 8) at points x (N,) and a time, of gases (rho, u, T) that met at x = t = 0.

    cells, velocities: of the coarser of two grids, which spans all that molecules of 7 thermal speeds reach.
    """
    if not tau > 0 or not time > 0:
        raise ValueError(f"tau={tau} and time={time}: give numbers above 0")
    states = np.array([left, right])
    low, high = extent(states[:, 1], states[:, 2], 7.0)
    half = max(float(np.abs(x).max()), 0.75 * max(-low, high) * time)
    found: list[np.ndarray] = []
    for finer in (1, 2):
        edges = np.linspace(-half, half, cells * finer + 1)
        dv, negative = spacing(low, high, velocities * finer)
        averages = _cells(
            left,
            right,
            tau,
            time,
            edges,
            uniform(torch.tensor([dv], dtype=torch.float64), negative, velocities * finer),
        )
        found.append(CubicSpline((edges[1:] + edges[:-1]) / 2, averages)(x))
    return (4 * found[1] - found[0]) / 3


def free(left: State, right: State, time: float, x: np.ndarray) -> np.ndarray:
    """Return the moments of `riemann` for tau -> infinity, exactly."""
    return free_riemann(left, right, x / time)
