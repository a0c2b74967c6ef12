"""Labels of structures one by one: each depends on its own structure alone, and may fail alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from eltanin.batch import Column, Properties, Ragged
from eltanin.protocols import Evidence, Failure, Labels
from eltanin_atoms.quantities import TENSORS
from eltanin_atoms.structures import Structures

# Energy, forces, virial, dipole and polarizability of a single structure, as far as they are known; where the energy is
# noisy, `energy_error` is its standard error.
Answer = Mapping[str, np.ndarray]
ENERGY_ERROR = "energy_error"
SHAPES: Mapping[str, tuple[int, ...]] = {"energy": (), "virial": (3, 3), **TENSORS}


class Evident(NamedTuple):
    """An answer, and how it was reached."""

    answer: Answer
    evidence: Evidence


def label_each(
    x: Structures, wanted: frozenset[str], answer: Callable[[Structures], Answer | Evident | Failure]
) -> Labels[Properties]:
    """Ask for each structure, stripped of where it came from, and put the answers together.

    An answer that is not finite is a failure; a property that an answer lacks is not present.
    """
    bare = replace(x, evidence={})
    answers = [_finite(_evident(answer(bare[np.array([i])]))) for i in range(len(x))]
    failures = {i: a for i, a in enumerate(answers) if isinstance(a, Failure)}
    known = {i: a for i, a in enumerate(answers) if isinstance(a, Evident)}
    rows = [{} if isinstance(a, Failure) else {k: a.answer[k] for k in wanted & a.answer.keys()} for a in answers]
    errors = {i: float(a.answer[ENERGY_ERROR]) for i, a in known.items() if ENERGY_ERROR in a.answer}
    values = _properties(rows, wanted)
    if errors and "energy" in wanted:
        values = replace(values, sigma={"energy": np.array([errors.get(i, np.nan) for i in range(len(x))])})
    return Labels(values, failures, {i: a.evidence for i, a in known.items() if a.evidence})


def _evident(answer: Answer | Evident | Failure) -> Evident | Failure:
    return answer if isinstance(answer, (Evident, Failure)) else Evident(answer, {})


def _finite(told: Evident | Failure) -> Evident | Failure:
    if isinstance(told, Failure):
        return told
    wrong = sorted(name for name, value in told.answer.items() if not np.isfinite(value).all())
    return Failure("nonfinite", f"{', '.join(wrong)} not finite") if wrong else told


def _properties(rows: Sequence[Answer], wanted: frozenset[str]) -> Properties:
    values: dict[str, Column] = {}
    for name in sorted(wanted & SHAPES.keys()):
        blank = np.full(SHAPES[name], np.nan)
        values[name] = np.array([row.get(name, blank) for row in rows], dtype=float)
    if "forces" in wanted:
        values["forces"] = Ragged.of([row.get("forces", np.zeros((0, 3))) for row in rows])
    present = {name: np.array([name in row for row in rows]) for name in values}
    return Properties(values, present) if values else Properties.none(len(rows))
