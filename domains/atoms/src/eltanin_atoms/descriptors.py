"""The slot `model/descriptor`: what an atom sees of its surroundings, as numbers for a fitting net.

A descriptor is features D_i(θ, z), where z are numbers of the graph that know no parameter θ: the
environment. So a training makes z once for every structure, and in

    dE/dvector_p = Σ_i dE/dD_i · dD_i/dz · dz/dvector_p

the last factor never changes: forces are pulled back by it, and no derivative of a derivative goes
through the geometry. Parameters and statistics are dicts of tensors; a descriptor itself is its
settings and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, Self, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from eltanin_atoms.graphs import Graph, Part
from eltanin_atoms.nets import Tensors

Pull = Callable[[Tensor], Tensor]
# What most descriptors give a sum of atomic energies by construction.
SYMMETRIC = "The energy does not change under translations, rotations, reflections and permutations of equal atoms."
EXTENSIVE = "The energy is extensive: a sum over atoms, each of which sees no farther than its descriptor does."
CONTINUOUS = "Energy and forces are continuous, also where neighbours come and go."


class Environment(Protocol):
    """What a descriptor makes of a graph before it knows any parameter."""

    def features(self, parameters: Tensors) -> tuple[Tensor, Pull]:
        """Return D, (atoms, size), and what pulls dE/dD back to dE/dvector, (pairs, 3).

        Both are differentiable in the parameters, the second in dE/dD too.
        """
        ...

    def joined(self, others: Sequence[Self]) -> Self:
        """Return the environment of several graphs joined, this one first."""
        ...


class Descriptor(Protocol):
    """Settings of a descriptor; `species` counts the elements that a model was set up for."""

    @property
    def guarantees(self) -> Sequence[str]:
        """What holds of a sum of atomic energies made of it, whatever is learned, and what does not."""
        ...

    @property
    def cutoff(self) -> float:
        """How far an atom sees, Å."""
        ...

    def size(self, species: int) -> int:
        """Return the number of features of an atom."""
        ...

    def statistics(self, graphs: Iterable[Graph], species: int) -> Tensors:
        """Return what normalises the environment, from the first data a model sees."""
        ...

    def parameters(self, species: int, rng: np.random.Generator) -> Tensors:
        """Return parameters to begin with, in float64."""
        ...

    def covering(self, statistics: Tensors, graphs: Iterable[Graph]) -> Tensors:
        """Return statistics for these graphs too; what parameters were learned with stays as it is."""
        ...

    def environment(self, graph: Graph, statistics: Tensors, dtype: torch.dtype, learning: bool = False) -> Environment:
        """Return the environment of a graph; when learning, ready for many steps back and forth."""
        ...


class VectorEnvironment(Environment, Protocol):
    """An environment that has more than invariants."""

    def vectors(self, parameters: Tensors) -> tuple[Tensor, Tensor]:
        """Return D, (atoms, size), and vectors that turn and reflect as the structure does, (atoms, 3, channels).

        Both are differentiable in the parameters.
        """
        ...


@runtime_checkable
class VectorDescriptor(Descriptor, Protocol):
    """A descriptor with vectors, as dipoles and polarizabilities are made of."""

    def channels(self, species: int) -> int:
        """Return the number of vectors of an atom."""
        ...

    def environment(
        self, graph: Graph, statistics: Tensors, dtype: torch.dtype, learning: bool = False
    ) -> VectorEnvironment:
        """Return the environment of a graph."""
        ...


Frozen = Callable[[Part], tuple[Tensor, Pull]]


@runtime_checkable
class Freezable(Descriptor, Protocol):
    """A descriptor whose features of an atom follow from its own pairs alone.

    Dynamics is then evaluated in parts that stay in a cache, however large a structure is.
    """

    def frozen(self, parameters: Tensors, statistics: Tensors, dtype: torch.dtype) -> Frozen:
        """Return D of some atoms and its pull, with parameters that stay as they are."""
        ...
