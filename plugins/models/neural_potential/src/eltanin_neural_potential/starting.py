"""A start from what was learned before: in the folder of a finished run, or in one that `elt import` made.

Parameters are taken as they are, and so are the statistics that they were learned with. The energies of the
elements move by what the first data say, for labels may be counted from another zero than those before:

    bias_t + e_t,    E - E_model ≈ Σ_t n_t e_t,    least squares
"""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from eltanin.batch import Properties, to_numpy
from eltanin.protocols import Dataset, Rng
from eltanin.registry import name_of
from eltanin_atoms.graphs import species_of
from eltanin_atoms.learning.arrays import State
from eltanin_atoms.learning.bias import composition, species_bias
from eltanin_atoms.structures import Structures

if TYPE_CHECKING:
    from eltanin_neural_potential.model import NeuralPotential

SAME = ("descriptor", "repulsion", "neurons", "resnet_dt")  # what parameters have a meaning with


def begun(model: NeuralPotential, data: Dataset[Structures, Properties, Properties], rng: Rng) -> State:
    """Return the state of a member, drawn from those in `start_from`; one alone is there for all."""
    states, x = earlier(model, data.configurations), data.configurations
    state = states[int(rng.integers(len(states)))]
    known = np.flatnonzero(data.labels.has("energy"))
    if not len(known):
        return state
    expected = to_numpy(model.predictor(state).predict(x[known]).values["energy"])
    off = to_numpy(data.labels.values["energy"])[known] - expected
    return state | {"bias": to_numpy(state["bias"]) + species_bias(composition(x[known], state["elements"]), off)}


def earlier(model: NeuralPotential, x: Structures) -> list[State]:
    """Return the states in `start_from`; a ValueError names the setting that they do not fit."""
    from eltanin.run import using  # what opens a run knows Hydra, and takes a second to import

    folder = Path(model.start_from).expanduser()
    other, states = using.members(folder)
    _refuse_other(model, other, "model", folder, SAME)
    for elements in (state["elements"] for state in states):
        if model.elements and [*model.elements] != [*elements]:
            raise ValueError(_differs("model.elements", model.elements, [*elements], folder))
        species_of(x.numbers.values, elements)
    return states


def _refuse_other(ours: Any, theirs: Any, at: str, folder: Path, names: tuple[str, ...]) -> None:
    if type(ours) is not type(theirs):
        raise ValueError(_differs(at, _name(ours), _name(theirs), folder))
    for name in names:
        mine, other = getattr(ours, name), getattr(theirs, name)
        if hasattr(mine, "__dataclass_fields__") or hasattr(other, "__dataclass_fields__"):
            parts = tuple(f.name for f in fields(mine)) if mine is not None else ()
            _refuse_other(mine, other, f"{at}.{name}", folder, parts)
        elif mine != other:
            raise ValueError(_differs(f"{at}.{name}", mine, other, folder))


def _name(part: Any) -> str | None:
    return None if part is None else name_of(type(part))


def _differs(setting: str, ours: object, theirs: object, folder: Path) -> str:
    return f"{setting}={ours}, and what {folder} holds was learned with {theirs}: give that, or leave start_from out"
