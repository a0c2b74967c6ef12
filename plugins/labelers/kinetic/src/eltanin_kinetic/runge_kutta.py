"""Implicit-explicit Runge-Kutta schemes of Ascher, Ruuth and Spiteri (1997).

Streaming is explicit, collisions are implicit. The last stage is the new value in both tableaux, and the implicit
one is L-stable: as tau -> 0 the schemes become explicit ones for the Euler equations (asymptotic preserving).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import sqrt

import torch
from torch import Tensor


@dataclass(frozen=True)
class Tableau:
    """Coefficients of stages 1, 2, …; stage 0 is the old value.

    explicit[i][j]: weight of the streaming of stage j < i + 1.  implicit[i][j]: of the collisions of stage
    j + 1 <= i + 1; its last is the diagonal.
    """

    explicit: Sequence[Sequence[float]]
    implicit: Sequence[Sequence[float]]


GAMMA = 1 - 1 / sqrt(2)
DELTA = 1 - 1 / (2 * GAMMA)
ARS222 = Tableau(((GAMMA,), (DELTA, 1 - DELTA)), ((GAMMA,), (1 - GAMMA, GAMMA)))
ARS443 = Tableau(
    ((1 / 2,), (11 / 18, 1 / 18), (5 / 6, -5 / 6, 1 / 2), (1 / 4, 7 / 4, 3 / 4, -7 / 4)),
    ((1 / 2,), (1 / 6, 1 / 2), (-1 / 2, 1 / 2, 1 / 2), (3 / 2, -3 / 2, 1 / 2, 1 / 2)),
)


def imex_step(
    f: Tensor,
    dt: Tensor,
    shift: Tensor,
    stream: Callable[[Tensor], Tensor],
    collide: Callable[[Tensor, Tensor], Tensor],
    tableau: Tableau,
) -> Tensor:
    """Return f (B, 2, V, N) after a step of dt (B, 1).

    stream: f to its differences over cells, shift (B, 1, V, 1) times which is dt times the streaming operator.
    collide: (f*, a dt) to f_new = f* + a dt C(f_new).
    """
    streamed: list[Tensor] = []
    collided: list[tuple[float, Tensor]] = []  # a and a dt C of the stages
    new = f
    for explicit, implicit in zip(tableau.explicit, tableau.implicit, strict=True):
        streamed.append(stream(new))
        known = torch.addcmul(f, streamed[0], shift, value=explicit[0])
        for weight, difference in zip(explicit[1:], streamed[1:], strict=True):
            known.addcmul_(difference, shift, value=weight)
        for weight, (diagonal, change) in zip(implicit[:-1], collided, strict=True):
            known.add_(change, alpha=weight / diagonal)
        new = collide(known, implicit[-1] * dt)
        if len(streamed) < len(tableau.explicit):
            collided.append((implicit[-1], torch.sub(new, known, out=known)))
    return new
