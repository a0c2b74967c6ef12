"""What the driver must know of a moment system, and what most systems share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol, TypeGuard

import torch
from torch import Tensor

from eltanin_gas.monatomic import State

RelaxationTime = Callable[[Tensor, Tensor], Tensor]  # of density and temperature (n, cells)


class MomentSystem(Protocol):
    """d_t U + d_x F(U) = (E(U) - U)/τ, U (..., moments); where there is no flux F, A(U) d_x U in its place."""

    @property
    def moments(self) -> int:
        """How many there are."""
        ...

    def difference(self, left: Tensor, right: Tensor) -> Tensor:
        """Return F(right) - F(left), or the integral of A dU along the segment between them."""
        ...

    def speeds(self, u: Tensor) -> tuple[Tensor, Tensor]:
        """Return the slowest and the fastest characteristic, (...), or bounds of them."""
        ...

    def equilibrium(self, u: Tensor) -> Tensor:
        """Return E, a function of mass, momentum and energy alone."""
        ...

    def conserved(self, u: Tensor) -> Tensor:
        """Return mass, momentum and energy (..., 3), linear in U."""
        ...

    def variables(self, u: Tensor) -> Tensor:
        """Return other coordinates of U, in which a box bounds what a gas may be (ρ > 0, T > 0)."""
        ...

    def from_variables(self, variables: Tensor) -> Tensor:
        """Return U of those coordinates."""
        ...

    def diffusion(self, left: Tensor, right: Tensor, tau: Tensor, spacing: Tensor) -> Tensor | None:
        """Return what a gradient adds to the flux between two cells, or nothing."""
        ...

    def diffusivity(self, u: Tensor, tau: Tensor) -> Tensor:
        """Return the largest coefficient of that, (...)."""
        ...

    def held(self, u: Tensor) -> Tensor:
        """Return U of the same mass, momentum and energy, moved to moments that some gas has where they are not."""
        ...

    def margins(self, u: Tensor) -> Mapping[str, Tensor]:
        """Return by name what must not become negative, (...)."""
        ...

    def from_state(self, state: State) -> Tensor:
        """Return U of a state."""
        ...

    def state(self, u: Tensor, tau: Tensor, spacing: Tensor) -> State:
        """Return the state (n, cells) of U."""
        ...


class ConservativeSystem(MomentSystem, Protocol):
    """A system that has a flux F."""

    def flux(self, u: Tensor) -> Tensor:
        """Return F (..., moments)."""
        ...


def conservative(system: MomentSystem) -> TypeGuard[ConservativeSystem]:
    """Return whether it says, by an attribute `conservative`, that F is a function and that it has the method `flux`.

    `difference` then is a difference of it, and where states are shared F is found once.
    """
    return bool(getattr(system, "conservative", False))


def thermodynamic(conserved: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return density, velocity and temperature, (...) each, of mass, momentum and energy (..., 3)."""
    rho, momentum, energy = conserved.unbind(-1)
    u = momentum / rho
    return rho, u, (2 * energy / rho - u**2) / 3


def no_diffusion(u: Tensor) -> Tensor:
    """Return the diffusivity of a system that has none, (...)."""
    return torch.zeros_like(u[..., 0])
