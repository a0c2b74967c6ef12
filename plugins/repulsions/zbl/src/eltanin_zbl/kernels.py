"""The universal potential, and how it goes to zero.

    V(r) = e²/(4πε₀) Z₁ Z₂ / r · φ(r/a),    a = 0.46850 Å / (Z₁^0.23 + Z₂^0.23)
    φ(x) = Σ_k c_k exp(-d_k x)

Source: J. F. Ziegler, J. P. Biersack, U. Littmark, The Stopping and Range of Ions in Solids (Pergamon,
1985), chapter 2; constants in the digits of LAMMPS's pair_style zbl. Distances in Å, energies in eV.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

COULOMB = 14.3996454785  # e²/(4πε₀), eV Å
LENGTH = 0.46850  # Å
POWER = 0.23
SHARES = (0.18175, 0.50986, 0.28022, 0.02817)
DECAYS = (3.19980, 0.94229, 0.40290, 0.20162)


def universal(
    r: Float[Tensor, " pairs"], first: Float[Tensor, " pairs"], second: Float[Tensor, " pairs"]
) -> tuple[Float[Tensor, " pairs"], Float[Tensor, " pairs"]]:
    """Return V and dV/dr of two atomic numbers at a distance."""
    rate = (first**POWER + second**POWER) / LENGTH
    terms = [(share * torch.exp(-decay * rate * r), decay * rate) for share, decay in zip(SHARES, DECAYS, strict=True)]
    screening = torch.stack([term for term, _ in terms]).sum(0)
    steepness = torch.stack([term * fall for term, fall in terms]).sum(0)
    bare = COULOMB * first * second / r
    return bare * screening, -bare * (screening / r + steepness)


def blended(
    value: Float[Tensor, " pairs"],
    slope: Float[Tensor, " pairs"],
    r: Float[Tensor, " pairs"],
    inner: Float[Tensor, " pairs"],
    outer: Float[Tensor, " pairs"],
) -> tuple[Float[Tensor, " pairs"], Float[Tensor, " pairs"]]:
    """Return w V and its derivative, where w(r) falls from 1 at inner to 0 at outer, and is C².

    w = 1 - u³ (6u² - 15u + 10),    u = (r - inner) / (outer - inner) within [0, 1]
    """
    u = ((r - inner) / (outer - inner)).clamp(0, 1)
    w = 1 - u**3 * (6 * u**2 - 15 * u + 10)
    return w * value, w * slope - 30 * (u * (1 - u)) ** 2 / (outer - inner) * value
