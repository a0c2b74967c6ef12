"""The component: settings of the local frame."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from eltanin_atoms.descriptors import EXTENSIVE
from eltanin_atoms.graphs import Graph
from eltanin_atoms.nets import Tensors
from eltanin_atoms.scaling import apart, scaled, scales
from eltanin_atoms.vectors import length, taken
from eltanin_local_frame.environment import Framed, Slots
from eltanin_local_frame.frames import Frames
from eltanin_local_frame.order import chosen, leaning, ordered, ranks


@dataclass(frozen=True)
class LocalFrame:
    """Local frame: sorted neighbours, along axes that two of them give; not continuous where these change.

    cutoff: Å.
    sel: neighbours of each element that are seen with their direction, the nearest; one number is for all.
    sel_radial: neighbours of each element beyond these that are seen by their distance alone.
    axes: places in the elements of those whose atoms are to give the axes first; others follow, the
        last element first, which is the heaviest if the model has taken its elements from the data.
    sort: neighbours of an element by distance; else in the order of the atoms, and that matters then.
    """

    domain: ClassVar[str] = "atoms"
    revision: ClassVar[int] = 1

    cutoff: float = 6.0
    sel: list[int] = field(default_factory=lambda: [16])
    sel_radial: list[int] = field(default_factory=lambda: [64])
    axes: list[int] = field(default_factory=list)
    sort: bool = True

    def __post_init__(self) -> None:
        """Check the settings."""
        if not self.cutoff > 0:
            raise ValueError(f"cutoff={self.cutoff} Å: give a positive distance")
        for name in ("sel", "sel_radial"):
            if not (numbers := getattr(self, name)) or min(numbers) < 0:
                raise ValueError(f"{name}={list(numbers)}: give a number of neighbours, 0 or more, for each element")
        if not any([*self.sel, *self.sel_radial]):
            raise ValueError("sel and sel_radial are 0 for all elements: no neighbour would be seen")
        if len(set(self.axes)) < len(self.axes) or min(self.axes, default=0) < 0:
            raise ValueError(f"axes={list(self.axes)}: give places in the elements, from 0 on, each once")

    @property
    def guarantees(self) -> tuple[str, ...]:
        """What holds, and what does not."""
        turned = "The energy does not change under translations and rotations; reflections are seen"
        jumps = "It is NOT continuous: it jumps where neighbours swap, leave, or give the axes to others."
        if self.sort:
            return f"{turned}, permutations of equal atoms are not.", EXTENSIVE, jumps
        return f"{turned}, and so is the order of the atoms: the energy of a supercell is NOT a multiple.", jumps

    def size(self, species: int) -> int:
        """Return the number of features of an atom."""
        directed, radial = self._slots(species)
        return 4 * sum(directed) + sum(radial)

    def statistics(self, graphs: Iterable[Graph], species: int) -> Tensors:
        """Return the mean and range of every feature, for each species of the centre."""
        size = self.size(species)
        features = ((self._placed(g, species)[1].features(len(g.species), size), g.species) for g in map(apart, graphs))
        return scales(features, species, size)

    def parameters(self, species: int, rng: np.random.Generator) -> Tensors:  # noqa: ARG002 - others have some
        """Return no parameters: there are none."""
        return {}

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
    ) -> Framed:
        """Return the environment of a graph."""
        frames, slots = self._placed(graph, len(statistics["mean"]))
        features = slots.features(len(graph.species), statistics["mean"].shape[1])
        values, scale = scaled(features, graph.species, statistics)
        return Framed(values.to(dtype), scale.to(dtype), frames.to(dtype), slots.to(dtype))

    def _slots(self, species: int) -> tuple[Sequence[int], Sequence[int]]:
        """Return `sel` and `sel_radial` for each species."""
        for name in ("sel", "sel_radial"):
            if len(numbers := getattr(self, name)) not in (1, species):
                raise ValueError(f"{name}={list(numbers)}: the model has {species} elements: give one number for each")
        if max(self.axes, default=0) >= species:
            raise ValueError(f"axes={list(self.axes)}: the model has {species} elements, the last at {species - 1}")
        directed, radial = (list(x) * (species // len(x)) for x in (self.sel, self.sel_radial))
        return directed, radial

    def _placed(self, graph: Graph, species: int) -> tuple[Frames, Slots]:
        """Return the frames of all atoms, and the neighbours in their slots."""
        vector, centre, other = graph.vector.T.contiguous(), graph.centre, graph.species[graph.neighbour]
        r = length(vector)
        turn = centre * species + self._turns(species).to(other.device)[other]
        frames = Frames.of(vector, *chosen(vector, r, centre, turn, len(graph.species)))
        # Two atoms at the same place have no direction, and no distance either.
        r = r.where(r > 0, torch.nan)
        unit = vector / r
        local = (taken(frames.axes, centre) * unit).sum(1)
        near = leaning(r.nan_to_num(0.0), (r * local).nan_to_num(0.0))
        pair, columns = self._columns(graph, near, species)
        return frames, Slots(
            columns, pair, centre[pair], taken(unit, pair), taken(local, pair), 1 / r[pair], len(centre)
        )

    def _turns(self, species: int) -> Tensor:
        """Return whose turn it is to give axes, for each species."""
        turn = [*self.axes, *(k for k in reversed(range(species)) if k not in self.axes)]
        return torch.argsort(torch.tensor(turn))

    def _columns(self, graph: Graph, near: Tensor, species: int) -> tuple[Tensor, Tensor]:
        """Return the pairs that have a slot, and their columns, (4, kept)."""
        directed, radial = (near.new_tensor(x, dtype=torch.long) for x in self._slots(species))
        other, size = graph.species[graph.neighbour], self.size(species)
        group = graph.centre * species + other
        rank = ranks(ordered(group, near), group)
        far = rank >= directed[other]
        kept = torch.nonzero(rank < (directed + radial)[other]).squeeze(1)
        other, far, rank = other[kept], far[kept], rank[kept]
        if self.sort:
            rank = rank - torch.where(far, directed[other], 0)
        else:
            group = 2 * group[kept] + far
            rank = ranks(ordered(group, graph.neighbour[kept], rank), group)
        begin = torch.stack([4 * (directed.cumsum(0) - directed), 4 * directed.sum() + radial.cumsum(0) - radial])
        column = graph.centre[kept] * size + begin[far.long(), other] + torch.where(far, rank, 4 * rank)
        columns = column + torch.arange(4, device=column.device)[:, None]
        columns[1:, far] = -1
        return kept, columns
