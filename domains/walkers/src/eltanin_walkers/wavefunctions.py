"""What a wave function is to those who walk on it and measure it."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np

from eltanin.batch import Properties
from eltanin_walkers.walkers import Walkers


@runtime_checkable
class Measurable(Protocol):
    """A predictor whose energy can be measured."""

    def predict(self, x: Walkers) -> Properties:
        """Return `log_psi` (n,) and `sign` (n,)."""
        ...

    def local_energy(self, x: Walkers, labels: Properties) -> np.ndarray:
        """Return H ψ / ψ (n,) at labelled walkers."""
        ...


@runtime_checkable
class Sloped(Protocol):
    """A predictor that knows where |ψ| grows."""

    def gradient(self, x: Walkers) -> np.ndarray:
        """Return ∇ log|ψ| (n, particles, dimensions), 1/bohr."""
        ...
