"""What fills the slot `model/ansatz`: a form of wave function."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from torch import Tensor

from eltanin.protocols import Rng
from eltanin_walkers.courses import Course
from eltanin_walkers.laplacian import Value

Parameters = dict[str, Tensor]


class Ansatz(Protocol):
    """A form of wave function, in float64."""

    def begin(self, rng: Rng) -> Parameters:
        """Return parameters to begin with."""
        ...

    def log_psi(self, parameters: Parameters, x: Value) -> tuple[Tensor, Value]:
        """Return sign (n,) and log|ψ| (n,) at positions (n, particles, dimensions), plain or carried."""
        ...


@runtime_checkable
class Pairwise(Protocol):
    """A form that finds what a move of one particle changes without looking at all others of it."""

    def course(self, parameters: Parameters, positions: Tensor) -> Course:
        """Begin a walk by one particle at a time at positions (n, particles, dimensions)."""
        ...


@runtime_checkable
class Related(Protocol):
    """A form that finds ψ at connected configurations from ψ at the one that they are connected with."""

    def ratios(self, parameters: Parameters, x: Tensor, connected: Tensor) -> Tensor:
        """Return ψ(x')/ψ(x) (n, K) at connected configurations (n, K, sites, 1) of walkers x (n, sites, 1)."""
        ...
