"""Wave functions of one parameter, whose energies are known in closed form."""

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


@dataclass(frozen=True)
class GaussianAnsatz:
    """ψ = exp(-α Σ r² / 2): exact for bosons in a harmonic well, where α = m ω.

    alpha: of the first guess, bohr^-2.
    """

    domain: ClassVar[str] = "walkers"
    revision: ClassVar[int] = 1
    system: System
    alpha: float = 0.3

    def __post_init__(self) -> None:
        """Refuse a wave function without norm."""
        if not self.alpha > 0:
            raise ValueError(f"model.ansatz.alpha={self.alpha}: ψ would have no norm; give a number above 0")

    def begin(self, rng: Rng) -> Parameters:
        """Return log α, so that α stays positive."""
        del rng
        return {"log_alpha": torch.tensor(np.log(self.alpha), dtype=torch.float64)}

    def log_psi(self, parameters: Parameters, x: Value) -> tuple[Tensor, Value]:
        """Return sign and log|ψ|."""
        return torch.ones(x.shape[0]), lap.sum_last(x * x, 2) * (-0.5 * parameters["log_alpha"].exp())


@dataclass(frozen=True)
class Hydrogenic:
    """ψ = exp(-ζ Σ_i |r_i - R|), electrons in 1s orbitals of one nucleus: exact for hydrogen, where ζ = 1.

    One electron has the energy ζ²/2 - Zζ, two of opposite spin ζ² - 2Zζ + 5ζ/8: in helium -2.847656 at ζ = 27/16.

    zeta: of the first guess, 1/bohr.
    """

    domain: ClassVar[str] = "walkers"
    revision: ClassVar[int] = 1
    system: System
    zeta: float = 1.0

    def __post_init__(self) -> None:
        """Refuse what is no such atom."""
        if not self.zeta > 0:
            raise ValueError(f"model.ansatz.zeta={self.zeta}: ψ would have no norm; give a number above 0")
        if len(self.system.geometry.charges) != 1 or max(self.system.spins) > 1:
            raise ValueError(
                "model.ansatz=hydrogenic has one orbital on one nucleus, for one electron of each spin at most: take"
                " model/ansatz=determinants for this system"
            )

    def begin(self, rng: Rng) -> Parameters:
        """Return log ζ, so that ζ stays positive."""
        del rng
        return {"log_zeta": torch.tensor(np.log(self.zeta), dtype=torch.float64)}

    def log_psi(self, parameters: Parameters, x: Value) -> tuple[Tensor, Value]:
        """Return sign and log|ψ|."""
        nucleus = torch.as_tensor(self.system.geometry.positions[0])
        distance = lap.norm(lap.own(x) - nucleus)
        return torch.ones(x.shape[0]), lap.total_of_own(distance) * (-parameters["log_zeta"].exp())
