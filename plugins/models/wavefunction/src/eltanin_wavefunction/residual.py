"""Residual nets between walls (E and Yu, Commun. Math. Stat. 6, 1 (2018)).

    N(x) = v · h + c,    h ← h + tanh(W₂ tanh(W₁ h + b₁) + b₂),    h = W x + b at the beginning.

As a wave function ψ = B eᴺ, and as a solution u = B N, where B = Π 4 x_k (1 - x_k) is zero at the walls: no penalty
has to see to that. tanh stands in the place of E and Yu's max(x³, 0), for its derivatives end nowhere.
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
from eltanin_walkers.systems.cube import Cube
from eltanin_wavefunction.ansatz import Parameters


@dataclass(frozen=True)
class ResidualNet:
    """A net of residual blocks in a cube, zero at its walls.

    width: of its layers.
    blocks: of two layers each.
    """

    domain: ClassVar[str] = "walkers"
    revision: ClassVar[int] = 1
    system: System
    width: int = 12
    blocks: int = 2

    def __post_init__(self) -> None:
        """Refuse nets without layers, and what has no walls."""
        for name in ("width", "blocks"):
            if getattr(self, name) < 1:
                raise ValueError(f"model.ansatz.{name}={getattr(self, name)}: give 1 or more")
        if not isinstance(self.system, Cube):
            raise ValueError("model/ansatz=residual_net is zero at the walls of a cube: choose system=cube")

    def begin(self, rng: Rng) -> Parameters:
        """Return random layers; the last is zero."""
        parameters: Parameters = {}
        blocks = [f"{k}_{part}" for k in range(self.blocks) for part in "ab"]
        layers = [("in", self.system.dimensions), *((name, self.width) for name in blocks)]
        for name, inputs in layers:
            weight = rng.normal(scale=1 / np.sqrt(inputs), size=(inputs, self.width))
            parameters[f"{name}_weight"] = torch.as_tensor(weight)
            parameters[f"{name}_bias"] = torch.as_tensor(rng.normal(scale=0.3, size=self.width))
        parameters["out_weight"] = torch.zeros(self.width, dtype=torch.float64)
        return parameters | {"out_bias": torch.zeros((), dtype=torch.float64)}

    def net(self, parameters: Parameters, x: Value) -> Value:
        """Return N(x) (n,) at points (n, 1, d)."""
        h = _layer(parameters, "in", lap.linear(lambda t: t.flatten(-2), x))
        for k in range(self.blocks):
            h = h + lap.tanh(_layer(parameters, f"{k}_b", lap.tanh(_layer(parameters, f"{k}_a", h))))
        return lap.sum_last(h * parameters["out_weight"]) + parameters["out_bias"]

    def log_psi(self, parameters: Parameters, x: Value) -> tuple[Tensor, Value]:
        """Return sign and log|ψ| (n,) of ψ = B eᴺ; no number outside of the walls."""
        return torch.ones(x.shape[0]), lap.sum_last(lap.log(x * 4 + -(x * x * 4)), 2) + self.net(parameters, x)

    def solution(self, parameters: Parameters, x: Value) -> Value:
        """Return u = B N (n,)."""
        walls = lap.exp(lap.sum_last(lap.log(x * 4 + -(x * x * 4)), 2))
        return walls * self.net(parameters, x)


def _layer(parameters: Parameters, name: str, x: Value) -> Value:
    return lap.dense(x, parameters[f"{name}_weight"], parameters[f"{name}_bias"])
