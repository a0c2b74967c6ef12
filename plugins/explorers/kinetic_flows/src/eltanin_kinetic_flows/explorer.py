"""The explorer: random flows, run by the current closure, each handed back as a problem with the states it met."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np

from eltanin.batch import Ragged
from eltanin.errors import EltaninError
from eltanin.execution import Inline
from eltanin.protocols import Failure, Feedback, OwnExecutor, Predictor, Rng, System, Verdict
from eltanin_gas.problems import Problems
from eltanin_kinetic_flows.problems import FAMILIES, Draw, Ranges, draw
from eltanin_kinetic_flows.runs import Runs, run

Committee = Sequence[Predictor[Problems, Any]]
TOGETHER = 8  # flows of one task: enough to run well, few enough for all workers
LEAST = 0.2  # weight of a family that was accurate throughout, beside 1.2 of one that never was


@dataclass(frozen=True)
class KineticFlows:
    """Runs random flows of a monatomic gas by the committee's mean closure.

    What is handed back are whole problems, from Maxwellians on: no lift is needed for their labels. With each come the
    states that the run met, where the committee is asked how far it disagrees, and as evidence the least realizability
    and eigenvalue gap, the largest imaginary part of a speed, and when the run stopped, if it did: where it was no gas
    any more, or had complex speeds. The first round, which no closure can run, has the beginnings alone.

    families: their weights, {wave: 1, riemann: 1, mixture: 1, transition: 1, shock: 1}; those that were not accurate
        are run more. wave, mixture (of a wave and two pieces) and transition (a mixture whose Kn goes from the lowest
        to the highest and back) are periodic, riemann is two gases side by side, shock begins as a smooth step
        between the states of Rankine and Hugoniot.
    problems: new ones in each round.
    cells: of each, over a unit length.
    duration: of each; gases at rest have the thermal speed 1.
    instants: equally spaced times at which a run is looked at; as many as the labeler's.
    lowest_knudsen, highest_knudsen: of the log-uniform distribution of Kn.
    lowest_mach, highest_mach: of shocks, uniform.
    shock_cells: of a shock.
    shock_length: of the stretch of a shock, in mean free times x thermal speed upstream (Kn = 1).
    shock_duration: in mean free times upstream.
    imaginary: largest imaginary part of a characteristic speed at which a run goes on, over T^(1/2).
    """

    domain: ClassVar[str] = "gas"
    revision: ClassVar[int] = 1
    follows: ClassVar[frozenset[str]] = frozenset({"moment_system"})
    system: System
    families: dict[str, float] = field(default_factory=lambda: dict.fromkeys(FAMILIES, 1.0))
    problems: int = 40
    cells: int = 64
    duration: float = 0.1
    instants: int = 4
    lowest_knudsen: float = 1e-3
    highest_knudsen: float = 10.0
    lowest_mach: float = 1.2
    highest_mach: float = 4.0
    shock_cells: int = 90
    shock_length: float = 72.0
    shock_duration: float = 24.0
    imaginary: float = 1.0
    executor: OwnExecutor = field(default_factory=Inline)

    def __post_init__(self) -> None:
        """Refuse what no gas can begin with, or no closure can run."""
        self._check_families()
        for name, least in (("problems", 1), ("instants", 1), ("cells", 4), ("shock_cells", 4)):
            if getattr(self, name) < least:
                raise ValueError(f"explorer.{name}={getattr(self, name)}: give {least} or more")
        for name in ("duration", "shock_length", "shock_duration", "imaginary"):
            if not getattr(self, name) > 0:
                raise ValueError(f"explorer.{name}={getattr(self, name)}: give a number above 0")
        for name, least in (("knudsen", 0.0), ("mach", 1.02)):
            low, high = getattr(self, f"lowest_{name}"), getattr(self, f"highest_{name}")
            if not least < low <= high:
                raise ValueError(
                    f"explorer.lowest_{name}={low} and highest_{name}={high}: give {least} < lowest <= highest"
                )
        if getattr(self.system, "model", None) != "bgk":
            raise ValueError(
                "explorer=kinetic_flows runs moments that relax to a Maxwellian: give system=monatomic_gas and"
                " system.model=bgk"
            )

    def _check_families(self) -> None:
        if unknown := sorted(self.families.keys() - set(FAMILIES)):
            raise ValueError(f"explorer.families has {', '.join(unknown)}: give weights of {', '.join(FAMILIES)}")
        if not (all(w >= 0 for w in self.families.values()) and sum(self.families.values()) > 0):
            raise ValueError(f"explorer.families={self.families}: give weights of 0 or more, one of them above 0")

    def init(self, rng: Rng) -> dict[str, Any]:
        """Return the number of runs so far."""
        del rng
        return {"runs": 0}

    def explore(
        self, committee: Committee, state: dict[str, Any], feedback: Feedback | None, rng: Rng
    ) -> tuple[Problems, dict[str, Any]]:
        """Return new problems with the states that the closure met in them."""
        family = rng.choice(FAMILIES, size=self.problems, p=shares(self.families, feedback))
        x = draw(family, self._draw, rng)
        trajectory = state["runs"] + np.arange(self.problems)
        ran = self._ran(committee, x) if committee else unseen(x)
        looked = np.full(self.problems, self.instants)
        evidence = {**x.evidence, "trajectory": trajectory, "instants": looked, **ran}
        return replace(x, evidence=evidence), {"runs": state["runs"] + self.problems}

    @property
    def _draw(self) -> Draw:
        return Draw(
            self.cells,
            self.duration,
            Ranges(self.lowest_knudsen, self.highest_knudsen, self.lowest_mach, self.highest_mach),
            self.shock_cells,
            self.shock_length,
            self.shock_duration,
        )

    def _ran(self, committee: Committee, x: Problems) -> dict[str, Any]:
        """Run all problems, a few of one size in each task of the executor."""
        groups: list[np.ndarray] = []
        for kind in np.unique(np.stack([x.cells, x.boundary]), axis=1).T:
            alike = np.flatnonzero((x.cells == kind[0]) & (x.boundary == kind[1]))
            groups += np.array_split(alike, -(-len(alike) // TOGETHER))
        bare = replace(x, evidence={})
        tasks = [(committee, self.system, bare[group], self.instants, self.imaginary) for group in groups]
        found: dict[int, Runs] = {}
        for k, result in self.executor.run(run, tasks):
            if isinstance(result, Failure):
                raise EltaninError(f"flows {groups[k]} did not end: {result.message}. Resume the run.")
            found[k] = result
        return told([found[k] for k in range(len(groups))], groups)


def told(runs: Sequence[Runs], groups: Sequence[np.ndarray]) -> dict[str, Any]:
    """Return as evidence of all problems what was seen in groups of them."""
    order = np.argsort(np.concatenate(groups))
    rows = [met.reshape(-1, met.shape[-1]) for one in runs for met in one.met]
    columns = {
        name: np.concatenate([getattr(one, name) for one in runs])[order]
        for name in ("stopped", "realizability", "imaginary", "gap")
    }
    return {"met": Ragged.of([rows[k] for k in order]), **columns}


def unseen(x: Problems) -> dict[str, Any]:
    """Return the evidence of problems that no closure has run: what they met is the beginning (`Problems.met`)."""
    return dict.fromkeys(("stopped", "realizability", "imaginary", "gap"), np.full(len(x), np.nan))


def shares(weights: Mapping[str, float], feedback: Feedback | None) -> np.ndarray:
    """Return the part of each family in the next round, (families,): what was not accurate is run more."""
    found = np.array([weights.get(family, 0.0) for family in FAMILIES])
    if feedback is not None and len(feedback):
        regions = np.asarray(feedback.evidence["region"])
        for i, family in enumerate(FAMILIES):
            there = feedback.verdict[regions == family]
            found[i] *= LEAST + (np.mean(there != Verdict.ACCURATE) if len(there) else 1.0)
    return found / found.sum()
