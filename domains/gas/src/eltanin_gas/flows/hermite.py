"""Moments in the frame of a gas: Hermite's polynomials of v about u, of width T^(1/2).

    H_0 = 1,    H_1 = v - u,    H_{j+1} = (v - u) H_j - j T H_{j-1},    H_j = T^(j/2) He_j((v - u)/T^(1/2)).

Against a Maxwellian all but the first vanish. Both directions take only sums of raw moments ∫ v^i f dv: no powers of
velocities apart from their mean, so that little is lost to cancellation.
"""

from __future__ import annotations

import torch
from torch import Tensor


def hermite_moments(raw: Tensor, u: Tensor, temperature: Tensor) -> Tensor:
    """Return ∫ H_j f dv (..., n) of the raw moments ∫ v^j f dv (..., n) of anything; u and T (...)."""
    u, temperature = u[..., None], temperature[..., None]
    before, now = torch.zeros_like(raw), raw
    found = [raw[..., 0]]
    for j in range(1, raw.shape[-1]):
        before, now = now, now[..., 1:] - u * now[..., :-1] - (j - 1) * temperature * before[..., : now.shape[-1] - 1]
        found.append(now[..., 0])
    return torch.stack(found, dim=-1)


def raw_moments(hermite: Tensor, u: Tensor, temperature: Tensor) -> Tensor:
    """Return ∫ v^j f dv (..., n) of ∫ H_j f dv (..., n): the inverse, by v H_j = H_{j+1} + u H_j + j T H_{j-1}."""
    n = hermite.shape[-1]
    u, temperature = u[..., None], temperature[..., None]
    orders = torch.arange(n, dtype=hermite.dtype, device=hermite.device)
    now, found = hermite, [hermite[..., 0]]  # ∫ v^i H_j f dv of i = 0, for all j that are known
    for left in range(n - 1, 0, -1):
        below = torch.cat([torch.zeros_like(now[..., :1]), now[..., : left - 1]], dim=-1)
        now = now[..., 1:] + u * now[..., :left] + orders[:left] * temperature * below
        found.append(now[..., 0])
    return torch.stack(found, dim=-1)


def gaussian_moments(u: Tensor, temperature: Tensor, n: int) -> Tensor:
    """Return ∫ v^j M dv (..., n) of Gaussians of mean u, width T^(1/2) and weight 1, (...)."""
    found = [torch.ones_like(u), u]
    for j in range(1, n - 1):
        found.append(u * found[-1] + j * temperature * found[-2])
    return torch.stack(found[:n], dim=-1)
