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
from eltanin.protocols import Failure, Labels, Rng, System
from eltanin_gas.lorentz.entropy import eddington_factor
from eltanin_gas.lorentz.flow import fields_after
from eltanin_gas.problems import Boundary, Problems


def exact_closure(fields: np.ndarray) -> np.ndarray:
    """Return chi (cells,) of the moments (cells, 2)."""
    return eddington_factor(fields[:, 1] / fields[:, 0])


def impossible(x: Problems) -> dict[int, str]:
    """Return which problems have moments of no Lorentz gas, and what is wrong with them."""
    n, j = x.fields.values.T
    cells = np.flatnonzero(~((n > 0) & (np.abs(j) <= n)))[::-1]
    told = "density {:.4g} and current {:.4g}: particles of speed 1 have n > 0 and |j| <= n"
    found = {int(x.fields.owner[cell]): told.format(n[cell], j[cell]) for cell in cells}
    fixed = np.flatnonzero(x.boundary == Boundary.FIXED)
    return found | {int(i): "fixed ends, which this solver lacks; it has open ones" for i in fixed}


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
        for problem, reason in impossible(x).items():
            raise ValueError(f"problem {problem} has {reason}; mend the fields")

    def label(self, x: Problems, wanted: frozenset[str], rng: Rng) -> Labels[Properties]:
        """Return moments and closing fluxes of the cells visited; the given ones come first."""
        del wanted, rng
        failures = {i: Failure("unphysical", reason) for i, reason in impossible(x).items()}
        still = np.isin(x.fields.owner, list(failures))  # what is not read must not spoil the rest
        x = replace(x, fields=Ragged(np.where(still[:, None], [1.0, 0.0], x.fields.values), x.cells))
        rows = zip(*(Ragged(v, x.cells).rows() for v in self._instants(x)), strict=True)
        seen = [np.concatenate(row[:1] if still else row) for row, still in zip(rows, x.duration == 0, strict=True)]
        counts = np.array([len(moments) for moments in seen], dtype=np.int64)
        moments = np.concatenate([x.fields.values[:0], *seen])
        closing = exact_closure(moments)[:, None]
        values = Properties.of(moments=Ragged(moments, counts), closing=Ragged(closing, counts))
        return Labels(values, failures)

    def _instants(self, x: Problems) -> list[np.ndarray]:
        seen = [x.fields.values]
        for _ in range(self.instants):
            now = replace(x, fields=Ragged(seen[-1], x.cells))
            seen.append(fields_after(now, x.duration / self.instants, self.system, exact_closure, self.courant))
        return seen
