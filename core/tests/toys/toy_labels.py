"""Labels of numbered questions, for tests of the store."""

import sys
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from eltanin.batch import Batch, Properties, Ragged
from eltanin.store import Record

sys.path.append(str(Path(__file__).parent))
from toy_faults import same

METHOD = {"name": "springs", "revision": 1, "settings": {"stiffness": 1.0}}


@dataclass(frozen=True)
class Place(Batch):
    """position: (n,)."""

    position: np.ndarray


def record(number, answer=None, **about):
    """Return the record of a question, with the label that belongs to it unless another answer is given."""
    if answer is None:
        forces = Ragged(np.full((number % 3, 3), float(number)), np.array([number % 3]))
        answer = Properties.of(energy=np.array([number / 7]), forces=forces)
    about = {"created": 1.7e9 + number, "origin": {"round": number}, "seconds": 0.25, **about}
    asked = {"configuration": f"{number:064x}", "wanted": ("energy", "forces"), "method": METHOD}
    about = {"evidence": {"steps": number, "gap": np.array([0.5, np.nan])}, **asked, **about}
    return Record.of(answer, Place(np.array([float(number)])), **about)


def told(one):
    """Return all that a record says, opened."""
    return [one.answer, one.x, one.evidence, *(getattr(one, f.name) for f in fields(one) if f.name != "content")]


def equal(one, other):
    """Say whether two records say the same, to the last bit."""
    return same(told(one), told(other))
