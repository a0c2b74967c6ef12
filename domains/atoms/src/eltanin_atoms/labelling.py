"""Labels of structures one by one: each depends on its own structure alone, and may fail alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from eltanin.batch import Column, Properties, Ragged
from eltanin.protocols import Failure, Labels
from eltanin_atoms.structures import Structures

# Energy, forces and virial of a single structure, as far as they are known.
Answer = Mapping[str, np.ndarray]
SHAPES: Mapping[str, tuple[int, ...]] = {"energy": (), "virial": (3, 3)}


def label_each(
    x: Structures, wanted: frozenset[str], answer: Callable[[Structures], Answer | Failure]
) -> Labels[Properties]:
    """Ask for each structure, stripped of where it came from, and put the answers together.

    An answer that is not finite is a failure; a property that an answer lacks is not present.
    """
    bare = replace(x, evidence={})
    answers = [_finite(answer(bare[np.array([i])])) for i in range(len(x))]
    failures = {i: a for i, a in enumerate(answers) if isinstance(a, Failure)}
    rows = [{} if isinstance(a, Failure) else {k: a[k] for k in wanted & a.keys()} for a in answers]
    return Labels(_properties(rows, wanted), failures)


def _finite(answer: Answer | Failure) -> Answer | Failure:
    if isinstance(answer, Failure):
        return answer
    wrong = sorted(name for name, value in answer.items() if not np.isfinite(value).all())
    return Failure("nonfinite", f"{', '.join(wrong)} not finite") if wrong else answer


def _properties(rows: Sequence[Answer], wanted: frozenset[str]) -> Properties:
    values: dict[str, Column] = {}
    for name in sorted(wanted & SHAPES.keys()):
        blank = np.full(SHAPES[name], np.nan)
        values[name] = np.array([row.get(name, blank) for row in rows], dtype=float)
    if "forces" in wanted:
        values["forces"] = Ragged.of([row.get("forces", np.zeros((0, 3))) for row in rows])
    present = {name: np.array([name in row for row in rows]) for name in values}
    return Properties(values, present) if values else Properties.none(len(rows))
