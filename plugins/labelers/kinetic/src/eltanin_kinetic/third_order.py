"""Steps of ARS(4,4,3) of Ascher, Ruuth and Spiteri (1997) with WENO5."""

from __future__ import annotations

import torch
from torch import Tensor

from eltanin_kinetic.relaxation import Collide
from eltanin_kinetic.transport import Ends, padded, weno5

# Of stages 1 to 4: weights of the streaming of the stages before, and of the collisions up to their own.
EXPLICIT = ((1 / 2,), (11 / 18, 1 / 18), (5 / 6, -5 / 6, 1 / 2), (1 / 4, 7 / 4, 3 / 4, -7 / 4))
IMPLICIT = ((1 / 2,), (1 / 6, 1 / 2), (-1 / 2, 1 / 2, 1 / 2), (3 / 2, -3 / 2, 1 / 2, 1 / 2))


class ThirdOrder:
    """Flows that take steps.

    f: (B, 2, V, N), what it is now.
    """

    def __init__(self, f: Tensor, negative: int, ends: Ends, collide: Collide) -> None:
        """Begin with f (B, 2, V, N), of which so many velocities are below 0."""
        self.f, self._negative, self._ends, self._collide = f, negative, ends, collide

    def step(self, dt: Tensor, shift: Tensor) -> None:
        """Go on by dt (B, 1), shift (B, 1, V, 1) times differences over cells being dt times the streaming operator."""
        new = self.f
        streamed: list[Tensor] = []
        changes: list[Tensor] = []  # dt C of the stages
        for explicit, implicit in zip(EXPLICIT, IMPLICIT, strict=True):
            streamed.append(weno5(padded(new, self._ends), self._negative))
            known = self.f.clone()
            for weight, difference in zip(explicit, streamed, strict=True):
                known.addcmul_(difference, shift, value=weight)
            for weight, change in zip(implicit[:-1], changes, strict=True):
                known.add_(change, alpha=weight)
            new = self._collide(known, implicit[-1] * dt, torch.empty_like(known))
            changes.append((new - known) / implicit[-1])
        self.f = new
