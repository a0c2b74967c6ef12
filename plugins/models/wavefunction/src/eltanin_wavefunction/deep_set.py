"""A deep set for bosons (Zaheer et al., NeurIPS 2017): McMillan's pairs, and a net of what surrounds each atom.

    log ψ = -Σ_{i<j} u(r_ij) + Σ_i ρ(h_i),    h_i = Σ_j c(r_ij) φ(r_ij),    ρ(h) = v · h + w · tanh(W h + b)

φ is a layer on cosines of r, and c = cos⁴(πr/L) ends it smoothly at half of the box. Linear in h, ρ is a correction
of u, and beyond that it joins three atoms and more. Sums do not know an order: atoms are alike whatever the parameters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from eltanin.protocols import Rng, System
from eltanin_walkers import laplacian as lap
from eltanin_walkers.laplacian import Value
from eltanin_wavefunction.ansatz import Parameters
from eltanin_wavefunction.mcmillan import McMillan, PairCourse, pseudopotential

WAVES = 8  # cosines that a layer reads a distance by


def features(parameters: Parameters, r: Value, edge: float) -> Value:
    """Return c(r) φ(r) (..., f) of distances (...) in a box of edge L: 0 beyond L/2."""
    distance = r.value if isinstance(r, lap.Carried) else r
    near = (distance < edge / 2).to(distance.dtype)
    quarter = torch.full((1,), np.pi / 2, dtype=distance.dtype)
    first = lap.sin(lap.linear(lambda t: t[..., None], r) * (2 * np.pi / edge) + quarter)
    waves = [first, first * first * 2 + -torch.ones_like(quarter)]
    while len(waves) < WAVES:  # cos kx = 2 cos x cos (k - 1)x - cos (k - 2)x
        waves.append(first * waves[-1] * 2 + -waves[-2])
    end = (first + torch.ones_like(quarter)) * 0.5
    cosines = lap.concatenate(waves)
    learned = lap.tanh(lap.dense(cosines, parameters["pair_weight"], parameters["pair_bias"]))
    return learned * (end * end) * near[..., None]


def fitted(parameters: Parameters, h: Value) -> Value:
    """Return ρ(h) (...) of surroundings h (..., f)."""
    hidden = lap.tanh(lap.dense(h, parameters["atom_weight"], parameters["atom_bias"]))
    return lap.sum_last(h * parameters["linear"]) + lap.sum_last(hidden * parameters["last"])


@dataclass(frozen=True)
class DeepSet:
    """McMillan's wave function with a learned function of each atom's surroundings, which is nothing at the beginning.

    length: b of McMillan's part at the beginning, in the box's unit of length.
    width: numbers that describe the surroundings of an atom, and of the hidden layer that reads them.
    """

    domain: ClassVar[str] = "walkers"
    revision: ClassVar[int] = 1
    system: System
    length: float = 2.99
    width: int = 12

    def __post_init__(self) -> None:
        """Refuse nets without width, and what McMillan's form refuses."""
        if self.width < 1:
            raise ValueError(f"model.ansatz.width={self.width}: nothing could be learned; give 1 or more")
        _ = self._pairs

    @property
    def _pairs(self) -> McMillan:
        return McMillan(self.system, self.length)

    def begin(self, rng: Rng) -> Parameters:
        """Return random layers, of which the last are zero: McMillan's wave function."""
        f = self.width

        def normal(rows: int) -> Tensor:
            return torch.as_tensor(rng.normal(scale=1 / np.sqrt(rows), size=(rows, f)))

        zeros = torch.zeros(f, dtype=torch.float64)
        layers = {"pair_weight": normal(WAVES), "pair_bias": zeros, "atom_weight": normal(f), "atom_bias": zeros}
        return self._pairs.begin(rng) | layers | {"linear": zeros, "last": zeros}

    def log_psi(self, parameters: Parameters, x: Value) -> tuple[Tensor, Value]:
        """Return sign and log|ψ|."""
        number = self.system.number
        first, second = torch.triu_indices(number, number, 1)
        r = lap.separations(x, first, second, self.system.nearest)
        u = pseudopotential(r, parameters["log_length"].exp(), self.system.edge)
        h = lap.spread_pairs(features(parameters, r, self.system.edge), first, second, number)
        atoms = lap.sum_last(fitted(parameters, h))
        return torch.ones(x.shape[0]), lap.total_of_pairs(-u, first, second, number) + atoms

    def course(self, parameters: Parameters, positions: Tensor) -> DeepSetCourse:
        """Begin a walk by one particle at a time."""
        with torch.no_grad():
            return DeepSetCourse(self, parameters, positions.clone())


class DeepSetCourse(PairCourse):
    """A walk that keeps the surroundings of all atoms: a move changes one term of each, and all of one."""

    def __init__(self, ansatz: DeepSet, parameters: Parameters, positions: Tensor) -> None:
        system = ansatz.system
        super().__init__(system, float(parameters["log_length"].exp()), positions)
        first, second = torch.triu_indices(system.number, system.number, 1)
        r = lap.separations(positions, first, second, system.nearest)
        pairs = features(parameters, r, system.edge)
        self._parameters = parameters
        self._here = torch.as_tensor(lap.spread_pairs(pairs, first, second, system.number))
        self._value = torch.as_tensor(fitted(parameters, self._here)).sum(-1)
        self._there = self._here, self._value

    def change(self, particle: int, there: np.ndarray) -> np.ndarray:
        """Return log|ψ'/ψ| (n,) if this particle of each walker were at `there` (n, 3)."""
        with torch.no_grad():
            pairs = torch.as_tensor(super().change(particle, there))
            before, after = torch.as_tensor(features(self._parameters, self.distances, self._system.edge))
            h = self._here + (after - before)
            h[:, particle] = after.sum(1)
            value = torch.as_tensor(fitted(self._parameters, h)).sum(-1)
        self._there = h, value
        return (pairs + value - self._value).numpy()

    def accept(self, moves: np.ndarray) -> None:
        """Go where the last `change` looked, those walkers (n,) that do."""
        super().accept(moves)
        (h, value), go = self._there, torch.as_tensor(moves)
        self._here = torch.where(go[:, None, None], h, self._here)
        self._value = torch.where(go, value, self._value)
