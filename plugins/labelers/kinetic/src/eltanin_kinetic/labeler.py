"""The labeler `bgk`: initial-value problems of a monatomic gas, solved by the kinetic equation."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import torch

from eltanin.batch import Properties, Ragged
from eltanin.protocols import Failure, Labels, Rng, System
from eltanin_gas.distributions import NODES
from eltanin_gas.gates import check_six_moments
from eltanin_gas.lift import impossible, two_gaussians
from eltanin_gas.monatomic import NAMES
from eltanin_gas.problems import Boundary, Problems
from eltanin_kinetic.flow import SCHEMES
from eltanin_kinetic.labels import check_instants, labels_of, lost
from eltanin_kinetic.relaxation import TARGETS
from eltanin_kinetic.snapshots import EIGHT, distributions, eight_moments, with_distribution
from eltanin_kinetic.solver import Discretisation, Tell, VelocityPlan, batch_size, plan, solve


@dataclass(frozen=True)
class Bgk:
    """Solves the BGK, ES-BGK or Shakhov equation (the system says which), in 1D with three velocity dimensions.

    Fields are m0, m1, m2, m3, k0, k1 of a monatomic gas. It begins with two Gaussians that have these moments
    (`eltanin_gas.lift`; Maxwellians where they say so). Labels are the moments and (A, B), the closing moments over
    rho T^2: of the given cells, then of the cells at each instant; and their g and h (`eltanin_gas.distributions`),
    if the domain wants distributions.

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
        """Refuse another equation, a scheme that is unstable or does not exist, or that never looks."""
        if self.system.model not in TARGETS:
            raise ValueError(f"system.model={self.system.model!r}: labeler=bgk solves {', '.join(TARGETS)}; give one")
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
        """Refuse fields that are not six moments of a gas, and runs that were looked at elsewhere than labels are."""
        check_instants(x, self.instants)
        check_six_moments(x)
        for i, fields in enumerate(x.fields.rows()):
            if failure := self._refused(fields):
                raise ValueError(f"problem {i}: {failure.message}")

    def label(self, x: Problems, wanted: frozenset[str], rng: Rng) -> Labels[Properties]:
        """Return moments and closing moments of the cells visited; the given ones come first."""
        del rng
        told = with_distribution if "distribution" in wanted else eight_moments
        rows = x.fields.rows()
        failures = {i: failure for i, fields in enumerate(rows) if (failure := self._refused(fields))}
        found = {i: np.zeros((1, 0, EIGHT + 2 * len(NODES))) for i in failures}
        for some, grids in self._batches(x, failures):
            found |= dict(zip(some, self._solved(x[np.array(some)], grids, told), strict=True))
        failures |= {
            i: gone for i in found if i not in failures and (gone := lost(found[i][..., :EIGHT], int(x.boundary[i])))
        }
        seen = [labels_of(found[i][..., :EIGHT], row) for i, row in enumerate(rows)]
        moments, closing = (Ragged.of(list(part)) for part in zip(*seen, strict=True))
        further = {"distribution": distributions(found[i] for i in range(len(x)))} if told is with_distribution else {}
        return Labels(Properties.of(moments=moments, closing=closing, **further), failures)

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

    def _solved(self, x: Problems, grids: list[VelocityPlan], told: Tell) -> np.ndarray:
        """Return what is told of alike problems, (B, K + 1, N, …), the eight moments first."""
        fields = np.stack(x.fields.rows())
        times = x.duration[:, None] * np.arange(1, self.instants + 1) / self.instants
        ends = Boundary(int(x.boundary[0])).name.lower()
        return solve(self.system, fields, np.stack(x.knudsen.rows()), x.length, times, ends, grids, self._how(), told)
