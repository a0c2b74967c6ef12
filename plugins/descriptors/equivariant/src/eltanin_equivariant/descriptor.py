"""The component: settings of equivariant messages, around their kernels."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import torch

from eltanin_atoms.descriptors import CONTINUOUS, EXTENSIVE, SYMMETRIC
from eltanin_atoms.graphs import Graph
from eltanin_atoms.nets import Tensors
from eltanin_atoms.scaling import apart
from eltanin_equivariant.couplings import harmonics, slopes
from eltanin_equivariant.environment import Surroundings, surroundings
from eltanin_equivariant.messages import Shape
from eltanin_equivariant.parameters import initial
from eltanin_equivariant.radial import bessel

SMALLEST = 1e-3  # the least scale of Bessel functions, Å^(-3/2)


@dataclass(frozen=True)
class Equivariant:
    """Equivariant messages of several layers, with products of many bodies, down to invariants (MACE).

    cutoff: how far neighbours are that talk to each other, Å; an atom sees as far as `layers` of these.
    layers: of messages.  channels: tensors of each degree that an atom holds; it has layers * channels features.
    l_max: degree of the spherical harmonics.
    hidden_l: degree of the tensors that atoms send, from the second layer on.
    correlation: neighbours that meet in one product, 1 to 4.
    bessel: radial functions.  radial: widths of the hidden layers of the radial nets.
    """

    domain: ClassVar[str] = "atoms"
    revision: ClassVar[int] = 1
    guarantees: ClassVar[tuple[str, ...]] = (SYMMETRIC, EXTENSIVE, CONTINUOUS)

    cutoff: float = 5.0
    layers: int = 2
    channels: int = 16
    l_max: int = 2
    hidden_l: int = 1
    correlation: int = 3
    bessel: int = 8
    radial: list[int] = field(default_factory=lambda: [32, 32])

    def __post_init__(self) -> None:
        """Check the settings."""
        if not self.cutoff > 0:
            raise ValueError(f"cutoff={self.cutoff} Å: give a positive distance")
        for name in ("layers", "channels", "bessel"):
            if (value := getattr(self, name)) < 1:
                raise ValueError(f"{name}={value}: give a number of 1 or more")
        if min(self.radial, default=1) < 1:
            raise ValueError(f"radial={list(self.radial)}: a layer of a radial net has 1 neuron or more")
        self._check_degrees()

    def _check_degrees(self) -> None:
        if not 0 <= self.l_max <= 4:
            raise ValueError(f"l_max={self.l_max}: give a degree of the harmonics from 0 to 4")
        if not 0 <= self.hidden_l <= self.l_max:
            raise ValueError(f"hidden_l={self.hidden_l}: give a degree from 0 to l_max, which is {self.l_max}")
        if not 1 <= self.correlation <= 4:
            raise ValueError(f"correlation={self.correlation}: give 1 to 4 neighbours of a product")

    def size(self, species: int) -> int:  # noqa: ARG002 - other descriptors grow with it
        """Return the number of features of an atom."""
        return self.layers * self.channels

    def statistics(self, graphs: Iterable[Graph], species: int) -> Tensors:  # noqa: ARG002 - one scale for all
        """Return the mean number of neighbours, and the root mean square of a Bessel function."""
        atoms, pairs, squares = 0, 0, 0.0
        for graph in map(apart, graphs):
            values, _ = bessel(graph.vector.norm(dim=1), self.cutoff, self.bessel)
            atoms, pairs = atoms + len(graph.species), pairs + len(graph.centre)
            squares += float((values**2).sum()) / self.bessel
        scale = max(SMALLEST, (squares / max(1, pairs)) ** 0.5)
        neighbours = max(1.0, pairs / max(1, atoms))
        return {name: torch.tensor([x]).double() for name, x in (("neighbours", neighbours), ("bessel", scale))}

    def parameters(self, species: int, rng: np.random.Generator) -> Tensors:
        """Return parameters to begin with, in float64."""
        return initial(self._shape(1.0), species, self.channels, self.bessel, self.radial, rng)

    def covering(self, statistics: Tensors, graphs: Iterable[Graph]) -> Tensors:
        """Return the statistics, which stay; refuse atoms at the same place."""
        for graph in graphs:
            apart(graph)
        return statistics

    def environment(
        self,
        graph: Graph,
        statistics: Tensors,
        dtype: torch.dtype,
        learning: bool = False,  # noqa: ARG002 - both are the same
    ) -> Surroundings:
        """Return the environment of a graph."""
        r = graph.vector.norm(dim=1)
        r = r.where(r > 0, torch.nan)  # two atoms at the same place have no direction
        unit = graph.vector / r[:, None]
        y = harmonics(unit, self.l_max)
        b, slope = (x / statistics["bessel"] for x in bessel(r, self.cutoff, self.bessel))
        jacobian = torch.cat([slopes(unit, y, 1 / r, self.l_max), unit[:, :, None] * slope[:, None]], dim=2)
        z, shape = torch.cat([y, b], dim=1), self._shape(float(statistics["neighbours"]))
        return surroundings(graph.species, graph.centre, graph.neighbour, z.to(dtype), jacobian.to(dtype), shape)

    def _shape(self, neighbours: float) -> Shape:
        return Shape(self.l_max, self.hidden_l, self.correlation, self.layers, len(self.radial), neighbours)
