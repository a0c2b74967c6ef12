"""The state of a training is a tree of arrays; here it becomes a potential."""

from __future__ import annotations

import torch

from eltanin.batch import to_numpy
from eltanin_atoms.descriptors import Descriptor
from eltanin_atoms.learning.arrays import State, tensors, where
from eltanin_atoms.nets import Parameters
from eltanin_atoms.repulsions import Repulsion
from eltanin_neural_potential.potential import Potential


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
