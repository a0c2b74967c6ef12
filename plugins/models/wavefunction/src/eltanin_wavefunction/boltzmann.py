"""Restricted Boltzmann machines, for spins s = ±1 on a lattice (Carleo and Troyer, Science 355, 602 (2017)).

log ψ = Σ_j a_j s_j + Σ_i log 2cosh(b_i + Σ_j W_ij s_j), here with real parameters: ψ is nowhere negative.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from eltanin.protocols import Rng, System
from eltanin_walkers.laplacian import Value
from eltanin_wavefunction.ansatz import Parameters


def log_2cosh(x: Tensor) -> Tensor:
    """Return log 2cosh x, however large x is."""
    size = x.abs()
    return size + torch.log1p(torch.exp(-2 * size))


def spins_of(x: Value) -> Tensor:
    """Return spins (n, sites) of walkers (n, sites, 1)."""
    if not isinstance(x, Tensor):
        raise TypeError("spins have no derivatives: a Boltzmann machine is for a lattice")
    return x[..., 0]


def ratios(field: Tensor, weight: Tensor, bias: Tensor, s: Tensor, others: Tensor) -> Tensor:
    """Return ψ(s')/ψ(s) (n, K) of spins s (n, sites) and others s' (n, K, sites), with an exponential for each unit.

    cosh(θ + δ) / cosh θ = e^δ σ(2θ) + e^-δ σ(-2θ), θ = b + s W and δ = (s' - s) W.
    field: a (sites,).  weight: W (sites, hidden).  bias: b (hidden,).
    """
    theta, change = (s @ weight + bias)[:, None], others - s[:, None]
    grown = torch.exp(change @ weight)
    each = grown * torch.sigmoid(2 * theta) + torch.sigmoid(-2 * theta) / grown
    return torch.exp(change @ field) * each.prod(-1)


@dataclass(frozen=True)
class RestrictedBoltzmann:
    """A Boltzmann machine whose hidden units see every site.

    density: hidden units for each site.
    width: standard deviation of the first weights.
    """

    domain: ClassVar[str] = "walkers"
    revision: ClassVar[int] = 1
    system: System
    density: int = 1
    width: float = 0.05

    def __post_init__(self) -> None:
        """Refuse a machine without hidden units."""
        _refuse(self.density, self.width)

    def begin(self, rng: Rng) -> Parameters:
        """Return small random weights and no field."""
        sites = self.system.sites
        hidden = self.density * sites
        return {
            "field": torch.zeros(sites, dtype=torch.float64),
            "bias": torch.as_tensor(rng.normal(scale=self.width, size=hidden)),
            "weight": torch.as_tensor(rng.normal(scale=self.width, size=(sites, hidden))),
        }

    def log_psi(self, parameters: Parameters, x: Value) -> tuple[Tensor, Value]:
        """Return sign and log|ψ|."""
        s = spins_of(x)
        hidden = log_2cosh(s @ parameters["weight"] + parameters["bias"]).sum(-1)
        return torch.ones(len(s)), s @ parameters["field"] + hidden

    def ratios(self, parameters: Parameters, x: Tensor, connected: Tensor) -> Tensor:
        """Return ψ(x')/ψ(x) (n, K) at connected configurations (n, K, sites, 1)."""
        field, weight, bias = (parameters[name] for name in ("field", "weight", "bias"))
        return ratios(field, weight, bias, spins_of(x), connected[..., 0])


@dataclass(frozen=True)
class SymmetricBoltzmann:
    """A Boltzmann machine with the translations of the lattice: each filter is used at every site.

    density: filters.
    width: standard deviation of the first weights.
    """

    domain: ClassVar[str] = "walkers"
    revision: ClassVar[int] = 1
    system: System
    density: int = 2
    width: float = 0.05

    def __post_init__(self) -> None:
        """Refuse a machine without filters, and a lattice without translations."""
        _refuse(self.density, self.width)
        if not self.system.periodic:
            raise ValueError(
                "model.ansatz=symmetric_boltzmann uses translations, which an open lattice has not: set"
                " system.periodic=true, or take model/ansatz=restricted_boltzmann"
            )

    def begin(self, rng: Rng) -> Parameters:
        """Return small random filters and no field."""
        return {
            "field": torch.zeros((), dtype=torch.float64),
            "bias": torch.as_tensor(rng.normal(scale=self.width, size=self.density)),
            "weight": torch.as_tensor(rng.normal(scale=self.width, size=(self.system.sites, self.density))),
        }

    def log_psi(self, parameters: Parameters, x: Value) -> tuple[Tensor, Value]:
        """Return sign and log|ψ|: a filter at every site is one weight matrix of shifted columns."""
        s, (weight, bias) = spins_of(x), self._everywhere(parameters)
        return torch.ones(len(s)), parameters["field"] * s.sum(-1) + log_2cosh(s @ weight + bias).sum(-1)

    def ratios(self, parameters: Parameters, x: Tensor, connected: Tensor) -> Tensor:
        """Return ψ(x')/ψ(x) (n, K) at connected configurations (n, K, sites, 1)."""
        field = parameters["field"].expand(self.system.sites)
        return ratios(field, *self._everywhere(parameters), spins_of(x), connected[..., 0])

    def _everywhere(self, parameters: Parameters) -> tuple[Tensor, Tensor]:
        """Return weights (sites, hidden) and biases (hidden,) of the machine that has each filter at every site."""
        shifts = self.system.translations
        weight = parameters["weight"][torch.as_tensor(shifts)].permute(1, 0, 2).flatten(1)
        return weight, parameters["bias"].repeat(len(shifts))


def _refuse(density: int, width: float) -> None:
    if density < 1:
        raise ValueError(f"model.ansatz.density={density}: spins would not be correlated; give 1 or more")
    if not width > 0:
        raise ValueError(f"model.ansatz.width={width}: all hidden units would stay the same; give a number above 0")
