"""Contracted Gaussian basis functions, with their derivatives where coordinates carry them.

    χ(r) = Σ_m c_m x^a y^b z^c R(r²),    R(r²) = Σ_p C_p exp(-α_p r²),    r from the nucleus, a + b + c = l

(Szabo and Ostlund, Modern Quantum Chemistry, 3.6). The matrix c turns monomials into real spherical functions.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from eltanin_walkers import laplacian as lap
from eltanin_walkers.laplacian import Value


class Basis(NamedTuple):
    """A basis of a molecule, as tables.

    nuclei: (atoms, 3) bohr.  atoms: (primitives,) the nucleus of each.  exponents: α (primitives,) bohr^-2.
    contraction: C (primitives, radial parts).  axes: (monomials, l) the factors of each monomial, 0 … 2 for x, y, z and
    3 for none.  centres: (monomials,) the nucleus of each.  radial: (monomials,) the radial part of each.
    spherical: c (monomials, functions).
    """

    nuclei: Tensor
    atoms: Tensor
    exponents: Tensor
    contraction: Tensor
    axes: Tensor
    centres: Tensor
    radial: Tensor
    spherical: Tensor


def functions(basis: Basis, x: Value) -> Value:
    """Return all functions (n, N, functions) at positions (n, N, 3), with derivatives by the particle's own place."""
    away = lap.linear(lambda t: t[..., None, :], x) + -basis.nuclei
    decays = lap.linear(lambda t: t[..., basis.atoms] * -basis.exponents, lap.square_norm(away))
    radial = lap.dense(lap.exp(decays), basis.contraction)
    values = lap.linear(lambda t: t[..., basis.radial], radial)
    for factor in basis.axes.T:
        values = values * _factor(away, basis.centres, factor)
    return lap.dense(values, basis.spherical)


def _factor(away: Value, centres: Tensor, axes: Tensor) -> Value:
    """Return a factor of each monomial (n, N, monomials): a coordinate from its nucleus, or 1 where the axis is 3."""
    there = (axes < 3).to(torch.float64)
    chosen = axes.clamp(max=2)
    return lap.linear(lambda t: t[..., centres, chosen] * there, away) + (1 - there)
