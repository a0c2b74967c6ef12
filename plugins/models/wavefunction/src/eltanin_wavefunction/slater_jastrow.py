"""Slater determinants of Hartree–Fock orbitals, times a Jastrow factor.

    log ψ = log|det φ↑| + log|det φ↓| + nuclear cusps + electron cusps + Σ_k (Σ_iA a_Ak s(r_iA)^k + Σ_ij b_k s(r_ij)^k),
    s(r) = q / (1 + q),   q = √(1 + r²) - 1,

b_k one for equal and one for opposite spins. s is smooth where particles meet, so that all slopes there are in the
cusps: of electrons as in `electrons.py`, of nuclei within the length where the Gaussians of the basis become flat.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import torch
from torch import Tensor

from eltanin.protocols import Rng, System
from eltanin_walkers import laplacian as lap
from eltanin_walkers.laplacian import Value
from eltanin_walkers.systems.molecule import Molecule
from eltanin_wavefunction import gaussians, hartree_fock
from eltanin_wavefunction.ansatz import Parameters
from eltanin_wavefunction.electrons import electron_cusps, nuclear_cusps, opposite, placed, softened


@dataclass(frozen=True)
class SlaterJastrow:
    """Orbitals that begin as those of Hartree–Fock by PySCF, and a Jastrow factor that begins as the cusps alone.

    basis: of the orbitals.
    terms: powers of s in each sum of the Jastrow factor; 0 leaves the bare determinants, without cusps, whose energy
        at the beginning is that of Hartree-Fock.
    """

    domain: ClassVar[str] = "walkers"
    revision: ClassVar[int] = 1
    outside: ClassVar[tuple[str, ...]] = ("pyscf",)
    system: System
    basis: str = "cc-pvtz"
    terms: int = 3

    def __post_init__(self) -> None:
        """Refuse what has no orbitals, and a basis that is not offered."""
        if not isinstance(self.system, Molecule):
            raise ValueError("model/ansatz=slater_jastrow is for electrons round nuclei: choose system=molecule")
        if self.terms < 0:
            raise ValueError(f"model.ansatz.terms={self.terms}: give 0 for bare determinants, or more")
        try:
            hartree_fock.check_basis(self.basis)
        except ValueError as error:
            raise ValueError(f"model.ansatz.{error}") from error

    @cached_property
    def orbitals(self) -> hartree_fock.Orbitals:
        """Those of Hartree–Fock."""
        return hartree_fock.solved(self.system, self.basis)

    @cached_property
    def tips(self) -> Tensor:
        """Where Gaussians become flat at each nucleus, (atoms,) bohr: 1/√(2α) of the steepest."""
        table = self.orbitals.basis
        steepest = [table.exponents[table.atoms == atom].max() for atom in range(len(table.nuclei))]
        return (2 * torch.stack(steepest)) ** -0.5

    def begin(self, rng: Rng) -> Parameters:
        """Return the orbitals of Hartree–Fock, and no correlation but the cusps."""
        del rng
        up, down = self.system.spins
        parameters = {name: c for name, c, n in zip(("up", "down"), self.orbitals[1:3], (up, down), strict=True) if n}
        if not self.terms:
            return parameters
        zeros = torch.zeros(2 + len(self.system.geometry.charges), self.terms, dtype=torch.float64)
        return parameters | {"jastrow": zeros, "lengths": torch.ones(2, dtype=torch.float64)}

    def log_psi(self, parameters: Parameters, x: Value) -> tuple[Tensor, Value]:
        """Return sign and log|ψ|."""
        sign, log = torch.ones(()), None
        for matrix in self.matrices(parameters, x):
            this_sign, this_log = lap.slogdet(lap.linear(lambda t: t[..., 0, :, :], matrix))
            sign, log = sign * this_sign, this_log if log is None else log + this_log
        assert log is not None
        return sign, log + self._jastrow(parameters, x) if self.terms else log

    def matrices(self, parameters: Parameters, x: Value) -> list[Value]:
        """Return the orbitals at the electrons of each spin (n, 1, electrons, orbitals)."""
        values = gaussians.functions(self.orbitals.basis, lap.own(x))
        found: list[Value] = []
        up, number = self.system.spins[0], self.system.number
        for name, rows in (("up", slice(0, up)), ("down", slice(up, number))):
            if rows.start < rows.stop:
                own = lap.dense(lap.linear(lambda t, rows=rows: t[..., rows, :], values), parameters[name])
                found.append(lap.linear(lambda t: t[..., None, :, :], placed(own, rows, number)))
        return found

    def _jastrow(self, parameters: Parameters, x: Value) -> Value:
        """Return the logarithm of the Jastrow factor (n,)."""
        charges, nuclei = (torch.as_tensor(a, dtype=torch.float64) for a in self.system.geometry)
        pairs, atoms = parameters["jastrow"][:2], parameters["jastrow"][2:]
        away = lap.linear(lambda t: t[..., None, :], lap.own(x)) + -nuclei
        near = lap.total_of_own(lap.sum_last(_powers(lap.square_norm(away), atoms)))
        total = near + nuclear_cusps(x, charges, nuclei, self.tips)
        number = self.system.number
        if number == 1:
            return total
        first, second = torch.triu_indices(number, number, 1)
        between = lap.square_norm(lap.pairs(x, first, second))
        each = _powers(between, pairs[opposite(self.system.spins)])
        cusps = electron_cusps(x, self.system.spins, parameters["lengths"].abs())
        return total + cusps + lap.total_of_pairs(each, first, second, number)


def _powers(r2: Value, coefficients: Tensor) -> Value:
    """Return Σ_k c_k s^k, of r² (..., m) and coefficients (m, terms), by Horner's rule."""
    q = softened(r2, 1.0)
    s = q * lap.power(q + torch.ones((), dtype=torch.float64), -1.0)
    total = s * coefficients[:, -1]
    for column in reversed(coefficients[:, :-1].unbind(1)):
        total = s * (total + column)
    return total
