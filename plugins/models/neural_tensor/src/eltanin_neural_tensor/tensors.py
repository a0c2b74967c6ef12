"""Tensors of a structure: sums over atoms, made of vectors V_i that turn along and numbers c_i that do not.

    μ = Σ_i Σ_m c_im V_im
    α = Σ_i ( Σ_m c_im V_im V_imᵀ + c_i0 1 + b_{t_i} 1 )

V_i, (3, M), are the rows of x, y and z of the embedded neighbours (`eltanin_smooth.invariants`), c_i = net_{t_i}(D_i)
the output of a net of what turning leaves as it is. Dipole: Zhang et al., Phys. Rev. B 102, 041121 (2020).
Polarizability: Sommers et al., Phys. Chem. Chem. Phys. 22, 10592 (2020), with the part c_i0 that is alike in all
directions beside theirs, which vanishes for an atom without neighbours or in a cubic site. Under a rotation or
reflection Q: μ to Q μ, α to Q α Qᵀ, and nothing of it depends on an origin.

μ in e·Å, α and b in Å³.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor


def dipoles(c: Float[Tensor, "atoms m"], v: Float[Tensor, "atoms 3 m"]) -> Float[Tensor, "atoms 3"]:
    """Return Σ_m c_m V_m of every atom."""
    return (v @ c[:, :, None]).squeeze(2)


def polarizabilities(c: Float[Tensor, "atoms m+1"], v: Float[Tensor, "atoms 3 m"]) -> Float[Tensor, "atoms 3 3"]:
    """Return Σ_m c_m V_m V_mᵀ + c_0 1 of every atom; c_0 is the last column of c."""
    return (v * c[:, None, :-1]) @ v.transpose(1, 2) + isotropic(c[:, -1])


def isotropic(a: Float[Tensor, " n"]) -> Float[Tensor, "n 3 3"]:
    """Return a 1."""
    return a[:, None, None] * torch.eye(3, dtype=a.dtype, device=a.device)


class Kind(NamedTuple):
    """How a quantity is made.

    shape: of the tensor.  extra: numbers c beside those that go with a vector each.  order: how many times a vector
    enters.  atomic: the kernel.  biased: a multiple of 1 is taken out for each species.  rmse: what its error is
    called, in so many of its unit.
    """

    shape: tuple[int, ...]
    extra: int
    order: int
    atomic: Callable[[Tensor, Tensor], Tensor]
    biased: bool
    rmse: tuple[str, float]


KINDS: Mapping[str, Kind] = {
    "dipole": Kind((3,), 0, 1, dipoles, False, ("dipole_rmse_me_angstrom", 1000.0)),
    "polarizability": Kind((3, 3), 1, 2, polarizabilities, True, ("polarizability_rmse_cubic_angstrom", 1.0)),
}
