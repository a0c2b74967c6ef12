"""The state of a training is a tree of arrays; here it becomes a potential, and comes back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from ase.data import atomic_numbers

from eltanin.batch import to_numpy
from eltanin_atoms.descriptors import Descriptor
from eltanin_atoms.nets import Tensors
from eltanin_atoms.repulsions import Repulsion
from eltanin_atoms.structures import Structures
from eltanin_neural_potential.energy import Parameters
from eltanin_neural_potential.potential import Potential

State = dict[str, Any]


def tensors(tree: Mapping[str, Any], dtype: torch.dtype, device: torch.device) -> Tensors:
    """Return arrays as tensors of their own."""
    return {name: torch.tensor(to_numpy(a), dtype=dtype, device=device) for name, a in tree.items()}


def arrays(tree: Tensors, dtype: torch.dtype = torch.float64) -> dict[str, np.ndarray]:
    """Return tensors as arrays of their own."""
    return {name: to_numpy(t.to(dtype)).copy() for name, t in tree.items()}


def potential_of(
    state: State, descriptor: Descriptor, repulsion: Repulsion | None, layers: int, precision: str, device: str
) -> Potential:
    """Return the potential of a state, with tensors of its own."""
    dtype, place = getattr(torch, precision), where(device)
    return Potential(
        elements=list(state["elements"]),
        descriptor=descriptor,
        repulsion=repulsion,
        parameters=Parameters(
            descriptor=tensors(state["descriptor"], dtype, place),
            fitting=[tensors(net, dtype, place) for net in state["fitting"]],
            layers=layers,
        ),
        statistics=tensors(state["statistics"], torch.float64, place),
        bias=torch.tensor(to_numpy(state["bias"]), dtype=torch.float64, device=place),
        dtype=dtype,
        device=place,
    )


def where(device: str) -> torch.device:
    """Return the device of a name; auto is cuda where there is one."""
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(device)


def composition(x: Structures, elements: list[str]) -> np.ndarray:
    """Return how many atoms of each element a structure has, (n, species)."""
    table = np.zeros((len(x), len(elements)))
    for k, element in enumerate(elements):
        mine = x.numbers.values == atomic_numbers[element]
        table[:, k] = np.bincount(x.numbers.owner, mine, len(x))
    return table
