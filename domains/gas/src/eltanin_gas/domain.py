"""What the campaign must know of moment closures.

Labels: ``moments`` (cells, moments) and ``closing`` (cells, k), the fluxes that close the moment
equations, over their own scale (n c² for a Lorentz gas, ρ T² for m4 of a gas), of all cells that the
problem visits: first the given ones, then those of later instants. Predictions: ``closing`` of the
given cells, or of all cells that a run by a closure met (`Problems.met`), in the same order; or, of a closure
of gradients, which no flux closes, the characteristic ``speeds`` there, over T^(1/2).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from eltanin.batch import Properties, Ragged
from eltanin.protocols import Failure, Labels, Rng
from eltanin_gas import files, gates
from eltanin_gas.problems import Problems


def peak(values: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return the largest of the values (cells, k) of each problem, (n,); NaN where it has no cells."""
    largest = np.full(len(counts), np.nan)
    filled = counts > 0
    starts = (np.cumsum(counts) - counts)[filled]
    if len(starts):
        largest[filled] = np.maximum.reduceat(values.max(axis=1), starts)
    return largest


def first_cells(visited: Ragged, counts: np.ndarray) -> np.ndarray:
    """Return the first `counts` cells of each problem's visited ones; NaN where it visited fewer."""
    rows = zip(visited.rows(), counts, strict=True)
    blank = visited.values[:0]
    nothing = np.full((1, *blank.shape[1:]), np.nan)
    parts = [row[:n] if len(row) >= n else nothing.repeat(n, axis=0) for row, n in rows]
    return np.concatenate([blank, *parts])


def said(predictions: Sequence[Properties]) -> tuple[str, list[Ragged]]:
    """Return what members speak of, closing or speeds, and what each says."""
    name = "closing" if "closing" in predictions[0].values else "speeds"
    return name, [p.values[name] for p in predictions]  # type: ignore[misc]


@dataclass(frozen=True)
class Gas:
    """Moment closures of kinetic equations, learned from initial-value problems.

    distributions: ask for distribution functions too (`eltanin_gas.distributions`), which learned moments are learned
        from.
    """

    domain: ClassVar[str] = "gas"
    revision: ClassVar[int] = 1
    measure: ClassVar[str] = "closure deviation, over its own scale"
    compares: ClassVar[frozenset[str]] = frozenset({"closing", "speeds"})
    suffix: ClassVar[str] = ".npz"
    distributions: bool = False

    @property
    def wanted(self) -> frozenset[str]:
        """What labelers are asked for."""
        return frozenset({"moments", "closing"} | ({"distribution"} if self.distributions else set()))

    def deviation(self, predictions: Sequence[Properties]) -> np.ndarray:
        """Return the largest spread (standard deviation over members) in the cells of each problem."""
        _, spoken = said(predictions)
        return peak(np.std([c.values for c in spoken], axis=0), spoken[0].counts)

    def error(self, predicted: Properties, labels: Properties) -> np.ndarray:
        """Return the largest error of a closing flux in each problem's cells; NaN where nothing is said of some."""
        if "closing" not in predicted.values:
            return np.full(len(labels), np.nan)
        return peak(np.abs(self._errors(predicted, labels)), predicted.values["closing"].counts)

    def mean(self, predictions: Sequence[Properties]) -> Properties:
        """Return the mean closing fluxes, or speeds, of a committee."""
        name, spoken = said(predictions)
        return Properties.of(**{name: Ragged(np.mean([c.values for c in spoken], axis=0), spoken[0].counts)})

    def validation(self, x: Problems, predicted: Properties, labels: Properties) -> Mapping[str, float]:
        """Return errors of the closing fluxes over all cells predicted, and of every region apart; none of speeds."""
        if "closing" not in predicted.values:
            return {}
        errors = self._errors(predicted, labels)
        found = _summary(errors, "")
        regions = np.asarray(x.evidence.get("region", np.zeros(0, dtype="U1")))
        for region in np.unique(regions):
            cells = np.repeat(regions == region, predicted.values["closing"].counts)
            found |= _summary(errors[cells], f"_{region}")
        return found

    def different(self, x: Problems) -> int:
        """Return how many problems count as different: all, for windows do not overlap."""
        return len(x)

    def flaws(self, x: Problems) -> Mapping[int, Failure]:
        """Return the problems that no labeler should be asked: no gas, no cells, no time."""
        return gates.flaws(x)

    def refusals(self, x: Problems, labels: Properties) -> Mapping[int, Failure]:
        """Refuse labels that are not finite or of other cells, or a gas of negative density."""
        return gates.refusals(x, labels, self.wanted)

    def trial(self, x: Problems, ask: Callable[[Problems], Labels[Properties]], rng: Rng) -> str:
        """Return why not to believe a labeler that begins elsewhere than it was told, or loses mass; or nothing."""
        del rng  # the first problems will do
        return gates.trial(x, ask)

    def write(self, path: Path, x: Problems, labels: Properties) -> None:
        """Write an npz file without pickles."""
        files.write(path, x, labels)

    def read(self, path: Path) -> tuple[Problems, Properties]:
        """Read an npz file that `write` wrote."""
        return files.read(path)

    def panels(self, run: Any) -> Sequence[Any]:
        """Return the sections on closing fluxes, speeds, waves and shocks, as far as the run has such."""
        from eltanin_gas.report import panels  # matplotlib is needed for a report alone

        return panels(run)

    def _errors(self, predicted: Properties, labels: Properties) -> np.ndarray:
        closing = predicted.values["closing"]
        return closing.values - first_cells(labels.values["closing"], closing.counts)


def _summary(errors: np.ndarray, suffix: str) -> dict[str, float]:
    known = errors[np.isfinite(errors)]
    if len(known) == 0:
        return {}
    return {
        f"closing_flux_rmse{suffix}": float(np.sqrt(np.mean(known**2))),
        f"closing_flux_max_error{suffix}": float(np.abs(known).max()),
    }
