"""What fills the slot `model/start`: parameters to begin with that are better than an ansatz' own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from eltanin.protocols import Rng, System
from eltanin_walkers.laplacian import Value
from eltanin_walkers.systems.molecule import Molecule
from eltanin_wavefunction.ansatz import Ansatz, Parameters
from eltanin_wavefunction.electrons import nuclear_cusp
from eltanin_wavefunction.slater_jastrow import SlaterJastrow

EQUILIBRATION = 100  # moves before the first step
BETWEEN = 3  # moves from one step to the next
STEPS = (0.03, 1.5)  # bohr; the lengths of moves are drawn between these, for the inner electrons and the outer ones


class Start(Protocol):
    """A way to find parameters before the energy is looked at."""

    def check(self, ansatz: Ansatz) -> None:
        """Refuse a form of wave function that it cannot serve."""
        ...

    def begun(self, ansatz: Ansatz, parameters: Parameters, rng: Rng) -> Parameters:
        """Return parameters to begin with, from those of `ansatz.begin`."""
        ...


@runtime_checkable
class OfOrbitals(Protocol):
    """A form of wave function that has determinants of orbitals."""

    def matrices(self, parameters: Parameters, x: Value) -> list[Value]:
        """Return for each spin that there is the orbitals at its electrons (n, determinants, electrons, orbitals)."""
        ...


@dataclass(frozen=True)
class HartreeFock:
    """Brings the orbitals of all determinants near those of Hartree–Fock, as FermiNet does (see `determinants.py`).

    Adam goes down the mean of Σ_j (φ_j(r_i) - χ_j(r_i))² / Σ_j χ_j(r_i)² over electrons i, where walkers are on the
    square of the Hartree–Fock determinants: χ are their orbitals, less the nuclear cusp that ψ has already.

    basis: of the Hartree-Fock orbitals.
    steps: of Adam.
    walkers: in each step.
    rate: of learning at the beginning; it falls to nothing along a cosine.
    """

    domain: ClassVar[str] = "walkers"
    revision: ClassVar[int] = 1
    outside: ClassVar[tuple[str, ...]] = ("pyscf",)
    system: System
    basis: str = "cc-pvdz"
    steps: int = 1000
    walkers: int = 128
    rate: float = 3e-3

    def __post_init__(self) -> None:
        """Refuse what leads nowhere."""
        for name in ("steps", "walkers"):
            if getattr(self, name) < 1:
                raise ValueError(f"model.start.{name}={getattr(self, name)}: give 1 or more")
        if not self.rate > 0:
            raise ValueError(f"model.start.rate={self.rate}: give a number above 0")
        if not isinstance(self.system, Molecule):
            raise ValueError("model/start=hartree_fock is for electrons round nuclei: choose system=molecule")
        _ = self._bare

    @property
    def _bare(self) -> SlaterJastrow:
        return SlaterJastrow(self.system, basis=self.basis, terms=0)

    def check(self, ansatz: Ansatz) -> None:
        """Refuse a form without orbitals."""
        if not isinstance(ansatz, OfOrbitals):
            raise ValueError(
                f"model/start=hartree_fock matches orbitals of determinants, and {type(ansatz).__name__} has"
                " none: leave model/start out, or take model/ansatz=determinants"
            )

    def begun(self, ansatz: Ansatz, parameters: Parameters, rng: Rng) -> Parameters:
        """Return parameters whose orbitals are near those of Hartree–Fock."""
        assert isinstance(ansatz, OfOrbitals)
        moved = {name: value.clone().requires_grad_() for name, value in parameters.items()}
        adam = torch.optim.Adam(list(moved.values()), lr=self.rate)
        for step, x in enumerate(self._walked(rng)):
            for group in adam.param_groups:
                group["lr"] = 0.5 * self.rate * (1 + np.cos(np.pi * step / self.steps))
            adam.zero_grad()
            distance(ansatz.matrices(moved, x), self._targets(x)).backward()
            adam.step()
        return {name: value.detach() for name, value in moved.items()}

    def _walked(self, rng: Rng) -> Iterator[Tensor]:
        """Yield walkers (walkers, electrons, 3) on the square of the Hartree–Fock determinants, for each step."""
        bare = self._bare
        parameters = bare.begin(rng)

        def log_psi(x: Tensor) -> Tensor:
            with torch.no_grad():
                return torch.as_tensor(bare.log_psi(parameters, x)[1])

        here = torch.as_tensor(self.system.start(self.walkers, rng))
        log_here, (shortest, longest) = log_psi(here), np.log(STEPS)
        for step in range(self.steps):
            for _ in range(BETWEEN if step else EQUILIBRATION):
                length = np.exp(rng.uniform(shortest, longest, size=(self.walkers, 1, 1)))
                there = here + torch.as_tensor(length * rng.normal(size=here.shape))
                log_there = log_psi(there)
                moves = torch.as_tensor(-rng.exponential(size=self.walkers)) < 2 * (log_there - log_here)
                here = torch.where(moves[:, None, None], there, here)
                log_here = torch.where(moves, log_there, log_here)
            yield here

    def _targets(self, x: Tensor) -> list[Tensor]:
        """Return what the orbitals of each spin should be (n, 1, electrons, orbitals)."""
        charges, nuclei = (torch.as_tensor(a, dtype=torch.float64) for a in self.system.geometry)
        cusp = torch.as_tensor(nuclear_cusp(x, charges, nuclei, 1 / charges))
        bare = self._bare
        with torch.no_grad():
            found = bare.matrices({"up": bare.orbitals.up, "down": bare.orbitals.down}, x)
        rows = (slice(0, self.system.spins[0]), slice(self.system.spins[0], None))
        there = [r for r, count in zip(rows, self.system.spins, strict=True) if count]
        return [torch.as_tensor(m) * torch.exp(-cusp[:, None, r, None]) for m, r in zip(found, there, strict=True)]


def distance(found: list[Value], targets: list[Tensor]) -> Tensor:
    """Return the mean of Σ_j (φ_j - χ_j)² / Σ_j χ_j² over walkers, determinants and electrons, summed over spins."""
    total = torch.zeros((), dtype=torch.float64)
    for one, other in zip(found, targets, strict=True):
        apart = ((torch.as_tensor(one) - other) ** 2).sum(-1)
        total = total + (apart / (other**2).sum(-1)).mean()
    return total
