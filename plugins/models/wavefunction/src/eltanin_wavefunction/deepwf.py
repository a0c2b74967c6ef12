"""DeepWF (Han, Zhang and E, J. Comput. Phys. 399, 108929 (2019)): antisymmetric by pairs, without determinants.

    ψ = S(r) A(r↑) A(r↓),    A = Π_{i<j} (a(r_i, r_j, r_ij) - a(r_j, r_i, r_ji)),    S symmetric and positive,

N² products where determinants take N³. Of three electrons of one spin and more, not every antisymmetric function is
such a product. It stands here for what determinants have to beat. Form and idea are the paper's; the nets are smaller,
their layers are those of `determinants.py`, and the cusps are exact:

    log S = cusps + Σ_i (v · tanh(W [f(r_i), Σ_j↑ f(r_ij), Σ_j↓ f(r_ij)] + b) + log Σ_A e^{-σ_A q_iA}).
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
from eltanin_walkers.systems.molecule import Molecule
from eltanin_wavefunction.ansatz import Parameters
from eltanin_wavefunction.electrons import FEATURES, electron_cusps, features, nuclear_cusps, softened
from eltanin_wavefunction.orbitals import exponent, shells


@dataclass(frozen=True)
class DeepWF:
    """A product over pairs of equal spin that turns its sign when two are exchanged, times a symmetric factor.

    symmetric: width of the layer of S.
    antisymmetric: width of the two layers of a.
    """

    domain: ClassVar[str] = "walkers"
    revision: ClassVar[int] = 1
    system: System
    symmetric: int = 32
    antisymmetric: int = 32

    def __post_init__(self) -> None:
        """Refuse nets without width, and what are no electrons."""
        for name in ("symmetric", "antisymmetric"):
            if getattr(self, name) < 1:
                raise ValueError(f"model.ansatz.{name}={getattr(self, name)}: give 1 or more")
        if not isinstance(self.system, Molecule):
            raise ValueError("model/ansatz=deepwf is for electrons round nuclei: choose system=molecule")

    def begin(self, rng: Rng) -> Parameters:
        """Return random layers, and the decay of the outermost electrons of each atom."""
        charges = self.system.geometry.charges
        one = FEATURES * len(charges)
        outermost = [exponent(z, shells(-int(-z // 2))[-1]) for z in charges]
        parameters: Parameters = {
            "decay": torch.tensor(outermost, dtype=torch.float64),
            "lengths": torch.ones(2, dtype=torch.float64),
        }
        sizes = [("symmetric", one + 2 * FEATURES, self.symmetric), ("symmetric_out", self.symmetric, 1)]
        if max(self.system.spins) > 1:
            wide = self.antisymmetric
            sizes += [("pair_0", 2 * one + FEATURES, wide), ("pair_1", wide, wide), ("pair_out", wide, 1)]
        for name, inputs, outputs in sizes:
            weight = rng.normal(scale=1 / np.sqrt(inputs), size=(inputs, outputs))
            parameters[name] = torch.as_tensor(weight)
            if not name.endswith("out"):
                parameters[f"{name}_bias"] = torch.zeros(outputs, dtype=torch.float64)
        return parameters

    def log_psi(self, parameters: Parameters, x: Value) -> tuple[Tensor, Value]:
        """Return sign and log|ψ|."""
        charges, nuclei = (torch.as_tensor(a, dtype=torch.float64) for a in self.system.geometry)
        log = self._symmetric(parameters, x, charges, nuclei)
        first, second = self._pairs()
        if not len(first):
            return torch.ones(x.shape[0]), log
        between = self._antisymmetric(parameters, x, nuclei, first, second)
        value = between if isinstance(between, Tensor) else between.value
        return torch.sign(value).prod(-1), log + lap.sum_last(lap.log(between * between)) * 0.5

    def _pairs(self) -> tuple[Tensor, Tensor]:
        """Return the pairs i < j of equal spin."""
        up, down = self.system.spins
        here, there = torch.triu_indices(up, up, 1), torch.triu_indices(down, down, 1) + up
        first, second = torch.cat([here, there], dim=1)
        return first, second

    def _antisymmetric(self, parameters: Parameters, x: Value, nuclei: Tensor, first: Tensor, second: Tensor) -> Value:
        """Return a(r_i, r_j, r_ij) - a(r_j, r_i, r_ji) of each pair (n, pairs)."""
        from_nuclei = lap.linear(lambda t: t[..., None, :], x) + -nuclei
        seen = lap.linear(lambda t: t.flatten(-2), features(from_nuclei))
        sides: list[Value] = []
        for i, j in ((first, second), (second, first)):
            ends = [lap.linear(lambda t, k=k: t[..., k, :], seen) for k in (i, j)]
            apart = features(lap.linear(lambda t, i=i, j=j: t[..., i, :] - t[..., j, :], x))
            hidden = lap.concatenate([*ends, apart])
            for layer in ("pair_0", "pair_1"):
                hidden = lap.tanh(lap.dense(hidden, parameters[layer], parameters[f"{layer}_bias"]))
            sides.append(lap.linear(lambda t: t[..., 0], lap.dense(hidden, parameters["pair_out"])))
        return sides[0] + -sides[1]

    def _symmetric(self, parameters: Parameters, x: Value, charges: Tensor, nuclei: Tensor) -> Value:
        """Return log S (n,)."""
        number, spins = self.system.number, self.system.spins
        from_nuclei = lap.linear(lambda t: t[..., None, :], lap.own(x)) + -nuclei
        of_spin = torch.zeros(number, 2, dtype=torch.float64)
        of_spin[: spins[0], 0], of_spin[spins[0] :, 1] = 1, 1
        alone = lap.spread(lap.linear(lambda t: t.flatten(-2), features(from_nuclei)))
        seen = lap.concatenate([alone, lap.spread_sums(features(lap.relative(x)), of_spin)])
        hidden = lap.tanh(lap.dense(seen, parameters["symmetric"], parameters["symmetric_bias"]))
        log = lap.sum_last(lap.dense(hidden, parameters["symmetric_out"]), 2)
        distance = softened(lap.square_norm(from_nuclei), 1 / charges)
        decays = lap.linear(lambda t: t * -parameters["decay"], distance)
        log = log + lap.total_of_own(lap.signed_logsumexp(torch.ones((), dtype=torch.float64), decays)[1])
        log = log + nuclear_cusps(x, charges, nuclei, 1 / charges)
        return log + electron_cusps(x, spins, parameters["lengths"].abs()) if number > 1 else log
