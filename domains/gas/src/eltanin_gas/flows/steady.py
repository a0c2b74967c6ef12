"""The standing shock of six moments without a march: a boundary-value problem, solved in a fraction of a second.

In a standing shock mass, momentum and energy flow at constant rates, so that three of six moments are free,
y = (m0, m3, k0), and with dξ = dx/τ

    d_ξ m3 = m2[M] - m2,    d_ξ m4(y) = m3[M] - m3,    d_ξ k2(y) = k1[M] - k1.

On nodes ξ_i these are differences over each step and means of the right side at its ends (Keller's box). A
characteristic stands still somewhere in the shock and the equations are singular there, so that no count of boundary
conditions is right for all closures: the squares of all residuals are minimised together (Gauss, Newton, Levenberg),
with both ends and the middle held. What remains of them says whether the closure has a smooth shock at all.
No diffusion of a scheme is in this, but neither does it say that a march would come to this shock.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, identity
from scipy.sparse.linalg import spsolve

from eltanin_gas.flows.six_moments import Closure, reduced
from eltanin_gas.monatomic import State, equilibrium_moments, highest_moments, rankine_hugoniot, state_of

Array = NDArray[np.float64]
FREE = [0, 3, 4]  # m0, m3, k0
SMALL = 1e-6  # of an unknown's range, in differences
ENDS, MIDDLE = 3.0, 10.0  # weights of what is held


class Standing(NamedTuple):
    """A shock on nodes: its six moments (N, 6), and the residuals' sum of squares at the start and at the end."""

    moments: Array
    before: float
    after: float

    @property
    def state(self) -> State:
        """The state (N,)."""
        return state_of(self.moments)


class _Equations:
    """The residuals of y/scale (N, 3) on nodes ξ (N,), and their derivatives."""

    def __init__(self, closure: Closure, mach: float, xi: Array, start: Array) -> None:
        rho, u, t = rankine_hugoniot(mach).upstream
        self.rates = rho * u, rho * u**2 + rho * t, rho * u**3 / 2 + 5 / 2 * rho * u * t
        self.closure, self.step, self.held = closure, np.diff(xi), start[:, FREE]
        self.scale = np.ptp(self.held, axis=0)
        self.middle = int(np.argmin(np.abs(xi)))
        self.size = np.abs(self.sides(self.held)[1]).max(0)

    def six(self, y: Array) -> Array:
        """Return the moments (N, 6) of the free ones (N, 3)."""
        one = np.ones(len(y))
        m1, m2, energy = (rate * one for rate in self.rates)
        return np.stack([y[:, 0], m1, m2, y[:, 1], y[:, 2], energy - y[:, 1] / 2], axis=1)

    def sides(self, y: Array) -> tuple[Array, Array]:
        """Return what is differentiated and what it changes by, (N, 3) each."""
        moments = self.six(y)
        u = torch.as_tensor(moments)
        with torch.no_grad():
            closing = torch.stack(self.closure(*reduced(u)), dim=-1).numpy()
        m4, k2 = highest_moments(moments, closing)
        at_rest = equilibrium_moments(*state_of(moments)[:3]) - moments
        return np.stack([y[:, 1], m4, k2], axis=1), at_rest[:, [2, 3, 5]]

    def derivatives(self, y: Array) -> tuple[Array, Array]:
        """Return those of both sides by y/scale, (N, 3, 3) each."""
        columns: list[tuple[Array, Array]] = []
        for change in np.diag(SMALL * self.scale):
            above, below = self.sides(y + change), self.sides(y - change)
            columns.append(((above[0] - below[0]) / (2 * SMALL), (above[1] - below[1]) / (2 * SMALL)))
        left, right = (np.stack(side, axis=2) for side in zip(*columns, strict=True))
        return left, right

    def __call__(self, y: Array) -> tuple[Array, csr_matrix]:
        """Return the residuals (3 (N - 1) + 7,) and their derivatives by y/scale."""
        flux, change = self.sides(y)
        by_flux, by_change = self.derivatives(y)
        half = self.step[:, None] / 2
        weight = 1 / (self.size * np.sqrt(self.step[:, None]))
        boxes = (flux[1:] - flux[:-1] - half * (change[1:] + change[:-1])) * weight
        low = (-by_flux[:-1] - half[..., None] * by_change[:-1]) * weight[..., None]
        high = (by_flux[1:] - half[..., None] * by_change[1:]) * weight[..., None]
        n = len(y)
        step, row, column = np.indices(low.shape)
        held = [(0, i) for i in range(3)] + [(n - 1, i) for i in range(3)] + [(self.middle, 0)]
        weights = np.array([ENDS] * 6 + [MIDDLE])
        at = np.array([3 * node + i for node, i in held])
        off = np.array([(y[node, i] - self.held[node, i]) / self.scale[i] for node, i in held])
        values = np.concatenate([low.ravel(), high.ravel(), weights])
        rows = np.concatenate([(3 * step + row).ravel()] * 2 + [3 * (n - 1) + np.arange(7)])
        columns = np.concatenate([(3 * step + column).ravel(), (3 * (step + 1) + column).ravel(), at])
        return np.concatenate([boxes.ravel(), weights * off]), csr_matrix((values, (rows, columns)))


def standing_shock(closure: Closure, mach: float, xi: Array, start: Array, steps: int = 25) -> Standing:
    """Return the standing shock of a closure on nodes ξ (N,) around 0, from moments (N, 6) near it.

    start: whose ends and whose density at ξ = 0 are held, as those of BGK's shock; returned as it is where the
    closure says nothing of it.  steps: of Newton's method.
    """
    equations = _Equations(closure, mach, xi, start)
    y, damping = equations.held.copy(), 1e-6
    residual, by = equations(y)
    first = last = float(residual @ residual)
    for _ in range(steps if np.isfinite(first) else 0):
        normal = (by.T @ by).tocsc()
        change = spsolve(normal + damping * identity(normal.shape[0], format="csc"), -by.T @ residual)
        new = y + change.reshape(-1, 3) * equations.scale
        if (new[:, 0] > 0).all() and (new[:, 2] > 0).all():
            new_residual, new_by = equations(new)
            if (cost := float(new_residual @ new_residual)) < last:
                settled = np.abs(change).max() < 1e-6 or last - cost < 1e-8 * last
                y, residual, by, last, damping = new, new_residual, new_by, cost, max(damping / 4, 1e-10)
                if settled:
                    break
                continue
        damping = 8 * max(damping, 1e-7)
    return Standing(equations.six(y), first, last)


def nodes(before: float, behind: float, count: int) -> Array:
    """Return ξ (count,) from -before to behind, dense near 0."""
    return 6 * np.sinh(np.linspace(-np.arcsinh(before / 6), np.arcsinh(behind / 6), count))
