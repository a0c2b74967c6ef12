"""The labeler `bgk`: initial-value problems of a monatomic gas, solved by the kinetic equation."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import torch

from eltanin.batch import Properties, Ragged
from eltanin.protocols import Failure, Labels, Rng, System
from eltanin_gas.monatomic import NAMES, closing_of
from eltanin_gas.problems import Boundary, Problems
from eltanin_kinetic.flow import SCHEMES
from eltanin_kinetic.lift import impossible, two_gaussians
from eltanin_kinetic.solver import Discretisation, VelocityPlan, batch_size, plan, solve

LOST = 1e-9  # part of mass or energy of a closed stretch, beyond which the velocity grid was too narrow or too coarse
SIX = [0, 1, 2, 3, 5, 6]  # of the eight moments m0 … m4, k0 … k2


@dataclass(frozen=True)
class Bgk:
    """Solves the BGK, ES-BGK or Shakhov equation (the system says which), in 1D with three velocity dimensions.

    Fields are m0, m1, m2, m3, k0, k1 of a monatomic gas. It begins with two Gaussians that have these moments
    (`eltanin_kinetic.lift`; Maxwellians where they say so). Labels are the moments and (A, B), the closing moments over
    rho T^2: of the given cells, then of the cells at each instant.

    instants: equally spaced times of the window that are looked at, the last at its end.
    velocities: nodes at least; more are taken where the coldest cell needs dv = 0.8 sqrt(T).
    most_velocities: a problem that needs more is refused.
    reach: of the velocity grid beyond the flow, in thermal speeds of the hottest gas.
    scheme: muscl (second order; f stays positive) or weno5 (fifth order in x, third in t; for smooth flows).
    courant: max |v| dt / dx.
    device: cpu or cuda; labels agree to round-off.
    """

    domain: ClassVar[str] = "gas"
    revision: ClassVar[int] = 1
    outside: ClassVar[tuple[str, ...]] = ()
    system: System
    instants: int = 4
    velocities: int = 48
    most_velocities: int = 1024
    reach: float = 7.0
    scheme: str = "muscl"
    courant: float = 0.9
    device: str = field(default="cpu", metadata={"method": False})

    def __post_init__(self) -> None:
        """Refuse a scheme that is unstable or does not exist, or that never looks."""
        if self.instants < 1:
            raise ValueError(f"labeler.instants={self.instants}: look at least once; give 1 or more")
        if not 8 <= self.velocities <= self.most_velocities:
            raise ValueError(
                f"labeler.velocities={self.velocities} and most_velocities={self.most_velocities}: give"
                " 8 <= velocities <= most_velocities"
            )
        if not self.reach >= 5:
            raise ValueError(f"labeler.reach={self.reach}: 1e-6 of a gas lies beyond 5 thermal speeds; give 5 or more")
        if self.scheme not in SCHEMES:
            raise ValueError(f"labeler.scheme={self.scheme!r}: give one of {', '.join(SCHEMES)}")
        if not 0 < self.courant <= 1:
            raise ValueError(f"labeler.courant={self.courant}: the schemes are stable up to 1; give a number in (0, 1]")
        if self.device != "cpu" and not torch.cuda.is_available():
            raise ValueError(f"labeler.device={self.device!r}: there is no CUDA device here; give cpu")

    def check(self, x: Problems) -> None:
        """Refuse fields that are not six moments of a gas."""
        if x.fields.values.ndim != 2 or x.fields.values.shape[1] != len(NAMES):
            raise ValueError(
                f"fields of shape {x.fields.values.shape}: give (cells, {len(NAMES)}), the moments {', '.join(NAMES)}"
            )
        for i, fields in enumerate(x.fields.rows()):
            if failure := self._refused(fields):
                raise ValueError(f"problem {i}: {failure.message}")

    def label(self, x: Problems, wanted: frozenset[str], rng: Rng) -> Labels[Properties]:
        """Return moments and closing moments of the cells visited; the given ones come first."""
        del wanted, rng
        rows = x.fields.rows()
        failures = {i: failure for i, fields in enumerate(rows) if (failure := self._refused(fields))}
        found = {i: np.zeros((1, 0, 8)) for i in failures}
        for some, grids in self._batches(x, failures):
            found |= dict(zip(some, self._solved(x[np.array(some)], grids), strict=True))
        failures |= {i: lost for i in found if i not in failures and (lost := _lost(found[i], int(x.boundary[i])))}
        seen = [_label(found[i], row) for i, row in enumerate(rows)]
        moments, closing = (Ragged.of(list(part)) for part in zip(*seen, strict=True))
        return Labels(Properties.of(moments=moments, closing=closing), failures)

    def _how(self) -> Discretisation:
        return Discretisation(self.velocities, self.reach, self.scheme, self.courant, self.device)

    def _refused(self, fields: np.ndarray) -> Failure | None:
        pair = two_gaussians(fields)
        if (bad := np.flatnonzero(impossible(pair))).size:
            told = ", ".join(f"{name}={value:.4g}" for name, value in zip(NAMES, fields[bad[0]], strict=True))
            return Failure("unphysical", f"cell {bad[0]} has {told}: no positive pair of Gaussians has these moments")
        needed = plan(pair, self.velocities, self.reach).count
        if needed > self.most_velocities:
            about = f"its coldest and hottest cells together need {needed} velocities"
            return Failure("unphysical", f"{about}; labeler.most_velocities={self.most_velocities}")
        return None

    def _batches(self, x: Problems, failures: dict[int, Failure]) -> list[tuple[list[int], list[VelocityPlan]]]:
        """Return problems that can be solved together, and their velocity grids."""
        alike: dict[tuple[int, ...], list[tuple[int, VelocityPlan]]] = defaultdict(list)
        for i, fields in enumerate(x.fields.rows()):
            if i not in failures:
                grid = plan(two_gaussians(fields), self.velocities, self.reach)
                alike[len(fields), int(x.boundary[i]), grid.negative, grid.count].append((i, grid))
        batches: list[tuple[list[int], list[VelocityPlan]]] = []
        for (cells, _, _, count), members in alike.items():
            size = batch_size(cells, count, self.device)
            parts = [members[at : at + size] for at in range(0, len(members), size)]
            batches += [([i for i, _ in part], [grid for _, grid in part]) for part in parts]
        return batches

    def _solved(self, x: Problems, grids: list[VelocityPlan]) -> np.ndarray:
        """Return the eight moments (B, K + 1, N, 8) of alike problems."""
        fields = np.stack(x.fields.rows())
        times = x.duration[:, None] * np.arange(1, self.instants + 1) / self.instants
        ends = Boundary(int(x.boundary[0])).name.lower()
        return solve(self.system, fields, np.stack(x.knudsen.rows()), x.length, times, ends, grids, self._how())


def _label(raw: np.ndarray, given: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return moments (cells, 6), the given ones as given, and closing moments (cells, 2) of (K + 1, N, 8)."""
    seen = raw.reshape(-1, 8)
    closing = closing_of(seen[:, SIX], seen[:, 4], seen[:, 7])
    return np.concatenate([given, seen[len(given) :, SIX]]) if len(seen) else seen[:, SIX], closing


def _lost(raw: np.ndarray, boundary: int) -> Failure | None:
    if not np.isfinite(raw).all():
        return Failure("nonfinite", "the solution is not finite")
    energy = raw[..., 2] / 2 + raw[..., 5]
    sums = np.stack([raw[..., 0].sum(axis=1), energy.sum(axis=1)])
    lost = float(np.abs(sums / sums[:, :1] - 1).max())
    if boundary == Boundary.PERIODIC and lost > LOST:
        return Failure("unconverged", f"{lost:.1e} of mass or energy was lost; give more labeler.velocities or reach")
    return None
