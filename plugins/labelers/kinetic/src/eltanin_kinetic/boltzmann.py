"""The labeler `boltzmann`: initial-value problems of a monatomic gas, solved with all its collisions."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import torch

from eltanin.batch import Properties, Ragged
from eltanin.protocols import Failure, Labels, Rng, System
from eltanin_gas.gates import check_six_moments
from eltanin_gas.lift import impossible, two_gaussians
from eltanin_gas.monatomic import NAMES
from eltanin_gas.problems import Boundary, Problems
from eltanin_kinetic.boltzmann_solver import SpectralDiscretisation, cost, solve_boltzmann, velocities_needed
from eltanin_kinetic.fast_spectral import DEGREES
from eltanin_kinetic.labels import check_instants, labels_of, lost


@dataclass(frozen=True)
class Boltzmann:
    """Solves Boltzmann's equation by a fast spectral method, in 1D with three velocity dimensions.

    The system is ``system.model=boltzmann system.law=viscosity``, with system.exponent 1 for Maxwell molecules, 0.5 for
    hard spheres, between them for variable hard spheres. Fields, the lift and labels are those of the labeler `bgk`. A
    label costs minutes to hours: what it will cost is estimated before.

    instants: equally spaced times of the window that are looked at, the last at its end.
    velocities: nodes along each of three axes, an even number; a problem whose coldest cell needs more is refused.
    reach: of the velocities beyond the flow, in thermal speeds of the hottest gas.
    directions: of the quadrature over the sphere: 6, 14, 26, 38, 50, 86 or 110.
    courant: max |v| dt / dx.
    most_hours: a problem that will take longer, on one core, is refused.
    most_gigabytes: a problem that will need more memory is refused.
    device: cpu or cuda; labels agree to round-off.
    """

    domain: ClassVar[str] = "gas"
    revision: ClassVar[int] = 1
    outside: ClassVar[tuple[str, ...]] = ("scipy",)
    system: System
    instants: int = 4
    velocities: int = 24
    reach: float = 6.5
    directions: int = 38
    courant: float = 0.45
    most_hours: float = field(default=12.0, metadata={"method": False})
    most_gigabytes: float = field(default=8.0, metadata={"method": False})
    device: str = field(default="cpu", metadata={"method": False})

    def __post_init__(self) -> None:
        """Refuse another equation, and a discretisation that is none."""
        if self.system.model != "boltzmann":
            raise ValueError(
                f"system.model={self.system.model!r}: labeler=boltzmann solves boltzmann; give system.model=boltzmann,"
                " or labeler=bgk"
            )
        if self.instants < 1:
            raise ValueError(f"labeler.instants={self.instants}: look at least once; give 1 or more")
        if self.velocities < 8 or self.velocities % 2:
            raise ValueError(f"labeler.velocities={self.velocities}: give an even number from 8, such as 16, 24 or 32")
        if not self.reach >= 4:
            raise ValueError(f"labeler.reach={self.reach}: 1e-4 of a gas lies beyond 4 thermal speeds; give 4 or more")
        if self.directions not in DEGREES:
            raise ValueError(f"labeler.directions={self.directions}: give one of {', '.join(map(str, DEGREES))}")
        if not 0 < self.courant <= 0.6:
            raise ValueError(f"labeler.courant={self.courant}: SBDF2 is stable up to 0.6; give a number in (0, 0.6]")
        if self.device != "cpu" and not torch.cuda.is_available():
            raise ValueError(f"labeler.device={self.device!r}: there is no CUDA device here; give cpu")

    def check(self, x: Problems) -> None:
        """Refuse fields that are no gas, and problems that are too cold, too large, too long or looked at elsewhere."""
        check_instants(x, self.instants)
        check_six_moments(x)
        for i in range(len(x)):
            if failure := self._refused(x[np.array([i])]):
                raise ValueError(f"problem {i}: {failure.message}")

    def label(self, x: Problems, wanted: frozenset[str], rng: Rng) -> Labels[Properties]:
        """Return moments and closing moments of the cells visited; the given ones come first."""
        del wanted, rng
        failures: dict[int, Failure] = {}
        seen: list[tuple[np.ndarray, np.ndarray]] = []
        for i in range(len(x)):
            one = x[np.array([i])]
            refused = self._refused(one)
            raw = np.zeros((0, 0, 8)) if refused else self._solved(one)
            if failure := refused or lost(raw, int(one.boundary[0])):
                failures[i] = failure
            seen.append(labels_of(raw, one.fields.values))
        moments, closing = (Ragged.of(list(part)) for part in zip(*seen, strict=True))
        return Labels(Properties.of(moments=moments, closing=closing), failures)

    def _how(self) -> SpectralDiscretisation:
        return SpectralDiscretisation(self.velocities, self.reach, self.directions, self.courant, self.device)

    def _refused(self, one: Problems) -> Failure | None:
        pair = two_gaussians(one.fields.values)
        if (bad := np.flatnonzero(impossible(pair))).size:
            told = ", ".join(f"{n}={v:.4g}" for n, v in zip(NAMES, one.fields.values[bad[0]], strict=True))
            return Failure("unphysical", f"cell {bad[0]} has {told}: no positive pair of Gaussians has these moments")
        needed = velocities_needed(pair, self.reach)
        if needed > self.velocities:
            about = f"its coldest and hottest cells together need {needed} velocities along each axis"
            return Failure("unphysical", f"{about}; labeler.velocities={self.velocities}")
        found = cost(pair, float(one.spacing[0]), float(one.duration[0]), self.instants, self._how())
        if found.hours > self.most_hours or found.gigabytes > self.most_gigabytes:
            about = f"{int(one.cells[0])} cells of {self.velocities}^3 velocities would take about"
            needs = f"{found.hours:.3g} hours and {found.gigabytes:.3g} GB"
            limits = f"labeler.most_hours={self.most_hours:g}, most_gigabytes={self.most_gigabytes:g}"
            return Failure("unphysical", f"{about} {needs}; {limits}: give fewer or coarser cells")
        return None

    def _solved(self, one: Problems) -> np.ndarray:
        """Return the eight moments (K + 1, N, 8)."""
        length, duration = float(one.length[0]), float(one.duration[0])
        ends = Boundary(int(one.boundary[0])).name.lower()
        fields, knudsen = one.fields.values, one.knudsen.values
        return solve_boltzmann(self.system, fields, knudsen, length, duration, self.instants, ends, self._how())
