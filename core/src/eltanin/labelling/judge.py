"""Judging an answer: what enters the store as a label is whole, converged, and fit to be learned from."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from eltanin.batch import Properties
from eltanin.execution.memory import is_lack_of_memory
from eltanin.protocols import Evidence, Failure, Labels
from eltanin.store.trees import decode, encode

Refusals = Callable[[Any, Any], Mapping[int, Failure]]


def judged(x: Any, labels: Labels[Any], refusals: Refusals, on_host: bool = True) -> Labels[Any]:
    """Return labels with what no model may learn among the failures; `on_host`: as a store would return them."""
    try:
        read = replace(labels, values=decode(*encode(labels.values))) if on_host else labels
        return replace(read, failures=judge(x, read, refusals))
    except Exception as error:
        if is_lack_of_memory(error):
            raise
        failure = Failure("shape", f"nobody can make sense of the answer: {type(error).__name__}: {error}")
        return Labels(Properties.none(len(x)), dict.fromkeys(range(len(x)), failure))


def judge(x: Any, labels: Labels[Any], refusals: Refusals) -> Mapping[int, Failure]:
    """Return why rows of an answer are no labels: what the labeler says itself, then what can be seen."""
    rows = range(len(x))
    if len(labels.failures) == len(x):
        return labels.failures
    if len(labels.values) != len(x):
        why = (
            f"the labeler was asked for {len(x)} labels and returned {len(labels.values)}: `values` has a row for each"
            " configuration, those that failed included. Tell whoever wrote it"
        )
        return dict.fromkeys(rows, Failure("shape", why))
    said = {row: failure for row in rows if (failure := _admitted(labels.evidence.get(row, {})))}
    return {**refusals(x, labels.values), **said, **labels.failures}


def _admitted(evidence: Evidence) -> Failure | None:
    """Return the failure that the labeler's own evidence admits."""
    if not evidence:
        return None
    try:
        told = json.dumps(evidence, allow_nan=False)
    except (TypeError, ValueError) as error:
        return Failure(
            "error", f"the evidence of a label is plain and finite, for it is kept as JSON, and here: {error}"
        )
    if evidence.get("converged", True) is not True:
        return Failure("unconverged", f"the labeler says so: {told}")
    return None
