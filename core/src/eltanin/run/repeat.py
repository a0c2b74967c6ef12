"""Asking for one label of a run again, here and now, with all that its program writes on the screen."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from eltanin.errors import ConfigurationError
from eltanin.execution import limited
from eltanin.labelling.answer import ask
from eltanin.labelling.judge import whole
from eltanin.parts.settings import Run
from eltanin.protocols import Failure
from eltanin.run.driver import opened
from eltanin.store import LabelStore, open_store
from eltanin.store.method import method_of, versions_of
from eltanin.store.records import NAME, Record
from eltanin.store.trees import encode


def repeat(folder: Path, beginning: str, keep: bool) -> int:
    """Print what comes out, and where it differs from what is known; return 0 if it is a label."""
    files = opened(folder)
    run, _ = files.restored
    store = open_store(run.store) if run.memory != "latest" else None
    if store is None:
        raise ConfigurationError(f"{files.path} kept no labels in a store, so there is none to repeat.")
    with store:
        known = found(store, beginning)
        files.begun.check_method(files.path, method_of(run.labeler))
        if known.method != files.begun.method:
            raise ConfigurationError(f"{known.key} was not made by the labeler of {files.path}: give the run it is of.")
        print(f"{known.key}\nknown: {told(known)}\n", flush=True)  # noqa: T201
        with limited(run.executor.threads):
            again = asked_again(run, known)
        print(f"\nnow: {told(again)}")  # noqa: T201
        print("\n".join(differences(known.answer, again.answer)))  # noqa: T201
        if keep:
            print(kept(store, again))  # noqa: T201
    return 0 if again.failure is None else 1


def found(store: LabelStore, beginning: str) -> Record:
    """Return the label, or the last failure, whose key begins so."""
    names = (NAME.fullmatch(path.name) for path in store.objects.files())
    keys = sorted({name[1] for name in names if name and name[1].startswith(beginning)})
    if len(keys) != 1:
        several = f"the keys of {len(keys)} labels begin so: give more of it" if keys else "no label has such a key"
        raise ConfigurationError(f"{beginning}: {several}. `elt store ls --failed --json` tells those of failures.")
    record = store.objects.find(keys[0])
    assert record is not None
    return record


def asked_again(run: Run, known: Record) -> Record:
    """Return the record of a new answer to the same question."""
    labels, seconds = ask(run.labeler, known.x, frozenset(known.wanted), int(known.key, 16))
    labels = whole(known.x, labels, run.domain.refusals)
    failure = labels.failures.get(0)
    return Record.of(
        failure or labels.values,
        known.x,
        evidence={} if failure else labels.evidence.get(0, {}),
        configuration=known.configuration,
        wanted=known.wanted,
        method=known.method,
        seconds=seconds,
        origin=known.origin,
        versions=versions_of(run.labeler),
        created=time.time(),
    )


def kept(store: LabelStore, record: Record) -> str:
    """Keep an answer, and say what the store holds now."""
    holds = store.put(record)
    if holds.bits == record.bits:
        return f"kept in {store.root}"
    return f"not kept: {store.root} has another label of this key, and the first one stays"


def told(record: Record) -> str:
    """Say in short what an answer is."""
    failure = record.failure
    line = f"{failure.kind}: {failure.message}" if failure else "a label"
    return f"{line}; it took {record.seconds:.1f} s" + (f"\n{failure.output}" if failure and failure.output else "")


def differences(before: Any, after: Any) -> Iterator[str]:
    """Yield where two answers differ."""
    if isinstance(before, Failure) or isinstance(after, Failure):
        same = type(before) is type(after) and before[:2] == after[:2]
        yield "the same failure" if same else "it is not what it was"
        return
    old, new = encode(before)[1], encode(after)[1]
    apart = list[str]()
    for name in sorted(old.keys() | new.keys()):
        one, other = (np.asarray(arrays.get(name, np.zeros(0))) for arrays in (old, new))
        if one.shape != other.shape:
            apart.append(f"{name}: its shape was {one.shape}, and is {other.shape}")
        elif one.tobytes() != other.tobytes():
            most = np.max(np.abs(one.astype(float) - other.astype(float)))
            apart.append(f"{name}: differs by {most:.3g} at most")
    yield from apart or ["the same to the last bit"]
