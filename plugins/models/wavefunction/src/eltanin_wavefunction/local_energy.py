"""Local energies H ψ / ψ, and the scores d log ψ / dθ, of walkers."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import torch
from torch import Tensor
from torch.func import grad, vmap

from eltanin_walkers.laplacian import Derivatives, derivatives
from eltanin_wavefunction.ansatz import Ansatz, Parameters, Related

CONNECTED = 4096  # configurations that are looked at together


def kinetic(found: Derivatives, mass: float) -> Tensor:
    """Return -(∇² log|ψ| + |∇ log|ψ||²) / 2m (n,), which is -∇²ψ / 2mψ, in atomic units."""
    return -(found.laplacian + (found.gradient**2).sum((1, 2))) / (2 * mass)


def hopping(ansatz: Ansatz, parameters: Parameters, x: Tensor, connected: Tensor, elements: Tensor) -> Tensor:
    """Return Σ_x' <x|H|x'> ψ(x') / ψ(x) (n,); connected: (n, K, sites, 1), elements: (n, K)."""
    together = max(1, CONNECTED // elements.shape[1])
    with torch.no_grad():
        parts = [
            ratios(ansatz, parameters, *some) for some in zip(x.split(together), connected.split(together), strict=True)
        ]
    return (elements * torch.cat(parts)).sum(1)


def ratios(ansatz: Ansatz, parameters: Parameters, x: Tensor, connected: Tensor) -> Tensor:
    """Return ψ(x') / ψ(x) (n, K)."""
    if isinstance(ansatz, Related):
        return ansatz.ratios(parameters, x, connected)
    sign, log = ansatz.log_psi(parameters, x)
    signs, logs = ansatz.log_psi(parameters, connected.flatten(0, 1))
    shape = connected.shape[:2]
    change = torch.as_tensor(logs).reshape(shape) - torch.as_tensor(log)[:, None]
    return signs.reshape(shape) * sign[:, None] * torch.exp(change)


def local_terms(
    ansatz: Ansatz,
    parameters: Parameters,
    x: Tensor,
    labels: Mapping[str, Tensor],
    mass: float | None,
    chunk: int,
) -> dict[str, Tensor]:
    """Return `energy` (n,), H ψ / ψ: the potential, kinetic energy where there is a mass, and hopping on a lattice.

    Where there is a mass, also three kinetic energies (n,) with one mean over ψ², for <-∇² log|ψ|> = 2 <|∇ log|ψ||²>:
    `kinetic` is -∇²ψ / 2mψ, `kinetic_laplacian` -∇² log|ψ| / 4m, `kinetic_gradient` |∇ log|ψ||² / 2m.
    """
    terms, energy = dict[str, Tensor](), labels["potential"]
    if mass is not None:
        found = derivatives(partial(ansatz.log_psi, parameters), x, chunk)
        terms["kinetic"] = kinetic(found, mass)
        terms["kinetic_laplacian"] = -found.laplacian / (4 * mass)
        terms["kinetic_gradient"] = (found.gradient**2).sum((1, 2)) / (2 * mass)
        energy = energy + terms["kinetic"]
    if "connected" in labels:
        energy = energy + hopping(ansatz, parameters, x, labels["connected"], labels["elements"])
    return terms | {"energy": energy}


def scores(ansatz: Ansatz, parameters: Parameters, x: Tensor, chunk: int) -> Tensor:
    """Return d log|ψ(x_i)| / dθ_k (n, P), the parameters in the order of their names."""

    def alone(p: Parameters, r: Tensor) -> Tensor:
        log = ansatz.log_psi(p, r[None])[1]
        assert isinstance(log, Tensor)
        return log[0]

    each = vmap(grad(alone), in_dims=(None, 0))
    rows: list[Tensor] = []
    for some in x.split(chunk):
        found = each(parameters, some)
        rows.append(torch.cat([found[name].reshape(len(some), -1) for name in sorted(found)], dim=1))
    return torch.cat(rows)


def moved(parameters: Parameters, step: Tensor) -> Parameters:
    """Return parameters after a step (P,), in the order of their names."""
    names = sorted(parameters)
    parts = step.split([parameters[name].numel() for name in names])
    return {
        name: parameters[name] + part.reshape(parameters[name].shape) for name, part in zip(names, parts, strict=True)
    }
