"""Finite volumes of second order for moment systems, conservative or not.

With U reconstructed linearly in each cell (van Leer's monotonised central slopes, in coordinates whose bounds
are boxes) and the outermost speeds s- <= s+ of the two cells at a face, the jump is divided after Harten, Lax and van
Leer into what goes left and what goes right (Parés 2006; Castro et al. 2012, for systems without a flux),

    D- = -s- (ΔF - s+ ΔU) / (s+ - s-),    D+ = s+ (ΔF - s- ΔU) / (s+ - s-),    s- <= 0 <= s+,
    dU_i/dt = -(D+_{i-1/2} + D-_{i+1/2} + F(U_i at its right) - F(U_i at its left)) / Δx.

Where F exists the sum telescopes: rows that are conserved are conserved to round-off.
"""

from __future__ import annotations

import torch
from torch import Tensor

from eltanin_gas.flows.system import MomentSystem, conservative
from eltanin_gas.problems import Boundary

GHOSTS = 2


def extended(u: Tensor, boundary: Tensor, beyond: Tensor) -> Tensor:
    """Return U (n, 2 + cells + 2, moments) with what lies beyond both ends.

    boundary: (n,) of `Boundary`.  beyond: (n, 2, moments), the gas left and right of a FIXED boundary.
    """
    kind = boundary[:, None, None]

    def side(other_end: Tensor, outermost: Tensor, kept: Tensor) -> Tensor:
        open_or_fixed = torch.where(kind == int(Boundary.FIXED), kept, outermost)
        return torch.where(kind == int(Boundary.PERIODIC), other_end, open_or_fixed.expand_as(other_end))

    left = side(u[:, -GHOSTS:], u[:, :1], beyond[:, :1])
    right = side(u[:, :GHOSTS], u[:, -1:], beyond[:, 1:])
    return torch.cat([left, u, right], dim=1)


def limited_slopes(values: Tensor) -> Tensor:
    """Return the monotonised central slopes (n, cells - 2, k) of values (n, cells, k), per cell."""
    below, above = values[:, 1:-1] - values[:, :-2], values[:, 2:] - values[:, 1:-1]
    least = torch.minimum(2 * torch.minimum(below.abs(), above.abs()), (below + above).abs() / 2)
    return torch.where(below * above > 0, torch.sign(below) * least, torch.zeros_like(below))


def split(flux: Tensor, jump: Tensor, slow: Tensor, fast: Tensor) -> tuple[Tensor, Tensor]:
    """Return D- and D+ of the differences of F and U across faces (..., moments), of speeds (...)."""
    slow, fast = slow.clamp(max=0.0)[..., None], fast.clamp(min=0.0)[..., None]
    width = (fast - slow).clamp(min=torch.finfo(jump.dtype).tiny)
    return -slow * (flux - fast * jump) / width, fast * (flux - slow * jump) / width


def differences(system: MomentSystem, low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    """Return F(high) - F(low) of cells (n, cells, moments) and F(low of the next) - F(high) of the faces between."""
    if conservative(system):
        at_low, at_high = system.flux(torch.cat([low, high])).chunk(2)  # once: it may be a network
        return at_high - at_low, at_low[:, 1:] - at_high[:, :-1]
    return system.difference(low, high), system.difference(high[:, :-1], low[:, 1:])


def speeds_around(system: MomentSystem, u: Tensor, boundary: Tensor, beyond: Tensor) -> tuple[Tensor, Tensor]:
    """Return bounds of the speeds (n, 1 + cells + 1) of the cells and of those beyond the ends."""
    return system.speeds(extended(u, boundary, beyond)[:, 1:-1])


def transport(
    system: MomentSystem,
    u: Tensor,
    tau: Tensor,
    spacing: Tensor,
    boundary: Tensor,
    beyond: Tensor,
    speeds: tuple[Tensor, Tensor] | None = None,
) -> Tensor:
    """Return dU/dt (n, cells, moments) without collisions; tau (n, cells), spacing (n,).

    speeds: of `speeds_around`, if they are known.
    """
    around = extended(u, boundary, beyond)
    values = system.variables(around)
    half = limited_slopes(values) / 2
    centre = values[:, 1:-1]
    low, high = system.from_variables(centre - half), system.from_variables(centre + half)
    slow, fast = speeds or system.speeds(around[:, 1:-1])
    slow, fast = torch.minimum(slow[:, :-1], slow[:, 1:]), torch.maximum(fast[:, :-1], fast[:, 1:])
    inside, across = differences(system, low, high)
    leftward, rightward = split(across, low[:, 1:] - high[:, :-1], slow, fast)
    change = rightward[:, :-1] + leftward[:, 1:] + inside[:, 1:-1]
    dx = spacing[:, None, None]
    near = extended(tau[..., None], boundary, tau[:, [0, -1]][..., None])[:, 1:-1, 0]
    diffused = system.diffusion(around[:, 1:-2], around[:, 2:-1], (near[:, :-1] + near[:, 1:]) / 2, dx[..., 0])
    if diffused is not None:
        change = change + diffused[:, 1:] - diffused[:, :-1]
    return -change / dx
