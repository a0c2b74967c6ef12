"""Sound and heat in a moment system: how small waves about equilibrium move and die."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from eltanin_gas.flows.system import MomentSystem
from eltanin_gas.monatomic import State


def growth_rates(system: MomentSystem, wave_number: Tensor, tau: float = 1.0) -> Tensor:
    """Return s (k, moments), complex, of waves exp(i k x + s t) about ρ = 1, u = 0, T = 1.

    The eigenvalues of -i k A + k² G + (dE/dU - 1)/τ, of the linearised flux A dU, diffusion G d_x U and equilibrium E.
    """
    one, nothing = torch.ones(1, 1, dtype=torch.float64), torch.zeros(1, 1, dtype=torch.float64)
    rest = system.from_state(State(one, nothing, one, nothing, nothing, nothing))

    def by(function: Callable[[Tensor], Any]) -> Tensor:
        found = torch.autograd.functional.jacobian(function, rest)
        return torch.as_tensor(found).reshape(system.moments, system.moments).to(torch.complex128)

    flux = by(lambda u: system.difference(rest, u))
    collisions = (by(system.equilibrium) - torch.eye(system.moments, dtype=torch.complex128)) / tau
    unit = tau * torch.ones(1, 1, dtype=torch.float64)
    diffuse = system.diffusion(rest, rest, unit, torch.ones_like(unit)) is not None
    diffusion = (
        by(lambda u: system.diffusion(rest, u, unit, torch.ones_like(unit))) if diffuse else torch.zeros_like(flux)
    )
    k = wave_number.to(torch.complex128)[:, None, None]
    return torch.linalg.eigvals(-1j * k * flux + k**2 * diffusion + collisions)


def hydrodynamic(rates: Tensor) -> tuple[Tensor, Tensor]:
    """Return the rates of the acoustic wave with Im s > 0 and of the thermal mode, (k,) each: the slowest to decay."""
    moving = rates.imag > 1e-6
    sound = torch.where(moving, rates.real, torch.full_like(rates.real, -torch.inf)).argmax(-1)
    heat = torch.where(rates.imag.abs() <= 1e-6, rates.real, torch.full_like(rates.real, -torch.inf)).argmax(-1)
    rows = torch.arange(len(rates))
    return rates[rows, sound], rates[rows, heat].real
