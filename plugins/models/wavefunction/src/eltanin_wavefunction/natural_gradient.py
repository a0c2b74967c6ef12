"""Natural gradients of the energy, as pure functions of scores and errors, in float64.

With N walkers and P parameters, O_ik = (d log ψ(x_i)/dθ_k - mean) / √N and ε_i = -(E_i - mean) / √N. In the space of
wave functions, imaginary time goes along dθ = (OᵀO)⁻¹ Oᵀ ε. All directions here solve it with a damping λ.
"""

from __future__ import annotations

import torch
from torch import Tensor

CLIP = 5.0  # mean absolute deviations from the median (Pfau et al., Phys. Rev. Res. 2, 033429 (2020))


def centred(scores: Tensor, energies: Tensor) -> tuple[Tensor, Tensor]:
    """Return O (N, P) and ε (N,) of scores d log ψ/dθ (N, P) and local energies (N,)."""
    scores, energies, root = scores.double(), energies.double(), len(energies) ** 0.5
    return (scores - scores.mean(0)) / root, -(energies - energies.mean()) / root


def clipped(energies: Tensor, width: float = CLIP) -> Tensor:
    """Return energies (N,) no further from their median than `width` times the mean distance: for updates alone."""
    centre = energies.median()
    reach = width * (energies - centre).abs().mean()
    return energies.clamp(centre - reach, centre + reach)


def stochastic_reconfiguration(o: Tensor, errors: Tensor, damping: float) -> Tensor:
    """Return (OᵀO + λ)⁻¹ Oᵀ ε (P,), by a system of P equations (Sorella, PRL 80, 4558 (1998))."""
    return _solve(_gram(o.mT), damping, o.mT @ errors)


def minimum_step(o: Tensor, errors: Tensor, damping: float) -> Tensor:
    """Return Oᵀ (OOᵀ + λ)⁻¹ ε (P,), the same by N equations (MinSR; Chen and Heyl, Nat. Phys. 20, 1476 (2024))."""
    return o.mT @ _solve(_gram(o), damping, errors)


def spring(o: Tensor, errors: Tensor, damping: float, before: Tensor, momentum: float) -> Tensor:
    """Return φ = Oᵀ T⁻¹ (ε - O μ φ') + μ φ', T = OOᵀ + λ + 11ᵀ/N, φ' the step before.

    SPRING (Goldshlager, Abrahamsen and Lin, J. Comput. Phys. 516, 113351 (2024)): what the walkers of one step do not
    determine is kept from the steps before. The 1 takes the null vector of a centred O out of the solution.
    """
    kept = momentum * before
    gram = _gram(o) + 1 / len(errors)
    return o.mT @ _solve(gram, damping, errors - o @ kept) + kept


def _gram(rows: Tensor) -> Tensor:
    """Return A Aᵀ; numpy sees that it is symmetric and forms half of it, torch forms all."""
    if rows.device.type != "cpu":
        return rows @ rows.mT
    a = rows.numpy()
    return torch.from_numpy(a @ a.T)


def _solve(gram: Tensor, damping: float, right: Tensor) -> Tensor:
    factor = torch.linalg.cholesky(gram + damping * torch.eye(len(gram), dtype=gram.dtype, device=gram.device))
    return torch.cholesky_solve(right[:, None], factor)[:, 0]


def constrained(step: Tensor, longest: float) -> Tensor:
    """Return a step (P,) that is no longer than so much."""
    return step * torch.clamp(longest / step.norm().clamp_min(1e-300), max=1.0)
