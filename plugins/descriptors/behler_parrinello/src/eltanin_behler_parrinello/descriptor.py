"""The component: settings of symmetry functions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from eltanin.registry import nearest
from eltanin_atoms.descriptors import CONTINUOUS, EXTENSIVE, SYMMETRIC, Environment
from eltanin_atoms.graphs import Graph
from eltanin_atoms.nets import Tensors
from eltanin_atoms.scaling import apart, scaled, scales
from eltanin_atoms.vectors import length, taken
from eltanin_behler_parrinello.angular import Angles, Triples, measured
from eltanin_behler_parrinello.counting import Counting
from eltanin_behler_parrinello.environment import Learned, Neighbours, Seen
from eltanin_behler_parrinello.pairs import gaussians
from eltanin_behler_parrinello.switch import SWITCHES


@dataclass(frozen=True)
class BehlerParrinello:
    """Symmetry functions: neighbours counted by distance, and by twos by distance and angle.

    cutoff: Å.  angular_cutoff: of the angular functions, Å.
    switch: to zero at the cutoff: polynomial, or the cosine of the first papers, which has a kink in the forces.
    radial: how many radial functions, for each species of neighbours; 0 for none.
    radial_from: where the first of them has its maximum, Å; the others follow evenly up to the cutoff.
    lambdas, zetas, etas: an angular function for each λ, ζ and η (1/Å²), for each pair of species of
        neighbours; without etas there are none.
    third_side: angular functions ask for the distance between both neighbours too (G4 rather than G5).
    """

    domain: ClassVar[str] = "atoms"
    revision: ClassVar[int] = 1
    guarantees: ClassVar[tuple[str, ...]] = (SYMMETRIC, EXTENSIVE, CONTINUOUS)

    cutoff: float = 6.0
    angular_cutoff: float = 4.5
    switch: str = "polynomial"
    radial: int = 12
    radial_from: float = 1.0
    lambdas: list[float] = field(default_factory=lambda: [-1.0, 1.0])
    zetas: list[float] = field(default_factory=lambda: [1.0, 4.0])
    etas: list[float] = field(default_factory=lambda: [0.005, 0.05])
    third_side: bool = True

    def __post_init__(self) -> None:
        """Check the settings."""
        if self.switch not in SWITCHES:
            raise ValueError(f"switch={self.switch} is not known{nearest(self.switch, list(SWITCHES))}")
        if not 0 < self.angular_cutoff <= self.cutoff:
            raise ValueError(
                f"angular_cutoff={self.angular_cutoff} Å: give a distance from above 0 to the cutoff of {self.cutoff} Å"
            )
        if not 0 <= self.radial_from < self.cutoff:
            raise ValueError(
                f"radial_from={self.radial_from} Å: give a distance from 0 to below the cutoff of {self.cutoff} Å"
            )
        self._check_functions()

    def _check_functions(self) -> None:
        if self.radial < 0 or not (self.radial or self.angles):
            raise ValueError(f"radial={self.radial}: give at least one radial function, or an angular one by etas")
        if self.etas and not (self.lambdas and self.zetas):
            raise ValueError("etas without lambdas and zetas: an angular function has one of each")
        if any(not -1 <= sign <= 1 for sign in self.lambdas):
            raise ValueError(f"lambdas={list(self.lambdas)}: 1 + λ cos θ must not be negative: give -1 to 1")
        if any(zeta < 1 for zeta in self.zetas):
            raise ValueError(
                f"zetas={list(self.zetas)}: below 1 forces are infinite at straight angles: give 1 or more"
            )
        if any(eta < 0 for eta in self.etas):
            raise ValueError(f"etas={list(self.etas)}: these are 1/Å², 0 or more")

    @property
    def angles(self) -> int:
        """How many angular functions there are for each pair of species."""
        return len(self.lambdas) * len(self.zetas) * len(self.etas)

    @property
    def shells(self) -> tuple[list[float], list[float]]:
        """η (1/Å²) and R (Å) of the radial functions: as wide as they are apart."""
        apart = (self.cutoff - self.radial_from) / max(1, self.radial)
        return [0.5 / apart**2] * self.radial, [self.radial_from + k * apart for k in range(self.radial)]

    def counting(self, species: int) -> Counting:
        """Return what is counted."""
        return Counting(species, self.radial, self.angles)

    def size(self, species: int) -> int:
        """Return the number of features of an atom."""
        return self.counting(species).size

    def statistics(self, graphs: Iterable[Graph], species: int) -> Tensors:
        """Return the mean and range of every feature, for each species of the centre."""
        features = ((self._neighbours(g, species).features(len(g.species)), g.species) for g in map(apart, graphs))
        return scales(features, species, self.size(species))

    def parameters(self, species: int, rng: np.random.Generator) -> Tensors:  # noqa: ARG002 - others have some
        """Return no parameters: there are none."""
        return {}

    def covering(self, statistics: Tensors, graphs: Iterable[Graph]) -> Tensors:
        """Return the statistics, which stay; refuse atoms at the same place."""
        for graph in graphs:
            apart(graph)
        return statistics

    def environment(self, graph: Graph, statistics: Tensors, dtype: torch.dtype, learning: bool = False) -> Environment:
        """Return the environment of a graph; when learning, with the derivatives by every pair."""
        neighbours = self._neighbours(graph, len(statistics["mean"]))
        values, scale = scaled(neighbours.features(len(graph.species)), graph.species, statistics)
        values, scale = values.to(dtype), scale.to(dtype)
        if not learning:
            return Seen(values, scale, neighbours.to(dtype))
        columns = neighbours.counting.columns().to(values.device)
        return Learned(values, scale, columns, neighbours.place, neighbours.jacobian().to(dtype))

    def _neighbours(self, graph: Graph, species: int) -> Neighbours:
        vector, centre = graph.vector.T.contiguous(), graph.centre
        r = length(vector)
        r = r.where(r > 0, torch.nan)  # two atoms at the same place have no features
        unit, other = vector / r, graph.species[graph.neighbour]
        value, slope = gaussians(r, *self.shells, SWITCHES[self.switch], self.cutoff)
        counting = self.counting(species)
        triples = self._triples(graph, r, unit)
        block = counting.block().to(centre.device)[taken(other, triples.first), taken(other, triples.second)]
        counted = replace(triples, block=triples.block * counting.blocks + block)
        return Neighbours(counting, centre, other, unit, value, slope, counted)

    def _triples(self, graph: Graph, r: Tensor, unit: Tensor) -> Triples:
        switch, cutoff = SWITCHES[self.switch], self.angular_cutoff if self.angles else 0.0
        angles = Angles(self.lambdas, self.zetas, self.etas, self.third_side, switch, cutoff)
        return measured(angles, r, unit, graph.centre, len(graph.species))
