"""A closure for the gradients of m4 and k2 that is hyperbolic whatever it has learned.

In the frame c = (v - u)/T^(1/2) the chain of g has a companion matrix, and the chain of h one of its own, that
is coupled to the first from below alone:

    d m4 = Σ_i c_i(r) d m_i,            λ⁴ - Σ c_i λ^i = Π_{i=1..4} (λ - r_i),
    d k2 = T d k0 + T d m2 - T² d m0 + … , λ² - h_1 λ - h_0 = (λ - z_1)(λ - z_2).

The eigenvalues are the r and the z: real and distinct when they are given as a first one and positive gaps.
At equilibrium r = ±0.741964, ±2.334414 (the nodes of Gauss and Hermite) and z = ±1, which annihilate the
variations of a Maxwellian, so that the limits of Euler and Navier-Stokes hold. With speeds that are bounded by
2.334 T^(1/2) at equilibrium every shock above Mach 2.334/(5/3)^(1/2) = 1.81 has a jump in it.
Mass, momentum and energy are conserved; the two highest rows have no flux (paths are straight in U).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from eltanin_gas.flows.six_moments import SixMoments, reduced
from eltanin_gas.monatomic import state_of

NODES = np.polynomial.hermite_e.hermegauss(4)[0]  # the speeds of g's chain at equilibrium
ACROSS = np.array([-1.0, 1.0])  # the speeds of h's chain
PATH, WEIGHTS = np.polynomial.legendre.leggauss(3)
BINOMIAL = ((1,), (1, 1), (1, 2, 1), (1, 3, 3, 1), (1, 4, 6, 4, 1))

Speeds = Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]  # of (s, a, b): r (..., 4) and z (..., 2), sorted


def elementary(roots: Tensor) -> Tensor:
    """Return c (..., n), the constant first, of λ^n - Σ c_i λ^i = Π (λ - r_i), r (..., n)."""
    coefficients = [torch.ones_like(roots[..., 0])]
    for i in range(roots.shape[-1]):
        r = roots[..., i]
        lower = [torch.zeros_like(r), *coefficients]
        coefficients = [x - r * y for x, y in zip(lower, [*coefficients, torch.zeros_like(r)], strict=True)]
    return -torch.stack(coefficients[:-1], dim=-1)


def shifted(changes: list[Tensor], by: Tensor) -> list[Tensor]:
    """Return the moments about another origin, ∫ (v + by)^n, of those about this one, the density first."""
    return [
        sum((BINOMIAL[n][j] * by ** (n - j) * changes[j] for j in range(n + 1)), start=torch.zeros_like(by))
        for n in range(len(changes))
    ]


def highest_changes(u: Tensor, change: Tensor, speeds: Speeds) -> tuple[Tensor, Tensor]:
    """Return d m4 and d k2 (...) of changes (..., 6) of six moments (..., 6)."""
    state = state_of(u)
    v, t = state.velocity, state.temperature
    r, z = speeds(*reduced(u))
    c, h = elementary(r), elementary(z)
    m = shifted(list(change[..., :4].unbind(-1)), -v)
    k = shifted(list(change[..., 4:].unbind(-1)), -v)
    m4 = sum((c[..., i] * t ** ((4 - i) / 2) * m[i] for i in range(4)), start=torch.zeros_like(v))
    k2 = h[..., 0] * t * k[0] + h[..., 1] * t**0.5 * k[1] + t * m[2] - t**2 * m[0]
    return shifted([*m, m4], v)[4], shifted([*k, k2], v)[2]


@dataclass(frozen=True)
class GradientMoments(SixMoments):
    """Six moments whose two highest rows are closed by speeds.

    closure: what would close them by A and B, which is not asked.  characteristic: the speeds r and z.
    """

    conservative: ClassVar[bool] = False
    characteristic: Speeds | None = None

    def difference(self, left: Tensor, right: Tensor) -> Tensor:
        """Return the integral of A(U) dU along the straight path; exact fluxes where they exist."""
        change = right - left
        m4, k2 = torch.zeros_like(left[..., 0]), torch.zeros_like(left[..., 0])
        for node, weight in zip((PATH + 1) / 2, WEIGHTS / 2, strict=True):
            of_m4, of_k2 = highest_changes(left + node * change, change, self._speeds)
            m4, k2 = m4 + weight * of_m4, k2 + weight * of_k2
        one, two, three, five = (change[..., i] for i in (1, 2, 3, 5))
        return torch.stack([one, two, three, m4, five, k2], dim=-1)

    def eigenvalues(self, u: Tensor) -> Tensor:
        """Return the characteristic speeds (..., 6): real and distinct within each chain."""
        state = state_of(u)
        found = torch.cat(self._speeds(*reduced(u)), dim=-1)
        return state.velocity[..., None] + state.temperature.sqrt()[..., None] * found

    def speeds(self, u: Tensor) -> tuple[Tensor, Tensor]:
        """Return the slowest and the fastest characteristic."""
        found = self.eigenvalues(u)
        return found.amin(-1), found.amax(-1)

    def margins(self, u: Tensor) -> dict[str, Tensor]:
        """Return density, temperature and the least gap between speeds of one chain, (...)."""
        state = state_of(u)
        r, z = self._speeds(*reduced(u))
        gap = torch.minimum(r.diff(dim=-1).amin(-1), z.diff(dim=-1).amin(-1))
        return {"density": state.density, "temperature": state.temperature, "hyperbolicity": gap}

    @property
    def _speeds(self) -> Speeds:
        return self.characteristic or equilibrium_speeds


def equilibrium_speeds(s: Tensor, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Return the speeds of equilibrium, whatever the state: Cai, Fan and Li's (2013) regularisation of Grad."""
    del a, b
    return tuple(torch.as_tensor(x, dtype=s.dtype, device=s.device).expand(*s.shape, len(x)) for x in (NODES, ACROSS))  # type: ignore[return-value]
