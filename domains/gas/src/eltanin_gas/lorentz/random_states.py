"""The explorer: random waves and discontinuities, run with the current closure.

What is handed back are windows of the runs: states that the committee's mean closure leads to, where a
kinetic solver starts again from the largest entropy that their moments allow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from eltanin.batch import Properties, Ragged
from eltanin.protocols import Feedback, Predictor, Rng, System, Verdict
from eltanin_gas.lorentz.flow import fields_after
from eltanin_gas.lorentz.initial_states import step, wave
from eltanin_gas.problems import Boundary, Problems

FAMILIES = ("wave", "step")
Committee = Sequence[Predictor[Problems, Properties]]


@dataclass(frozen=True)
class RandomStates:
    """Runs random waves and steps of a Lorentz gas with the current closure.

    problems: new ones in each round.  cells: of each, over a unit length.
    windows: that a run is cut into.  duration: of a window, in crossing times.
    lowest_knudsen, highest_knudsen: of the log-uniform distribution of Kn.
    first_current: largest |j/n| in the first round, which begins near equilibrium.
    largest_current: largest |j/n| later.
    """

    domain: ClassVar[str] = "gas"
    revision: ClassVar[int] = 1
    system: System
    problems: int = 40
    cells: int = 32
    windows: int = 4
    duration: float = 0.25
    lowest_knudsen: float = 0.01
    highest_knudsen: float = 10.0
    first_current: float = 0.3
    largest_current: float = 0.95

    def __post_init__(self) -> None:
        """Refuse what no gas can start from."""
        for name, least in (("problems", 1), ("cells", 2), ("windows", 1)):
            if getattr(self, name) < least:
                raise ValueError(f"explorer.{name}={getattr(self, name)}: give {least} or more")
        if not self.duration > 0:
            raise ValueError(f"explorer.duration={self.duration}: a window lasts; give a time above 0")
        if not 0 < self.lowest_knudsen <= self.highest_knudsen:
            raise ValueError(
                f"explorer.lowest_knudsen={self.lowest_knudsen} and "
                f"highest_knudsen={self.highest_knudsen}: give 0 < lowest <= highest"
            )
        for name in ("first_current", "largest_current"):
            if not 0 < getattr(self, name) < 1:
                raise ValueError(
                    f"explorer.{name}={getattr(self, name)}: particles of speed 1 have |j/n| < 1; "
                    "give a number between 0 and 1"
                )

    def init(self, rng: Rng) -> dict[str, Any]:
        """Return the number of runs so far."""
        del rng
        return {"runs": 0}

    def explore(
        self, committee: Committee, state: dict[str, Any], feedback: Feedback | None, rng: Rng
    ) -> tuple[Problems, dict[str, Any]]:
        """Return windows of new runs; the first round, which no closure can run, has their starts."""
        largest = self.largest_current if committee else self.first_current
        start = self._start(state["runs"], largest, shares(feedback), rng)
        found = [start]
        for window in range(1, self.windows if committee else 1):
            found.append(self._next(found[-1], committee, window * self.duration))
        return Problems.concatenate(found), {"runs": state["runs"] + self.problems}

    def _start(self, runs: int, largest: float, share: np.ndarray, rng: Rng) -> Problems:
        family = rng.choice(len(FAMILIES), size=self.problems, p=share)
        draw = (wave, step)
        fields = Ragged.of([draw[f](self.cells, largest, rng) for f in family])
        bounds = np.log([self.lowest_knudsen, self.highest_knudsen])
        knudsen = np.exp(rng.uniform(*bounds, size=self.problems))
        return Problems(
            fields=fields,
            knudsen=Ragged(np.repeat(knudsen, self.cells), fields.counts),
            length=np.ones(self.problems),
            duration=np.full(self.problems, self.duration),
            boundary=np.array([Boundary.PERIODIC, Boundary.OPEN])[family],
            evidence={
                "region": np.array(FAMILIES)[family],
                "knudsen": knudsen,
                "time": np.zeros(self.problems),
                "trajectory": runs + np.arange(self.problems),
            },
        )

    def _next(self, x: Problems, committee: Committee, time: float) -> Problems:
        asked = replace(x, duration=np.zeros(len(x)))

        def mean_closure(fields: np.ndarray) -> np.ndarray:
            cells = replace(asked, fields=Ragged(fields, x.cells))
            return np.mean([m.predict(cells).values["closing"].values[:, 0] for m in committee], axis=0)

        fields = fields_after(x, x.duration, self.system, mean_closure, courant=0.9)
        evidence = {**x.evidence, "time": np.full(len(x), time)}
        return replace(x, fields=Ragged(fields, x.cells), evidence=evidence)


def shares(feedback: Feedback | None) -> np.ndarray:
    """Return the part of each family in the next round: what was not accurate is run more, (2,)."""
    weights = np.ones(len(FAMILIES))
    if feedback is not None and len(feedback):
        for i, family in enumerate(FAMILIES):
            there = feedback.verdict[np.asarray(feedback.evidence["region"]) == family]
            weights[i] = 0.2 + (np.mean(there != Verdict.ACCURATE) if len(there) else 1.0)
    return weights / weights.sum()
