"""Judging answers. What is wrong with one in itself is a failure, kept in the store in its place.

What a campaign has set a limit to (a largest force) is refused whenever it is read, and kept as the
label that it is: another campaign may see it differently.
"""

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
ILL = {"shape", "nonfinite"}  # refusals of a domain that are about the answer in itself
LONGEST, LONGEST_OUTPUT = 2000, 4096  # characters of a failure that are kept


def whole(x: Any, labels: Labels[Any], refusals: Refusals) -> Labels[Any]:
    """Return an answer as a store would return it; what is wrong with it in itself is among the failures."""
    try:
        on_host = replace(labels, values=decode(*encode(labels.values)))
        failures = _admitted(x, on_host)
        ill = {row: one for row, one in _refused(x, on_host, refusals, failures).items() if one.kind in ILL}
        return replace(on_host, failures={**ill, **failures})
    except Exception as error:
        return _senseless(x, error)


def learnable(x: Any, labels: Labels[Any], refusals: Refusals) -> Labels[Any]:
    """Return the answer with all that this campaign may not learn among the failures."""
    try:
        failures = _admitted(x, labels)
        return replace(labels, failures={**_refused(x, labels, refusals, failures), **failures})
    except Exception as error:
        return _senseless(x, error)


def _refused(x: Any, labels: Labels[Any], refusals: Refusals, failures: Mapping[int, Failure]) -> Mapping[int, Failure]:
    return refusals(x, labels.values) if len(failures) < len(x) else {}


def _admitted(x: Any, labels: Labels[Any]) -> Mapping[int, Failure]:
    """Return the failures that the labeler itself tells of, and those of one that does not tell enough."""
    rows = range(len(x))
    told = {row: _plain(failure) for row, failure in labels.failures.items()}
    if strange := [row for row in told if row not in rows]:
        why = f"the labeler was asked for {len(x)} labels, and says that row {strange[0]!r} of them failed"
        return dict.fromkeys(rows, Failure("shape", f"{why}: rows are counted from 0. Tell whoever wrote it"))
    if len(told) == len(x):
        return told
    if len(labels.values) != len(x):
        why = (
            f"the labeler was asked for {len(x)} labels and returned {len(labels.values)}: `values` has a row for each"
            " configuration, those that failed included. Tell whoever wrote it"
        )
        return dict.fromkeys(rows, Failure("shape", why))
    said = {row: failure for row in rows if (failure := _unconverged(labels.evidence.get(row, {})))}
    return {**said, **told}


def _plain(failure: Any) -> Failure:
    """Return a failure as a file, an index and a screen can take it, whatever a labeler made it of."""
    if not isinstance(failure, Failure):
        return Failure("error", f"the labeler says {failure!r:.{LONGEST}} where a `Failure` belongs: mend it")
    kind, message, output = (str(part).encode(errors="replace").decode() for part in failure)
    return Failure(kind[:LONGEST], message[:LONGEST], output[-LONGEST_OUTPUT:])


def _unconverged(evidence: Evidence) -> Failure | None:
    if not evidence:
        return None
    try:
        encode(dict(evidence))
        json.dumps(evidence, allow_nan=False, ensure_ascii=False).encode()
    except (TypeError, ValueError) as error:
        return Failure(
            "error", f"the evidence of a label is plain and finite, for it is kept as JSON, and here: {error}"
        )
    if evidence.get("converged", True) is not True:
        return _plain(Failure("unconverged", f"the labeler says so: {json.dumps(evidence)}"))
    return None


def _senseless(x: Any, error: Exception) -> Labels[Any]:
    if is_lack_of_memory(error):
        raise error
    failure = _plain(Failure("shape", f"nobody can make sense of the answer: {type(error).__name__}: {error}"))
    return Labels(Properties.none(len(x)), dict.fromkeys(range(len(x)), failure))
