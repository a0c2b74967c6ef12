"""As many moments as one likes, with real speeds whatever closes them.

    d_t m_n + d_x m_{n+1} = (m_n[M] - m_n)/τ,    d_t k_n + d_x k_{n+1} = (k_n[M] - k_n)/τ,    n = 0 … N,

is exact for the BGK equation but for the changes of m_{N+1} and k_{N+1}. They are those for which, in the frame
c = (v - u)/T^(1/2) of the gas,

    ∫ P(c) d_x g dv = 0,    ∫ S(c) d_x h dv = 0,    P = (c - α) He_N - β He_{N-1},    S likewise,

with α and β > 0 of each chain any functions of the state. P is the characteristic polynomial of the Jacobi matrix
of Hermite's polynomials with another last row, (…, (N-1)^(1/2), 0), (β^(1/2), α): symmetric, and its last
component couples to all others, so that the speeds u + T^(1/2) c, P(c) = 0, are real and distinct: the system is
hyperbolic. α = 0, β = N are the globally hyperbolic moment equations of Cai, Fan and Li (2013), with the nodes of
Gauss and Hermite as speeds.

P and S have no He_0, He_1, He_2 in them for N >= 4, and so annihilate all changes of a Maxwellian: the limits of Euler
and of Navier, Stokes and Fourier are exact. All rows but the last of each chain have fluxes; mass, momentum and energy
are conserved.
Boosts and scaling are exact if α and β are functions of standardised moments alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import lgamma
from typing import Protocol

import torch
from torch import Tensor

from eltanin_gas.flows.hermite import gaussian_moments, hermite_moments, raw_moments
from eltanin_gas.flows.jacobi import eigenvalues, largest_root
from eltanin_gas.flows.six_moments import realizability
from eltanin_gas.flows.system import no_diffusion, thermodynamic
from eltanin_gas.monatomic import State, closing_of, invariants, state_of

LEAST_ORDER = 4  # below it Navier, Stokes and Fourier are not exact
LEAST_MARGIN = 1e-3  # of realizability; a Maxwellian has 1
HALVINGS = 30  # of the way to the Maxwellian


class Tail(Protocol):
    """Whatever closes the two chains."""

    def __call__(self, standardised: Tensor, /) -> tuple[Tensor, Tensor]:
        """Return α and β (..., 2), of g's chain and of h's, of `standardised` moments (..., 2, N + 1)."""
        ...


def hermite_tail(standardised: Tensor) -> tuple[Tensor, Tensor]:
    """Return α = 0 and β = N (..., 2): no learning, Hermite's own polynomials."""
    nothing = torch.zeros_like(standardised[..., 0])
    return nothing, nothing + (standardised.shape[-1] - 1)


def standardised(chains: Tensor) -> Tensor:
    """Return ∫ He_j(c) f/(j!)^(1/2) over ρ for g and over ρT for h, (..., 2, N + 1), of raw moments (..., 2, N + 1).

    A Maxwellian has 1 for j = 0 and nothing else.
    """
    rho, u, temperature = thermodynamic(conserved(chains))
    return hermite_moments(chains, _both(u), _both(temperature)) / scales(rho, temperature, chains.shape[-1])


def scales(rho: Tensor, temperature: Tensor, n: int) -> Tensor:
    """Return what standardised moments are multiples of, (..., 2, n)."""
    j = torch.arange(n, dtype=rho.dtype, device=rho.device)
    roots = torch.tensor([lgamma(i + 1) / 2 for i in range(n)], dtype=rho.dtype, device=rho.device).exp()
    of_g = rho[..., None] * temperature[..., None] ** (j / 2) * roots
    return torch.stack([of_g, of_g * temperature[..., None]], dim=-2)


def closing_changes(jump: Tensor, u: Tensor, temperature: Tensor, tail: tuple[Tensor, Tensor]) -> Tensor:
    """Return the changes of m_{N+1} and k_{N+1} (..., 2) that go with those of the others (..., 2, N + 1)."""
    alpha, beta = tail
    n = jump.shape[-1] - 1
    u, temperature = _both(u), _both(temperature)
    known = torch.cat([jump, torch.zeros_like(jump[..., :1])], dim=-1)
    last = hermite_moments(known, u, temperature)[..., -3:]  # of He_{N-1}, He_N, and He_{N+1} without v^{N+1}
    return alpha * temperature.sqrt() * last[..., 1] - (n - beta) * temperature * last[..., 0] - last[..., 2]


def conserved(chains: Tensor) -> Tensor:
    """Return mass, momentum and energy (..., 3) of raw moments (..., 2, N + 1)."""
    g, h = chains[..., 0, :], chains[..., 1, :]
    return torch.stack([g[..., 0], g[..., 1], g[..., 2] / 2 + h[..., 0]], dim=-1)


def lowest_six(chains: Tensor) -> Tensor:
    """Return m0, m1, m2, m3, k0, k1 (..., 6) of raw moments (..., 2, N + 1)."""
    return torch.cat([chains[..., 0, :4], chains[..., 1, :2]], dim=-1)


@dataclass(frozen=True)
class ManyMoments:
    """The system of 2 (N + 1) moments m_0 … m_N, k_0 … k_N under a tail; order N >= 4."""

    tail: Tail
    order: int

    @property
    def moments(self) -> int:
        """How many there are."""
        return 2 * (self.order + 1)

    def chains(self, u: Tensor) -> Tensor:
        """Return U (..., moments) as (..., 2, N + 1)."""
        return u.unflatten(-1, (2, self.order + 1))

    def difference(self, left: Tensor, right: Tensor) -> Tensor:
        """Return the change of fluxes, with the closing changes as at the mean of both sides."""
        middle, jump = self.chains((left + right) / 2), self.chains(right - left)
        _, velocity, temperature = thermodynamic(conserved(middle))
        closing = closing_changes(jump, velocity, temperature, self.tail(standardised(middle)))
        return torch.cat([jump[..., 1:], closing[..., None]], dim=-1).flatten(-2)

    def speeds(self, u: Tensor) -> tuple[Tensor, Tensor]:
        """Return bounds of the slowest and the fastest characteristic."""
        chains = self.chains(u)
        _, velocity, temperature = thermodynamic(conserved(chains))
        alpha, beta = self.tail(standardised(chains))
        top = largest_root(torch.cat([alpha, -alpha], -1), torch.cat([beta, beta], -1), self.order)
        root = temperature.sqrt()
        return velocity - root * top[..., 2:].amax(-1), velocity + root * top[..., :2].amax(-1)

    def jacobi_speeds(self, u: Tensor) -> Tensor:
        """Return all characteristic speeds over T^(1/2), from u, (..., 2, N + 1) in ascending order."""
        alpha, beta = self.tail(standardised(self.chains(u)))
        return eigenvalues(alpha, beta, self.order)

    def equilibrium(self, u: Tensor) -> Tensor:
        """Return the moments of the Maxwellian of the same mass, momentum and energy."""
        rho, velocity, temperature = thermodynamic(self.conserved(u))
        of_g = rho[..., None] * gaussian_moments(velocity, temperature, self.order + 1)
        return torch.cat([of_g, temperature[..., None] * of_g], dim=-1)

    def conserved(self, u: Tensor) -> Tensor:
        """Return mass, momentum and energy (..., 3)."""
        return conserved(self.chains(u))

    def variables(self, u: Tensor) -> Tensor:
        """Return ρ, u, T and the standardised moments but those that these three tell, (..., moments)."""
        chains = self.chains(u)
        found = standardised(chains)
        three = torch.stack(thermodynamic(conserved(chains)), dim=-1)
        return torch.cat([three, found[..., 0, 2:], found[..., 1, 1:]], dim=-1)

    def from_variables(self, variables: Tensor) -> Tensor:
        """Return the moments of ρ, u, T and standardised moments."""
        rho, velocity, temperature = variables[..., :3].unbind(-1)
        of_g, of_h = variables[..., 3:].split([self.order - 1, self.order], dim=-1)
        one = torch.ones_like(of_g[..., :1])
        across = 1 - of_g[..., :1] / 2**0.5  # P_perp/p: (P_xx + 2 P_perp)/3 is p
        found = torch.stack([torch.cat([one, 0 * one, of_g], -1), torch.cat([across, of_h], -1)], dim=-2)
        scaled = found * scales(rho, temperature, self.order + 1)
        return raw_moments(scaled, _both(velocity), _both(temperature)).flatten(-2)

    def diffusion(self, left: Tensor, right: Tensor, tau: Tensor, spacing: Tensor) -> Tensor | None:
        """Return nothing: gradients close the last rows alone."""
        del left, right, tau, spacing
        return None

    def diffusivity(self, u: Tensor, tau: Tensor) -> Tensor:
        """Return zero."""
        del tau
        return no_diffusion(u)

    def held(self, u: Tensor) -> Tensor:
        """Return U, moved straight towards its Maxwellian where m0 … m4, k0 … k2 are those of no f >= 0.

        The moments of gases are a convex set with the Maxwellian inside, so there is a nearest point on the way.
        """
        wrong = self._realizability(u) < LEAST_MARGIN
        if not bool(wrong.any()):
            return u
        away = u[wrong]
        rest = self.equilibrium(away)
        low, high = torch.zeros_like(away[:, :1]), torch.ones_like(away[:, :1])
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            good = self._realizability(rest + middle * (away - rest))[:, None] >= LEAST_MARGIN
            low, high = torch.where(good, middle, low), torch.where(good, high, middle)
        return u.masked_scatter(wrong[..., None], rest + low * (away - rest))

    def margins(self, u: Tensor) -> Mapping[str, Tensor]:
        """Return density, temperature, realizability of m0 … m4, k0 … k2, the gap of speeds, and 0: they are real."""
        rho, _, temperature = thermodynamic(self.conserved(u))
        return {
            "density": rho,
            "temperature": temperature,
            "realizability": self._realizability(u),
            "hyperbolicity": torch.zeros_like(rho),
            "gap": self.jacobi_speeds(u).diff(dim=-1).amin((-1, -2)),
        }

    def from_state(self, state: State) -> Tensor:
        """Return the moments of Grad's distribution of a state: what six moments do not tell is as in a Maxwellian."""
        rho, velocity, temperature, stress, q3, k1 = state
        pressure = rho * temperature
        flow = pressure * temperature.sqrt()
        none = torch.zeros_like(rho)
        of_g = [stress / pressure / 2**0.5, q3 / flow / 6**0.5] + [none] * (self.order - 3)
        of_h = [k1 / flow] + [none] * (self.order - 1)
        return self.from_variables(torch.stack([rho, velocity, temperature, *of_g, *of_h], dim=-1))

    def state(self, u: Tensor, tau: Tensor, spacing: Tensor) -> State:
        """Return the state of the moments."""
        del tau, spacing
        return state_of(lowest_six(self.chains(u)))

    def _realizability(self, u: Tensor) -> Tensor:
        chains = self.chains(u)
        six = lowest_six(chains)
        closing = closing_of(six, chains[..., 0, 4], chains[..., 1, 2])
        return realizability(*invariants(six).unbind(-1), *closing.unbind(-1))


def _both(x: Tensor) -> Tensor:
    """Return (..., 1), which both chains share."""
    return x[..., None]
