"""Six moments, closed by two functions of three numbers.

    d_t (m0, m1, m2, m3 | k0, k1) + d_x (m1, m2, m3, m4 | k1, k2) = (equilibrium - moments)/τ

is exact for the BGK equation but for m4 and k2. In the frame of the gas they are

    ∫ c⁴ g dv = ρ T² A(s, a, b),    ∫ c² h dv = ρ T² B(s, a, b),
    s = σ/p,    a = Q/(p T^(1/2)),    b = K/(p T^(1/2)),

so that every closure (A, B) is exact under Galilean boosts and scaling of mass, length and temperature; under
reflection if A and B are even in (a, b). At equilibrium A = 3 and B = 1; that alone makes the Euler and
Navier-Stokes limits exact, for the first order of Chapman and Enskog needs m4 and k2 at the Maxwellian only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Protocol

import torch
from torch import Tensor

from eltanin_gas.flows.characteristics import bounds, closing_rows, polynomial, roots
from eltanin_gas.flows.system import no_diffusion, thermodynamic
from eltanin_gas.monatomic import (
    State,
    conserved_of,
    equilibrium_moments,
    highest_moments,
    invariants,
    moments_of,
    state_of,
)


class Closure(Protocol):
    """Whatever closes six moments."""

    def __call__(self, s: Tensor, a: Tensor, b: Tensor, /) -> tuple[Tensor, Tensor]:
        """Return A and B (...) of the reduced stress s and fluxes a, b (...)."""
        ...


def slopes(closure: Closure, s: Tensor, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return A, B (...) and their derivatives by (s, a, b), (..., 3) each."""
    with torch.enable_grad():
        at = [x.detach().requires_grad_() for x in (s, a, b)]
        values = closure(*at)
        ones = torch.ones_like(s)
        by = [torch.autograd.grad(v, at, ones, retain_graph=True, materialize_grads=True) for v in values]
    return values[0].detach(), values[1].detach(), torch.stack(by[0], -1), torch.stack(by[1], -1)


def characteristic_polynomial(closure: Closure, s: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """Return the polynomial (..., 7) whose roots are the speeds over T^(1/2), from u."""
    a_value, b_value, a_slopes, b_slopes = slopes(closure, s, a, b)
    return polynomial(*closing_rows(s, a, b, (a_value, b_value), (a_slopes, b_slopes)))


def realizability(s: Tensor, a: Tensor, b: Tensor, a_value: Tensor, b_value: Tensor) -> Tensor:
    """Return how far (s, a, b, A, B) lies inside the moments of some g, h >= 0, (...); negative outside.

    -1 < s < 2,  A >= (1 + s)² + a²/(1 + s),  B >= b²/(1 - s/2): Hankel's determinants of both chains.
    """
    along, across = 1 + s, 1 - s / 2
    room = torch.minimum(along, across)
    above_g = a_value - along**2 - a**2 / along.clamp(min=1e-12)
    above_h = b_value - b**2 / across.clamp(min=1e-12)
    return torch.minimum(room, torch.minimum(above_g, above_h))


def reduced(u: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return s, a, b (...) of six moments (..., 6)."""
    s, a, b = invariants(u).unbind(-1)
    return s, a, b


@dataclass(frozen=True)
class SixMoments:
    """The conservative system of six moments under a closure."""

    conservative: ClassVar[bool] = True
    closure: Closure
    moments: int = 6

    def flux(self, u: Tensor) -> Tensor:
        """Return F (..., 6)."""
        m4, k2 = highest_moments(u, torch.stack(self.closure(*reduced(u)), dim=-1))
        return torch.stack([u[..., 1], u[..., 2], u[..., 3], m4, u[..., 5], k2], dim=-1)

    def difference(self, left: Tensor, right: Tensor) -> Tensor:
        """Return F(right) - F(left)."""
        return self.flux(right) - self.flux(left)

    def eigenvalues(self, u: Tensor) -> Tensor:
        """Return the characteristic speeds (..., 6), complex."""
        state = state_of(u)
        speeds = roots(characteristic_polynomial(self.closure, *reduced(u)))
        return state.velocity[..., None] + state.temperature.sqrt()[..., None] * speeds

    def speeds(self, u: Tensor) -> tuple[Tensor, Tensor]:
        """Return bounds of the slowest and the fastest characteristic."""
        state = state_of(u)
        slow, fast = bounds(characteristic_polynomial(self.closure, *reduced(u)))
        root = state.temperature.sqrt()
        return state.velocity + root * slow, state.velocity + root * fast

    def equilibrium(self, u: Tensor) -> Tensor:
        """Return the moments of the Maxwellian of the same mass, momentum and energy."""
        return equilibrium_moments(*thermodynamic(conserved_of(u)))

    def conserved(self, u: Tensor) -> Tensor:
        """Return mass, momentum and energy (..., 3)."""
        return conserved_of(u)

    def variables(self, u: Tensor) -> Tensor:
        """Return (ρ, u, T, s, a, b), (..., 6)."""
        state = state_of(u)
        return torch.stack([*state[:3], *reduced(u)], dim=-1)

    def from_variables(self, variables: Tensor) -> Tensor:
        """Return the moments of (ρ, u, T, s, a, b)."""
        rho, v, t, s, a, b = variables.unbind(-1)
        p, root = rho * t, t.sqrt()
        return moments_of(State(rho, v, t, s * p, a * p * root, b * p * root))

    def diffusion(self, left: Tensor, right: Tensor, tau: Tensor, spacing: Tensor) -> Tensor | None:
        """Return nothing: all fluxes are functions of the moments."""
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
        """Return ρ, T, realizability, minus the largest imaginary part of a speed, the least gap of speeds, (...)."""
        state, at = state_of(u), reduced(u)
        found = roots(characteristic_polynomial(self.closure, *at))
        return {
            "density": state.density,
            "temperature": state.temperature,
            "realizability": realizability(*at, *self.closure(*at)),
            "hyperbolicity": -found.imag.abs().amax(-1),
            "gap": found.real.sort(-1).values.diff(dim=-1).amin(-1),
        }

    def from_state(self, state: State) -> Tensor:
        """Return the moments of a state."""
        return moments_of(state)

    def state(self, u: Tensor, tau: Tensor, spacing: Tensor) -> State:
        """Return the state of the moments."""
        del tau, spacing
        return state_of(u)
