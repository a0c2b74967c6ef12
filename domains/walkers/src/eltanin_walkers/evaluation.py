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
from eltanin_walkers.wavefunctions import Measurable


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

    def measure(
        self, explorer: Explorer[Any, Any, Any], state: Any, labelling: Any, committee: Sequence[Any], rng: Rng
    ) -> Mapping[str, Any]:
        """Return the energy with its error bar, and what tells whether to believe it."""
        psi = committee[0]
        if not isinstance(psi, Measurable):
            raise ValueError(
                f"validation=energy needs a model that knows its local energy, and {type(psi).__name__} does not: take"
                " model=wavefunction"
            )
        particles, energies = 1, list[np.ndarray]()
        acceptance: list[float] = []
        for _ in range(self.discard):
            _, state = explorer.explore(committee, state, None, rng)
        for _ in range(self.rounds):
            x, state = explorer.explore(committee, state, None, rng)
            particles = x.positions.shape[1]
            energies.append(_local_energies(psi, x, labelling))
            acceptance.append(float(np.mean(x.evidence["acceptance"])))
        labeler = labelling.labeler
        exact = self.reference if self.reference is not None else _exact(labeler)
        return told(np.array(energies), particles, exact) | {
            "acceptance": float(np.mean(acceptance)),
            "energy_unit": getattr(labeler, "energy_unit", "hartree"),
        }


def told(series: np.ndarray, particles: int, reference: float | None) -> dict[str, Any]:
    """Return what is reported of local energies (T, W); walkers without a finite energy are counted, and left out."""
    sound = np.isfinite(series).all(axis=0)
    found = statistics.estimate(series[:, sound])
    report = {
        "energy": found.mean,
        "energy_error": found.error,
        "energy_error_blocking": found.blocking,
        "energy_error_between_walkers": found.between,
        "variance": found.variance,
        "autocorrelation": found.autocorrelation,
        "effective_samples": found.effective,
        "r_hat": found.r_hat,
        "v_score": statistics.v_score(found.mean, found.variance, particles),
        "walkers_lost": float(np.sum(~sound)),
    }
    return report if reference is None else report | {"reference_energy": reference}


def _local_energies(psi: Measurable, x: Any, labelling: Any) -> np.ndarray:
    answer = labelling.ask(x, {"reason": "validation"})
    energies = np.full(len(x), np.nan)
    known = answer.known
    energies[known] = psi.local_energy(x[known], answer.labels.values[known])
    return energies


def _exact(labeler: Any) -> float | None:
    known = getattr(labeler, "exact_energy", None)
    return None if known is None else known()
