"""What a wave function is to those who walk on it and measure it."""

from __future__ import annotations

from collections.abc import Mapping
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

    def local_terms(self, x: Walkers, labels: Properties) -> Mapping[str, np.ndarray]:
        """Return `energy` (n,), H ψ / ψ at labelled walkers.

        In space also `kinetic`, `kinetic_laplacian` and `kinetic_gradient` (n,), three that have one mean over ψ².
        """
        ...


@runtime_checkable
class Trained(Protocol):
    """A predictor that knows the way it came."""

    history: Mapping[str, np.ndarray]  # `energy` (T,) and `variance` (T,) of the steps of its training


@runtime_checkable
class Sloped(Protocol):
    """A predictor that knows where |ψ| grows."""

    def gradient(self, x: Walkers) -> np.ndarray:
        """Return ∇ log|ψ| (n, particles, dimensions), 1/bohr."""
        ...
