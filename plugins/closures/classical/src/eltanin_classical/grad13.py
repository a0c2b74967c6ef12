"""Grad's thirteen moments in one dimension: (ρ, u, T, σ, q).

With U = (m0, m1, m2, k0, G), G = ∫ v |v|²/2 f dv, the equations are a conservation law,

    d_t (m0, m1, m2, k0, G) + d_x (m1, m2, m3, k1, H) = (equilibrium - U)/τ,
    Q = (6/5) q,  K = (2/5) q,  ∫ c² |c|²/2 f dv = (5/2) p T + (7/2) σ T,

and for smooth solutions they are the familiar ones,

    σ_t + u σ_x + (4/3) p u_x + (7/3) σ u_x + (8/15) q_x = -σ/τ,
    q_t + u q_x + (16/5) q u_x + (5/2)(p + σ) T_x + (T - σ/ρ) σ_x - (σ T/ρ) ρ_x = -q/τ.

At equilibrium the speeds are 0, ±0.62973 c and ±1.65029 c, so that no smooth shock is faster than Mach 1.65.
Away from it they become complex: `hyperbolic_heat_flux` says where.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from eltanin_gas.flows.system import no_diffusion, thermodynamic
from eltanin_gas.monatomic import State


def primitive_matrix(stress: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """Return A (..., 5, 5) of d_t V + A d_x V, V = (ρ, u, T, σ, q), at ρ = 1, u = 0, T = 1 and these σ, q (...)."""
    zero, one = np.zeros_like(stress), np.ones_like(stress)
    rows = [
        [zero, one, zero, zero, zero],
        [one, zero, one, one, zero],
        [zero, 2 / 3 * (1 + stress), zero, zero, 2 / 3 * one],
        [zero, 4 / 3 + 7 / 3 * stress, zero, zero, 8 / 15 * one],
        [-stress, 16 / 5 * heat, 5 / 2 * (1 + stress), 1 - stress, zero],
    ]
    return np.moveaxis(np.array(rows), (0, 1), (-2, -1))


def characteristic_speeds(stress: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """Return the speeds (..., 5) over T^(1/2) from u, complex, of σ/p and q/(p T^(1/2))."""
    return np.linalg.eigvals(primitive_matrix(np.asarray(stress, float), np.asarray(heat, float))).astype(complex)


def hyperbolic_heat_flux(stress: float, tolerance: float = 1e-4) -> float:
    """Return the least |q|/(p T^(1/2)) at this σ/p from which on two speeds are complex, by bisection."""
    low, high = 0.0, 4.0
    while high - low > tolerance:
        middle = (low + high) / 2
        real = np.abs(characteristic_speeds(np.array(stress), np.array(middle)).imag).max() < 1e-6
        low, high = (middle, high) if real else (low, middle)
    return low


@dataclass(frozen=True)
class Grad13:
    """The thirteen-moment equations, five of which are left in one dimension."""

    conservative: ClassVar[bool] = True
    moments: int = 5

    def flux(self, u: Tensor) -> Tensor:
        """Return F (..., 5)."""
        rho, v, temperature, stress, q3, k1 = self._state(u)
        p = rho * temperature
        along, across = p + stress, p - stress / 2
        m3 = q3 + 3 * v * along + rho * v**3
        heat = q3 / 2 + k1
        fourth = temperature * (5 / 2 * p + 7 / 2 * stress)
        energy = fourth + 2 * v * heat + q3 * v + v**2 * (3 * along + across) + rho * v**4 / 2
        return torch.stack([u[..., 1], u[..., 2], m3, k1 + v * across, energy], dim=-1)

    def difference(self, left: Tensor, right: Tensor) -> Tensor:
        """Return F(right) - F(left)."""
        return self.flux(right) - self.flux(left)

    def eigenvalues(self, u: Tensor) -> Tensor:
        """Return the characteristic speeds (..., 5), complex."""
        rho, v, temperature, stress, q3, k1 = self._state(u)
        p, root = rho * temperature, temperature.sqrt()
        heat = (q3 / 2 + k1) / (p * root)
        found = characteristic_speeds((stress / p).numpy(force=True), heat.numpy(force=True))
        return v[..., None] + root[..., None] * torch.as_tensor(found, device=u.device)

    def speeds(self, u: Tensor) -> tuple[Tensor, Tensor]:
        """Return the slowest and the fastest characteristic; a complex pair counts by its modulus."""
        found = self.eigenvalues(u)
        return (found.real - found.imag.abs()).amin(-1), (found.real + found.imag.abs()).amax(-1)

    def equilibrium(self, u: Tensor) -> Tensor:
        """Return the moments of the Maxwellian of the same mass, momentum and energy."""
        rho, v, temperature = thermodynamic(self.conserved(u))
        nothing = torch.zeros_like(rho)
        return self.from_state(State(rho, v, temperature, nothing, nothing, nothing))

    def conserved(self, u: Tensor) -> Tensor:
        """Return mass, momentum and energy (..., 3)."""
        return torch.stack([u[..., 0], u[..., 1], u[..., 2] / 2 + u[..., 3]], dim=-1)

    def variables(self, u: Tensor) -> Tensor:
        """Return (ρ, u, T, σ/p, q/(p T^(1/2))), (..., 5)."""
        rho, v, temperature, stress, q3, k1 = self._state(u)
        p = rho * temperature
        return torch.stack([rho, v, temperature, stress / p, (q3 / 2 + k1) / (p * temperature.sqrt())], dim=-1)

    def from_variables(self, variables: Tensor) -> Tensor:
        """Return the moments of (ρ, u, T, σ/p, q/(p T^(1/2)))."""
        rho, v, temperature, s, reduced = variables.unbind(-1)
        p = rho * temperature
        heat = reduced * p * temperature.sqrt()
        return self.from_state(State(rho, v, temperature, s * p, 6 / 5 * heat, 2 / 5 * heat))

    def diffusion(self, left: Tensor, right: Tensor, tau: Tensor, spacing: Tensor) -> Tensor | None:
        """Return nothing."""
        del left, right, tau, spacing
        return None

    def diffusivity(self, u: Tensor, tau: Tensor) -> Tensor:
        """Return zero."""
        del tau
        return no_diffusion(u)

    def held(self, u: Tensor) -> Tensor:
        """Return U as it is."""
        return u

    def margins(self, u: Tensor) -> Mapping[str, Tensor]:
        """Return density, temperature, and minus the largest imaginary part of a speed, (...)."""
        rho, _, temperature = thermodynamic(self.conserved(u))
        lost = self.eigenvalues(u).imag.abs().amax(-1)
        return {"density": rho, "temperature": temperature, "hyperbolicity": -lost}

    def from_state(self, state: State) -> Tensor:
        """Return the moments of a state; of Q and K the heat flux alone is kept."""
        rho, v, temperature, stress, _, _ = state
        p = rho * temperature
        along, across = p + stress, p - stress / 2
        energy_flux = state.heat_flux + v * (3 / 2 * along + across) + rho * v**3 / 2
        return torch.stack([rho, rho * v, along + rho * v**2, across, energy_flux], dim=-1)

    def state(self, u: Tensor, tau: Tensor, spacing: Tensor) -> State:
        """Return the state of the moments."""
        del tau, spacing
        return self._state(u)

    def _state(self, u: Tensor) -> State:
        rho, v, temperature = thermodynamic(self.conserved(u))
        p = rho * temperature
        along = u[..., 2] - rho * v**2
        heat = u[..., 4] - v * (3 / 2 * along + u[..., 3]) - rho * v**3 / 2
        return State(rho, v, temperature, along - p, 6 / 5 * heat, 2 / 5 * heat)
