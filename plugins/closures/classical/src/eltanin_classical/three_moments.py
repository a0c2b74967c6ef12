"""Mass, momentum and energy: the Euler equations, and those of Navier, Stokes and Fourier.

    d_t (ρ, ρ u, E) + d_x (ρ u, ρ u² + p + σ, (E + p + σ) u + q) = 0

with σ = q = 0 (Euler), or with the coefficients of BGK, μ = τ p and κ = (5/2) τ p,

    σ = -(4/3) μ d_x u,    q = -κ d_x T.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from eltanin_gas.flows.system import no_diffusion, thermodynamic
from eltanin_gas.monatomic import State, sound_speed


@dataclass(frozen=True)
class Euler:
    """No stress and no heat flux: the limit of small Knudsen numbers."""

    conservative: ClassVar[bool] = True
    moments: int = 3

    def flux(self, u: Tensor) -> Tensor:
        """Return (ρ u, ρ u² + p, (E + p) u), (..., 3)."""
        rho, v, temperature = thermodynamic(u)
        p = rho * temperature
        return torch.stack([u[..., 1], u[..., 1] * v + p, (u[..., 2] + p) * v], dim=-1)

    def difference(self, left: Tensor, right: Tensor) -> Tensor:
        """Return F(right) - F(left)."""
        return self.flux(right) - self.flux(left)

    def speeds(self, u: Tensor) -> tuple[Tensor, Tensor]:
        """Return u - c and u + c."""
        _, v, temperature = thermodynamic(u)
        c = sound_speed(temperature)
        return v - c, v + c

    def equilibrium(self, u: Tensor) -> Tensor:
        """Return the moments themselves: collisions conserve all three."""
        return u

    def conserved(self, u: Tensor) -> Tensor:
        """Return the moments themselves."""
        return u

    def variables(self, u: Tensor) -> Tensor:
        """Return (ρ, u, T), (..., 3)."""
        return torch.stack(thermodynamic(u), dim=-1)

    def from_variables(self, variables: Tensor) -> Tensor:
        """Return the moments of (ρ, u, T)."""
        rho, v, temperature = variables.unbind(-1)
        return torch.stack([rho, rho * v, rho * (v**2 + 3 * temperature) / 2], dim=-1)

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
        """Return density and temperature, (...)."""
        rho, _, temperature = thermodynamic(u)
        return {"density": rho, "temperature": temperature}

    def from_state(self, state: State) -> Tensor:
        """Return the moments of a state; its stress and heat flux are forgotten."""
        return self.from_variables(torch.stack([state.density, state.velocity, state.temperature], dim=-1))

    def state(self, u: Tensor, tau: Tensor, spacing: Tensor) -> State:
        """Return the state (n, cells) of the moments."""
        del tau, spacing
        rho, v, temperature = thermodynamic(u)
        nothing = torch.zeros_like(rho)
        return State(rho, v, temperature, nothing, nothing, nothing)


@dataclass(frozen=True)
class NavierStokesFourier(Euler):
    """Stress and heat flux of the first order in gradients."""

    def diffusion(self, left: Tensor, right: Tensor, tau: Tensor, spacing: Tensor) -> Tensor | None:
        """Return (0, σ, σ u + q) between cells, of central differences."""
        rho_l, u_l, t_l = thermodynamic(left)
        rho_r, u_r, t_r = thermodynamic(right)
        viscosity = tau * (rho_l * t_l + rho_r * t_r) / 2
        stress = -4 / 3 * viscosity * (u_r - u_l) / spacing
        heat = -5 / 2 * viscosity * (t_r - t_l) / spacing
        return torch.stack([torch.zeros_like(stress), stress, stress * (u_l + u_r) / 2 + heat], dim=-1)

    def diffusivity(self, u: Tensor, tau: Tensor) -> Tensor:
        """Return the largest of (4/3) μ/ρ and (2/3) κ/ρ."""
        return 5 / 3 * tau * thermodynamic(u)[2]

    def state(self, u: Tensor, tau: Tensor, spacing: Tensor) -> State:
        """Return the state, with σ and q of central differences; at the ends one-sided, q = Q/2 + K, Q = 3 K."""
        rho, v, temperature = thermodynamic(u)
        viscosity = tau * rho * temperature
        by_u, by_t = (torch.gradient(x, dim=-1)[0] / spacing[:, None] for x in (v, temperature))
        transverse = -viscosity * by_t  # K = κ/(5/2) of q, and Q = 6/5 q
        return State(rho, v, temperature, -4 / 3 * viscosity * by_u, 3 * transverse, transverse)
