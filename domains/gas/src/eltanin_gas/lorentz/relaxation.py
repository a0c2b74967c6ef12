"""The labeler: a Lorentz gas that stays at the largest entropy its moments allow.

    d_t n + d_x j = 0,    d_t j + d_x (n chi(j/n)) = -j / tau

with chi of `eltanin_gas.lorentz.entropy`. It is the limit of the kinetic scheme that streams, collides
and projects on the exponential family at every step, and so has an exact closure: what a learned
closure is compared with is known to round-off.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from eltanin.batch import Properties, Ragged
from eltanin.protocols import Labels, Rng, System
from eltanin_gas.lorentz.entropy import eddington_factor
from eltanin_gas.lorentz.flow import fields_after
from eltanin_gas.problems import Problems


def exact_closure(fields: np.ndarray) -> np.ndarray:
    """Return chi (cells,) of the moments (cells, 2)."""
    return eddington_factor(fields[:, 1] / fields[:, 0])


@dataclass(frozen=True)
class Relaxation:
    """Solves the moment equations of a Lorentz gas with their exact maximum-entropy closure.

    instants: how often in its window a problem is looked at, after its start.
    courant: time step over width of a cell, at most 1.
    """

    domain: ClassVar[str] = "gas"
    revision: ClassVar[int] = 1
    outside: ClassVar[tuple[str, ...]] = ()
    system: System
    instants: int = 2
    courant: float = 0.9

    def __post_init__(self) -> None:
        """Refuse a scheme that is unstable, or that never looks."""
        if self.instants < 1:
            raise ValueError(f"labeler.instants={self.instants}: look at least once; give 1 or more")
        if not 0 < self.courant <= 1:
            raise ValueError(f"labeler.courant={self.courant}: the scheme is stable up to 1; give a number in (0, 1]")

    def check(self, x: Problems) -> None:
        """Refuse fields that are not the moments of any Lorentz gas."""
        fields = x.fields.values
        if fields.ndim != 2 or fields.shape[1] != 2:
            raise ValueError(f"fields of shape {fields.shape}: a Lorentz gas has density and current, (cells, 2)")
        impossible = np.flatnonzero(~((fields[:, 0] > 0) & (np.abs(fields[:, 1]) <= fields[:, 0])))
        if len(impossible):
            n, j = fields[impossible[0]]
            raise ValueError(
                f"problem {x.fields.owner[impossible[0]]} has density {n:.4g} and current {j:.4g}: "
                "particles of speed 1 have n > 0 and |j| <= n; mend the fields"
            )

    def label(self, x: Problems, wanted: frozenset[str], rng: Rng) -> Labels[Properties]:
        """Return moments and closing fluxes of the cells visited; the given ones come first."""
        del wanted, rng
        self.check(x)
        rows = zip(*(Ragged(v, x.cells).rows() for v in self._instants(x)), strict=True)
        seen = [np.concatenate(row[:1] if still else row) for row, still in zip(rows, x.duration == 0, strict=True)]
        counts = np.array([len(moments) for moments in seen], dtype=np.int64)
        moments = np.concatenate([x.fields.values[:0], *seen])
        closing = exact_closure(moments)[:, None]
        values = Properties.of(moments=Ragged(moments, counts), closing=Ragged(closing, counts))
        return Labels(values, {})

    def _instants(self, x: Problems) -> list[np.ndarray]:
        seen = [x.fields.values]
        for _ in range(self.instants):
            now = replace(x, fields=Ragged(seen[-1], x.cells))
            seen.append(fields_after(now, x.duration / self.instants, self.system, exact_closure, self.courant))
        return seen
