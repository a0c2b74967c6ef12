"""Steps of ARS(2,2,2) of Ascher, Ruuth and Spiteri (1997) with MUSCL, in arrays that are kept.

With γ = 1 - 1/√2, S the streaming operator and C that of collisions, it is

    known1 = f + γ dt S(f),                                                       f1 = known1 + γ dt C(f1),
    known2 = f - (1 - γ) dt S(f) + (2 - γ) dt S(f1) + (1 - γ) dt C(f1),        f_new = known2 + γ dt C(f_new).

All of known2 but S(f1) is a combination of what is at hand,

    f - (1 - γ) dt S(f) + (1 - γ) dt C(f1) = f + (1 - γ) / γ (f - 2 known1 + f1),

so that neither S(f) nor C(f1) is kept: what a step touches shall stay in a cache.
"""

from __future__ import annotations

from math import sqrt

import torch
from torch import Tensor

from eltanin_kinetic.relaxation import Collide
from eltanin_kinetic.transport import Ends, Ghosted, Muscl, room_for_muscl

GAMMA = 1 - 1 / sqrt(2)


class SecondOrder:
    """Flows that take steps.

    f: (B, 2, V, N), what it is now; the next step writes over it.
    """

    def __init__(self, f: Tensor, negative: int, ends: Ends, collide: Collide) -> None:
        """Begin with f (B, 2, V, N), of which so many velocities are below 0."""
        self._now, self._between = Ghosted(f, ends), Ghosted(f, ends)
        self.f, self._known, room = self._now.inside, torch.empty_like(f), room_for_muscl(f, negative)
        self._first = Muscl(self._now.all, self.f, self._known, negative, room)
        self._second = Muscl(self._between.all, self._known, self._known, negative, room)
        self._collide = collide

    def step(self, dt: Tensor, shift: Tensor) -> None:
        """Go on by dt (B, 1), shift (B, 1, V, 1) times differences over cells being dt times the streaming operator."""
        f, between, known = self.f, self._between.inside, self._known
        self._now.exchange()
        self._first.stream(shift, GAMMA)
        self._collide(known, GAMMA * dt, between)
        torch.lerp(f, known.lerp_(between, -1.0), -(1 - GAMMA) / GAMMA, out=known)
        self._between.exchange()
        self._second.stream(shift, 2 - GAMMA)
        self._collide(known, GAMMA * dt, f)
