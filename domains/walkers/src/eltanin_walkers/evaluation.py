"""The energy of a wave function that stands still: the number that is reported.

Energies of training rounds are of a moving ψ, with walkers that follow it: their mean is biased, and is no result.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from eltanin.protocols import Explorer, Rng
from eltanin_walkers import statistics
from eltanin_walkers.wavefunctions import Measurable, Trained

REPORTED = {
    "mean": "energy",
    "error": "energy_error",
    "blocking": "energy_error_blocking",
    "between": "energy_error_between_walkers",
    "variance": "variance",
    "autocorrelation": "autocorrelation",
    "effective": "effective_samples",
    "r_hat": "r_hat",
}


@dataclass(frozen=True)
class Energy:
    """Measures the energy of the first member when the campaign has ended, with all parameters frozen.

    rounds: of exploration that are evaluated.
    discard: rounds before, in which the walkers forget the last step of the training.
    reference: the exact energy, where the labeler does not know it.
    """

    domain: ClassVar[str] = "walkers"
    revision: ClassVar[int] = 1
    rounds: int = 200
    discard: int = 20
    reference: float | None = None

    def __post_init__(self) -> None:
        """Refuse series too short for an error bar."""
        if self.rounds < 16:
            raise ValueError(f"validation.rounds={self.rounds}: too few for an error bar; give 16 or more")
        if self.discard < 0:
            raise ValueError(f"validation.discard={self.discard}: give 0 or more")

    def check_model(self, model: Any) -> None:
        """Refuse a model whose energy could not be measured in the end."""
        if not getattr(model, "measurable", False):
            raise ValueError(
                f"validation=energy needs a model that knows its local energy, and {type(model).__name__} does not say"
                " that it does (measurable = True): take model=wavefunction, or validation=null"
            )

    def measure(
        self, explorer: Explorer[Any, Any, Any], state: Any, labelling: Any, committee: Sequence[Any], rng: Rng
    ) -> Mapping[str, Any]:
        """Return the energy with its error bar, and what tells whether to believe it."""
        psi, labeler = committee[0], labelling.labeler
        for _ in range(self.discard):
            _, state = explorer.explore(committee, state, None, rng)
        rows, acceptance, particles = list[Mapping[str, np.ndarray]](), list[float](), 1
        for _ in range(self.rounds):
            x, state = explorer.explore(committee, state, None, rng)
            particles = x.positions.shape[1]
            rows.append(_local_terms(psi, x, labelling))
            acceptance.append(float(np.mean(x.evidence["acceptance"])))
        unit = particles if getattr(labeler, "per_particle", False) else 1
        series = {name: np.array([row[name] for row in rows]) / unit for name in rows[0]}
        exact = self.reference if self.reference is not None else _exact(labeler)
        report = told(series.pop("energy"), particles, exact) | kinetic(series)
        if isinstance(psi, Trained):
            report |= extrapolated(psi.history, unit, report)
        acceptance_told = {"acceptance": float(np.mean(acceptance))}
        return report | acceptance_told | {"energy_unit": getattr(labeler, "energy_unit", "hartree")}


def told(series: np.ndarray, particles: int, reference: float | None) -> dict[str, Any]:
    """Return what is reported of local energies (T, W); walkers without a finite energy are counted, and left out."""
    sound = np.isfinite(series).all(axis=0)
    found = statistics.estimate(series[:, sound])
    report = {key: getattr(found, name) for name, key in REPORTED.items()} | {
        "v_score": statistics.v_score(found.mean, found.variance, particles),
        "walkers_lost": float(np.sum(~sound)),
    }
    return report if reference is None else report | {"reference_energy": reference}


def kinetic(series: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Return the means of three kinetic energies (T, W), and by how many standard errors they differ.

    For any ψ that is smooth and periodic, or ends far away, the three have one mean over ψ²: where they differ, the
    walk is not in equilibrium, or ψ has a kink. Their differences are multiples of one, so one number says it all.
    At nodes the last two have no variance: there the number may wander.
    """
    if not series:
        return {}
    sound = np.isfinite(list(series.values())).all(axis=(0, 1))
    series = {name: column[:, sound] for name, column in series.items()}
    found = {name: statistics.estimate(column) for name, column in series.items()}
    apart = statistics.estimate(series["kinetic_laplacian"] - series["kinetic_gradient"])
    means = {name: one.mean for name, one in found.items()}
    errors = {f"{name}_error": one.error for name, one in found.items()}
    return means | errors | {"kinetic_discrepancy": abs(apart.mean) / apart.error if apart.error else 0.0}


def extrapolated(history: Mapping[str, np.ndarray], unit: float, report: Mapping[str, float]) -> dict[str, float]:
    """Return the energy at zero variance with its error bar, where the training allows it to be told.

    unit: what the report divides energies by.
    """
    if not history:
        return {}
    measured = statistics.Estimate(**{name: report[key] for name, key in REPORTED.items()})
    found = statistics.zero_variance(history["energy"] / unit, history["variance"] / unit**2, measured)
    return {} if found is None else {"energy_extrapolated": found.energy, "energy_extrapolated_error": found.error}


def _local_terms(psi: Measurable, x: Any, labelling: Any) -> Mapping[str, np.ndarray]:
    """Return the terms of all walkers, NaN where there is no label."""
    answer = labelling.ask(x, {"reason": "validation"})
    known = answer.known
    found = psi.local_terms(x[known], answer.labels.values[known])
    terms = {name: np.full(len(x), np.nan) for name in found}
    for name, column in found.items():
        terms[name][known] = column
    return terms


def _exact(labeler: Any) -> float | None:
    known = getattr(labeler, "exact_energy", None)
    return None if known is None else known()
