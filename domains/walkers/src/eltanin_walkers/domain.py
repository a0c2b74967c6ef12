"""What the campaign must know of variational Monte Carlo.

Labels: ``potential`` (n,), hartree; on a lattice also ``connected`` (n, K, sites, 1) and ``elements`` (n, K), the
configurations that the Hamiltonian leads to and its elements <x|H|x'>. Predictions: ``log_psi`` (n,), log|ψ| up to a
constant, and ``sign`` (n,).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from eltanin.batch import Properties
from eltanin.protocols import Failure, Labels, Rng
from eltanin_walkers import files
from eltanin_walkers.walkers import Walkers


@dataclass(frozen=True)
class ManyBody:
    """Wave functions of many particles, learned from the potential energy where they walk."""

    domain: ClassVar[str] = "walkers"
    revision: ClassVar[int] = 1
    measure: ClassVar[str] = "deviation of log psi, dimensionless"
    wanted: ClassVar[frozenset[str]] = frozenset({"potential"})
    suffix: ClassVar[str] = ".npz"

    def deviation(self, predictions: Sequence[Properties]) -> np.ndarray:
        """Return the spread of log psi over members, each less its mean over the walkers: psi has no norm."""
        log_psi = np.array([p.values["log_psi"] for p in predictions])
        return np.std(log_psi - log_psi.mean(axis=1, keepdims=True), axis=0)

    def error(self, predicted: Properties, labels: Properties) -> np.ndarray:
        """Return NaN: a potential energy does not tell what log psi should have been."""
        del predicted
        return np.full(len(labels), np.nan)

    def mean(self, predictions: Sequence[Properties]) -> Properties:
        """Return the geometric mean of the members' |psi|, with the first one's sign."""
        log_psi = np.mean([p.values["log_psi"] for p in predictions], axis=0)
        return Properties.of(log_psi=log_psi, sign=predictions[0].values["sign"])

    def validation(self, x: Walkers, predicted: Properties, labels: Properties) -> Mapping[str, float]:
        """Return nothing: energies are means over the model's own psi^2, and these walkers are given."""
        del x, predicted, labels
        return {}

    def different(self, x: Walkers) -> int:
        """Return how many walkers count as different: all."""
        return len(x)

    def flaws(self, x: Walkers) -> Mapping[int, Failure]:
        """Return the walkers that no labeler should be asked about: those that are nowhere."""
        if x.positions.ndim != 3:
            ill = Failure("shape", f"positions {x.positions.shape} are not (walkers, particles, dimensions)")
            return dict.fromkeys(range(len(x)), ill)
        lost = np.flatnonzero(~np.isfinite(x.positions).all(axis=(1, 2)))
        return {int(i): Failure("nonfinite", "a particle is nowhere: its position is not finite") for i in lost}

    def refusals(self, x: Walkers, labels: Properties) -> Mapping[int, Failure]:
        """Refuse a potential energy that is not one finite number."""
        potential = np.asarray(labels.values.get("potential", np.zeros(0)))
        if potential.shape != (len(x),):
            ill = Failure("shape", f"potential energies of shape {potential.shape} are not one for each of {len(x)}")
            return dict.fromkeys(range(len(x)), ill)
        finite = np.isfinite(potential)
        if (elements := labels.values.get("elements")) is not None:
            finite &= np.isfinite(elements).all(axis=1)
        bad = np.flatnonzero(~finite)
        return {int(i): Failure("nonfinite", "the energy of the Hamiltonian is not finite") for i in bad}

    def trial(self, x: Walkers, ask: Callable[[Walkers], Labels[Properties]], rng: Rng) -> str:
        """Return nothing: a potential energy alone can be checked against nothing."""
        del x, ask, rng
        return ""

    def write(self, path: Path, x: Walkers, labels: Properties) -> None:
        """Write an npz file without pickles."""
        files.write(path, x, labels)

    def read(self, path: Path) -> tuple[Walkers, Properties]:
        """Read an npz file that `write` wrote."""
        return files.read(path)

    def panels(self, run: Any) -> Sequence[Any]:
        """Return no report sections yet."""
        del run
        return []
