"""McMillan's wave function of liquid ⁴He, a product of pairs (Phys. Rev. 138, A442 (1965))."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from eltanin.protocols import Rng, System
from eltanin_walkers import laplacian as lap
from eltanin_walkers.laplacian import Value
from eltanin_walkers.systems.periodic_box import PeriodicBox
from eltanin_wavefunction.ansatz import Parameters


def pseudopotential(r: Value, length: Tensor | float, edge: float) -> Value:
    """Return u(r) = w(r) + w(L - r) - 2 w(L/2), w(r) = (b/r)⁵ / 2, of distances in a box of edge L; 0 beyond L/2.

    McMillan's w ends at L/2 with a step in its slope, which local energies do not see: their mean would be wrong, and
    no bound. Here the slope ends at 0.
    """
    distance = r.value if isinstance(r, lap.Carried) else r
    near = (distance < edge / 2).to(distance.dtype)
    here, there = 1 / distance.clamp(max=edge / 2), 1 / (edge - distance.clamp(max=edge / 2))
    half = 0.5 * length**5
    u = half * (here**5 + there**5 - 2 * (2 / edge) ** 5)
    if not isinstance(r, lap.Carried):
        return u * near
    slope = -5 * half * (here**6 - there**6)
    return lap.elementwise(r, u * near, slope * near, 30 * half * (here**7 + there**7) * near)


def refuse_open(system: System, name: str) -> None:
    """Refuse what is in no periodic box."""
    if not isinstance(system, PeriodicBox):
        raise ValueError(f"model/ansatz={name} is for particles in a periodic box: choose system=periodic_box")


@dataclass(frozen=True)
class McMillan:
    """ψ = Π f(r_ij), f = exp(-u), where u is (b/r)⁵ / 2 made smooth at half of the box.

    length: b of the first guess, in the box's unit of length; that of McMillan is 2.6 · 2^(1/5) = 2.99 Å.
    """

    domain: ClassVar[str] = "walkers"
    revision: ClassVar[int] = 1
    system: System
    length: float = 2.99

    def __post_init__(self) -> None:
        """Refuse particles that overlap, and those in no box."""
        refuse_open(self.system, "mcmillan")
        if not self.length > 0:
            raise ValueError(f"model.ansatz.length={self.length}: particles would overlap; give a length above 0")

    def begin(self, rng: Rng) -> Parameters:
        """Return log b, so that b stays positive."""
        del rng
        return {"log_length": torch.tensor(np.log(self.length), dtype=torch.float64)}

    def log_psi(self, parameters: Parameters, x: Value) -> tuple[Tensor, Value]:
        """Return sign and log|ψ|."""
        number = self.system.number
        first, second = torch.triu_indices(number, number, 1)
        r = lap.separations(x, first, second, self.system.nearest)
        u = pseudopotential(r, parameters["log_length"].exp(), self.system.edge)
        return torch.ones(x.shape[0]), lap.total_of_pairs(-u, first, second, number)

    def course(self, parameters: Parameters, positions: Tensor) -> PairCourse:
        """Begin a walk by one particle at a time."""
        length = float(parameters["log_length"].exp())
        return PairCourse(self.system, length, positions.clone())


class PairCourse:
    """A walk on a product of pairs: a move of one of N particles looks at N - 1 pairs before and after it."""

    def __init__(self, system: PeriodicBox, length: float, positions: Tensor) -> None:
        self._system, self._length = system, length
        self._x = positions
        self._move: tuple[int, Tensor] | None = None
        self.distances = positions.new_zeros(0)  # (2, n, particles) before and after the move that is looked at

    @property
    def positions(self) -> np.ndarray:
        """Where walkers are (n, particles, 3)."""
        return self._x.numpy()

    def change(self, particle: int, there: np.ndarray) -> np.ndarray:
        """Return log|ψ'/ψ| (n,) if this particle of each walker were at `there` (n, 3)."""
        to = torch.as_tensor(there)
        both = torch.stack([self._x[:, particle], to])[:, :, None] - self._x
        r = torch.linalg.vector_norm(self._system.nearest(both), dim=-1)
        r[:, :, particle] = self._system.edge  # itself
        self.distances = r
        u = torch.as_tensor(pseudopotential(r, self._length, self._system.edge)).sum(-1)
        self._move = particle, to
        return (u[0] - u[1]).numpy()

    def accept(self, moves: np.ndarray) -> None:
        """Go where the last `change` looked, those walkers (n,) that do."""
        assert self._move is not None
        particle, there = self._move
        self._x[:, particle] = torch.where(torch.as_tensor(moves)[:, None], there, self._x[:, particle])
