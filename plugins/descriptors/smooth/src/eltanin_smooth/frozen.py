"""The descriptor with parameters that stay as they are: what dynamics asks for, step after step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from eltanin_atoms.descriptors import Pull
from eltanin_atoms.graphs import Part
from eltanin_atoms.nets import Tensors

if TYPE_CHECKING:
    from eltanin_smooth.descriptor import Smooth


@dataclass(frozen=True)
class Frozen:
    """Features of some atoms at a time; table: of the embedding nets, if there is one."""

    descriptor: Smooth
    parameters: Tensors
    statistics: Tensors
    dtype: torch.dtype
    table: Tensor | None

    def __call__(self, part: Part) -> tuple[Tensor, Pull]:
        """Return D, (atoms, size), and what pulls dE/dD back to dE/dvector, (pairs, 3)."""
        found = self.descriptor.surroundings(part, self.statistics, self.dtype)
        return found.features(self.parameters, self.table)
