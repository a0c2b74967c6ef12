"""Collisions that relax (g, h) to a target: BGK, ES-BGK (Holway 1966) and Shakhov (1968), solved implicitly.

    f_new = f* + lambda (target[f_new] - f_new),    lambda = a dt nu

Density, momentum and energy do not change, stress relaxes as sigma* / (1 + a dt / tau) and the heat flux as
q* / (1 + Pr a dt / tau), tau = mu / p: so the target is known before f_new is, and the solution is explicit.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from eltanin_gas.collisions import MonatomicGas
from eltanin_kinetic.equilibria import discrete_gaussian, discrete_maxwellian
from eltanin_kinetic.velocities import Velocities

Collide = Callable[[Tensor, Tensor, Tensor], Tensor]  # f* (B, 2, V, N), a dt (B, 1), and where to write f_new


def raw_moments(f: Tensor, grid: Velocities) -> tuple[Tensor, Tensor]:
    """Return m0 ... m4 (B, 5, N) and k0, k1, k2 (B, 3, N) of f (B, 2, V, N)."""
    return grid.weights @ f[:, 0], grid.weights[:, :3] @ f[:, 1]


def flow_state(f: Tensor, grid: Velocities) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return rho, u, T and the stress sigma = p_xx - p, each (B, N)."""
    rho, m1, m2 = (grid.weights[:, :3] @ f[:, 0]).unbind(1)
    u = m1 / rho
    along = torch.addcmul(m2, u, m1, value=-1)
    pressure = torch.addcmul(along, f[:, 1].sum(1), grid.dv[:, None], value=2) / 3
    return rho, u, pressure / rho, along - pressure


def heat_flux(f: Tensor, u: Tensor, grid: Velocities) -> Tensor:
    """Return q = int (c^3 / 2 g + c h) dv (B, N)."""
    m0, m1, m2, m3 = (grid.weights[:, :4] @ f[:, 0]).unbind(1)
    k0, k1 = (grid.weights[:, :2] @ f[:, 1]).unbind(1)
    return (m3 - 3 * u * m2 + 3 * u**2 * m1 - u**3 * m0) / 2 + k1 - u * k0


def collisions(gas: MonatomicGas, knudsen: Tensor, grid: Velocities) -> Collide:
    """Return the implicit step of a gas of these Knudsen numbers (B, N)."""
    target = TARGETS[gas.model]
    rate = gas.prandtl_number if gas.model == "es_bgk" else 1.0

    def collide(f: Tensor, dt: Tensor, out: Tensor) -> Tensor:
        rho, u, temperature, stress = flow_state(f, grid)
        steps = dt / gas.relaxation_time(knudsen, rho, temperature)
        towards = target(f, (rho, u, temperature, stress), steps, gas.prandtl_number, grid)
        weight = (rate * steps / (1 + rate * steps))[:, None]
        for k, equilibrium in enumerate(towards):
            torch.lerp(f[:, k], equilibrium, weight, out=out[:, k])
        return out

    return collide


State = tuple[Tensor, Tensor, Tensor, Tensor]


def _bgk(f: Tensor, state: State, steps: Tensor, prandtl: float, grid: Velocities) -> tuple[Tensor, Tensor]:
    del f, steps, prandtl
    return discrete_maxwellian(*state[:3], grid)


def _es_bgk(f: Tensor, state: State, steps: Tensor, prandtl: float, grid: Velocities) -> tuple[Tensor, Tensor]:
    """The Gaussian of width T + (1 - 1/Pr) sigma / rho along x, T - (1 - 1/Pr) sigma / (2 rho) across."""
    del f
    rho, u, temperature, stress = state
    excess = (1 - 1 / prandtl) * stress / (1 + steps) / rho
    g = discrete_gaussian(rho, u, temperature + excess, grid)
    return g, g * (temperature - excess / 2)[:, None]


def _shakhov(f: Tensor, state: State, steps: Tensor, prandtl: float, grid: Velocities) -> tuple[Tensor, Tensor]:
    """Mg [1 + (1 - Pr) c q / (5 p T) (c^2 / T - 3)], T Mg [1 + (1 - Pr) c q / (5 p T) (c^2 / T - 1)]."""
    rho, u, temperature, _ = state
    g, h = discrete_maxwellian(rho, u, temperature, grid)
    flow = (1 - prandtl) * heat_flux(f, u, grid) / (1 + prandtl * steps) / (5 * rho * temperature**2)
    c = grid.v[:, :, None] - u[:, None]
    tilt, square = c * flow[:, None], c**2 / temperature[:, None]
    return g * (1 + tilt * (square - 3)), h * (1 + tilt * (square - 1))


TARGETS = {"bgk": _bgk, "es_bgk": _es_bgk, "shakhov": _shakhov}
