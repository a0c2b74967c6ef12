"""Errors of flows by a closure, beside those of Euler, of Navier, Stokes and Fourier, and of no collisions at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any, ClassVar

import numpy as np
import torch

from eltanin.batch import Ragged
from eltanin.protocols import Explorer, Rng
from eltanin_classical.three_moments import Euler, NavierStokesFourier
from eltanin_gas.collisions import MonatomicGas
from eltanin_gas.flows.march import Record, march
from eltanin_gas.flows.problems import check_closes, flow_of, relaxation_of, system_of
from eltanin_gas.flows.system import MomentSystem, thermodynamic
from eltanin_gas.monatomic import conserved_of, sound_speed
from eltanin_gas.problems import Problems

FREE = 1e6  # a Knudsen number without collisions
RARELY = 20  # steps between looks at margins
NAMES = ("rho", "u", "T")
SMOOTHED = (0.25, 1.0)  # lengths of diffusion beyond which NSF takes half, and a quarter, of the cells


@dataclass(frozen=True)
class FlowErrors:
    """Measures flows that were never explored, by the mean closure, when the campaign has ended.

    Random problems of explorer=kinetic_flows at given Knudsen numbers, on cells twice as many for the labeler's
    reference. Of each Knudsen number the mean of ∫ |error| / ∫ |reference| in ρ and T, and of ∫ |error| / ∫ c in u with
    the sound speed c: `error_…` of the closure, and with a prefix of Euler (`euler_`), Navier, Stokes and Fourier
    (`nsf_`) and free flight (`free_`, by the labeler).

    families: of which problems are drawn.
    problems: of each family.
    knudsen: numbers that all of these are solved for.
    refined: Knudsen numbers that the closure is measured at on twice as many cells too (`…_fine`).
    transitions: problems whose Kn goes from the explorer's lowest to its highest in space (`…_transition`).
    cells: of each.
    """

    domain: ClassVar[str] = "gas"
    revision: ClassVar[int] = 1
    families: list[str] = field(default_factory=lambda: ["wave", "mixture"])
    problems: int = 3
    knudsen: list[float] = field(default_factory=lambda: [1e-3, 1e-2, 0.1, 1.0, 10.0])
    refined: list[float] = field(default_factory=list[float])
    transitions: int = 3
    cells: int = 100

    def __post_init__(self) -> None:
        """Refuse a measurement of nothing."""
        if not self.families or not self.knudsen or self.problems < 1:
            raise ValueError(
                f"validation.families={self.families}, knudsen={self.knudsen} and problems={self.problems}: give some"
                " of each"
            )
        if any(not kn > 0 for kn in (*self.knudsen, *self.refined)):
            raise ValueError(f"validation.knudsen={self.knudsen} and refined={self.refined}: give numbers above 0")
        if self.cells < 8 or self.cells % 4:
            raise ValueError(f"validation.cells={self.cells}: give a multiple of 4, 8 or more")
        if self.transitions < 0:
            raise ValueError(f"validation.transitions={self.transitions}: give 0 or more")

    def check_model(self, model: Any) -> None:
        """Refuse a model that could not be marched in the end."""
        check_closes(model)

    def measure(
        self, explorer: Explorer[Any, Any, Any], state: Any, labelling: Any, committee: Sequence[Any], rng: Rng
    ) -> Mapping[str, Any]:
        """Return errors by name and Knudsen number."""
        del state
        gas, closure = labelling.labeler.system, system_of(committee)
        begun = Problems.concatenate([self._drawn(explorer, name, self.problems, rng) for name in self.families])
        found: dict[str, Any] = {}
        for kn in sorted({*self.knudsen, *self.refined}):
            x = replace(begun, knudsen=Ragged(np.full_like(begun.knudsen.values, kn), begun.knudsen.counts))
            found |= self._compared(gas, closure, x, labelling, f"kn_{kn:g}", kn in self.refined)
        if self.transitions:
            x = self._drawn(explorer, "transition", self.transitions, rng)
            found |= self._compared(gas, closure, x, labelling, "transition", refined=False)
        return found

    def _drawn(self, explorer: Any, family: str, count: int, rng: Rng) -> Problems:
        """Return the beginnings of problems of a family, on twice as many cells as are measured."""
        told: set[str] = {f.name for f in fields(explorer)} if is_dataclass(explorer) else set()
        if not {"families", "problems", "cells"} <= told:
            raise ValueError(
                f"validation=flow_errors draws flows by families, and {type(explorer).__name__} has none: take"
                " explorer=kinetic_flows"
            )
        drawer = replace(explorer, families={family: 1.0}, problems=count, cells=2 * self.cells)  # type: ignore[type-var]
        x, _ = drawer.explore([], drawer.init(rng), None, rng)
        return replace(x, evidence={})

    def _compared(
        self, gas: MonatomicGas, closure: MomentSystem, x: Problems, labelling: Any, where: str, refined: bool
    ) -> dict[str, Any]:
        """Return what is told of problems of equal numbers of cells; those without a reference are left out."""
        free = replace(x, knudsen=Ragged(np.full_like(x.knudsen.values, FREE), x.knudsen.counts))
        known, reference = ends(x, labelling)
        also, unhindered = ends(free, labelling)
        both = known & also
        if not both.any():
            return {f"without_reference_{where}": len(x)}
        x, reference = x[both], reference[both]
        coarse = coarsened(x, 2)
        wanted = averaged(reference, 2)
        now, record = marched(closure, gas, coarse)
        told = errors(now, wanted, "", where)
        told |= errors(marched(Euler(), gas, coarse)[0], wanted, "euler_", where)
        told |= errors(nsf(gas, coarse), wanted, "nsf_", where)
        told |= errors(averaged(unhindered[both], 2), wanted, "free_", where)
        told |= {
            f"{name}_least_{where}": float(record.margins[name].min()) for name in ("realizability", "hyperbolicity")
        }
        told[f"failed_{where}"] = int((~record.failed.isnan()).sum())
        return told | (errors(marched(closure, gas, x)[0], reference, "", f"{where}_fine") if refined else {})


def ends(x: Problems, labelling: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return which problems (n,) have a label, and mass, momentum and energy (n, cells, 3) at their ends."""
    answer = labelling.ask(x, {"reason": "validation"})
    found = np.full((len(x), int(x.cells[0]), 3), np.nan)
    known = np.zeros(len(x), dtype=bool)
    for i in answer.known:
        moments = answer.labels.values.values["moments"][[i]].values
        found[i], known[i] = conserved_of(moments[-found.shape[1] :]), True
    return known, found


def coarsened(x: Problems, by: int) -> Problems:
    """Return problems on fewer cells: moments are averaged, and so is log Kn."""
    fields_, knudsen = np.stack(x.fields.rows()), np.stack(x.knudsen.rows())
    return replace(
        x, fields=Ragged.of(list(averaged(fields_, by))), knudsen=Ragged.of(list(np.exp(averaged(np.log(knudsen), by))))
    )


def averaged(values: np.ndarray, by: int) -> np.ndarray:
    """Return means (n, cells / by, …) over so many cells each of (n, cells, …)."""
    return values.reshape(len(values), -1, by, *values.shape[2:]).mean(axis=2)


def marched(system: MomentSystem, gas: MonatomicGas, x: Problems) -> tuple[np.ndarray, Record]:
    """Return mass, momentum and energy (n, cells, 3) at the ends of problems, and what was seen on the way."""
    duration = torch.as_tensor(x.duration, dtype=torch.float64)
    u, record = march(system, flow_of(system, x), relaxation_of(gas, x), duration, inspect=RARELY)
    return system.conserved(u).numpy(), record


def nsf(gas: MonatomicGas, x: Problems) -> np.ndarray:
    """Return what Navier, Stokes and Fourier say (n, cells, 3).

    Steps are explicit, and as short as Δx²/(τ T): where all is smoothed over a length (2 Kn t)^(1/2) that many cells
    span, fewer cells say the same.
    """
    length = float(np.sqrt(2 * x.knudsen.values.max() * x.duration.max()) / x.length.min())
    by = 2 ** sum(length > most for most in SMOOTHED)
    found, _ = marched(NavierStokesFourier(), gas, coarsened(x, by))
    return found.repeat(by, axis=1)


def errors(found: np.ndarray, known: np.ndarray, prefix: str, where: str) -> dict[str, float]:
    """Return the mean relative L1 errors of ρ, u and T of mass, momentum and energy (n, cells, 3)."""
    here, there = (thermodynamic(torch.as_tensor(part)) for part in (found, known))
    scales = (there[0].abs(), sound_speed(there[2]), there[2].abs())
    return {
        f"{prefix}error_{name}_{where}": float(((a - b).abs().sum(-1) / scale.sum(-1)).mean())
        for name, a, b, scale in zip(NAMES, here, there, scales, strict=True)
    }
