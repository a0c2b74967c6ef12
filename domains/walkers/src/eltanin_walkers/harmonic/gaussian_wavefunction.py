"""The model: a Gaussian wave function whose training is one step of natural gradient.

psi = exp(-alpha r^2 / 2), alpha = exp(theta), so that psi stays normalisable. With the labels V, a step is

    theta <- theta - rate * Cov(E_L, O) / (Var O + damping),   O = d log psi / d theta = -alpha r^2 / 2

(stochastic reconfiguration, Sorella 1998). In a harmonic well E_L = a + b r^2 with the same r^2 as O: the step
is free of noise whatever walkers it is taken from, and rate = 1 / (2 w) converges cubically to alpha = m w.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from eltanin.batch import Properties
from eltanin.protocols import Dataset, Metrics, Rng, System
from eltanin_walkers.harmonic import gaussian
from eltanin_walkers.walkers import Walkers


@dataclass(frozen=True)
class Gaussian:
    """A wave function of fixed width alpha, bohr^-2."""

    alpha: float

    def predict(self, x: Walkers) -> Properties:
        """Return log psi, and its sign, which is that of a ground state."""
        r2 = gaussian.square_radius(x.positions)
        return Properties.of(log_psi=gaussian.log_psi(r2, self.alpha), sign=np.ones(len(r2)))


@dataclass(frozen=True)
class GaussianWavefunction:
    """Seeks the ground state among Gaussians exp(-alpha r^2 / 2), a natural-gradient step per training.

    alpha: of the first guess, bohr^-2.
    rate: of learning, a time in 1/hartree.
    damping: added to the variance of the score.
    largest_step: of log(alpha) in one training.
    """

    domain: ClassVar[str] = "walkers"
    revision: ClassVar[int] = 1
    system: System
    alpha: float = 0.3
    rate: float = 0.5
    damping: float = 1e-12
    largest_step: float = 0.5

    def __post_init__(self) -> None:
        """Refuse a wave function without norm, or steps that go nowhere."""
        for name in ("alpha", "rate", "damping", "largest_step"):
            if not getattr(self, name) > 0:
                raise ValueError(f"model.{name}={getattr(self, name)}: give a number above 0")

    def init(self, data: Dataset[Walkers, Properties, Properties], rng: Rng) -> dict[str, Any]:
        """Return the first guess."""
        del data, rng
        return {"theta": float(np.log(self.alpha))}

    def train(
        self, state: dict[str, Any], data: Dataset[Walkers, Properties, Properties], rng: Rng
    ) -> tuple[dict[str, Any], Metrics]:
        """Take one step; the metrics are of the wave function before it.

        The error bar takes walkers as independent, which chains are among each other.
        """
        del rng
        alpha, r2 = float(np.exp(state["theta"])), gaussian.square_radius(data.configurations.positions)
        energy = gaussian.local_energy(
            r2, data.labels.values["potential"], alpha, self.system.coordinates, self.system.mass
        )
        slope = gaussian.natural_gradient(energy, gaussian.log_psi(r2, alpha), self.damping)
        step = float(np.clip(-self.rate * slope, -self.largest_step, self.largest_step))
        variance = float(np.var(energy, ddof=1))
        return {"theta": state["theta"] + step}, {
            "energy_hartree": float(np.mean(energy)),
            "energy_error_hartree": float(np.sqrt(variance / len(energy))),
            "variance_hartree2": variance,
            "alpha_per_bohr2": alpha,
        }

    def predictor(self, state: dict[str, Any]) -> Gaussian:
        """Return the wave function."""
        return Gaussian(float(np.exp(state["theta"])))
