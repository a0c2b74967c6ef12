"""Determinants of orbitals that depend on all electrons (FermiNet; Pfau et al., Phys. Rev. Res. 2, 033429 (2020)).

log ψ = log|Σ_k det φ^k↑ det φ^k↓| + nuclear cusps + electron cusps. The orbitals are

    φ^k_j(r_i; all) = (w_kj · h_i + b_kj) Σ_A π_kjA exp(-σ_kjA q_iA),   q = √(r² + a²) - a,  a = 1/Z_A,

h_i the last layer of a net that treats equal electrons equally,

    f_i = [h_i, mean↑ h, mean↓ h, mean↑_j g_ij, mean↓_j g_ij],
    h_i ← h_i + tanh(W f_i + c),   g_ij ← g_ij + tanh(V g_ij + d).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from eltanin.protocols import Rng, System
from eltanin_walkers import laplacian as lap
from eltanin_walkers.laplacian import Value
from eltanin_walkers.systems.molecule import Molecule
from eltanin_wavefunction.ansatz import Parameters
from eltanin_wavefunction.electrons import FEATURES, electron_cusps, features, nuclear_cusps, placed, softened
from eltanin_wavefunction.orbitals import begun


@dataclass(frozen=True)
class Determinants:
    """A sum of products of determinants for spin up and spin down: antisymmetric, with exact cusps.

    determinants: terms of the sum.
    one_electron, two_electron: widths of the layers for electrons and for pairs.
    layers: of both.
    """

    domain: ClassVar[str] = "walkers"
    revision: ClassVar[int] = 1
    system: System
    determinants: int = 4
    one_electron: int = 32
    two_electron: int = 8
    layers: int = 2

    def __post_init__(self) -> None:
        """Refuse nets without width, and what are no electrons."""
        for name in ("determinants", "one_electron", "two_electron", "layers"):
            if getattr(self, name) < 1:
                raise ValueError(f"model.ansatz.{name}={getattr(self, name)}: give 1 or more")
        if not isinstance(self.system, Molecule):
            raise ValueError("model/ansatz=determinants is for electrons round nuclei: choose system=molecule")

    def begin(self, rng: Rng) -> Parameters:
        """Return random layers, and orbitals like those of Hartree-Fock: hydrogenic, screened after Slater."""
        atoms, groups = len(self.system.geometry.charges), sum(count > 0 for count in self.system.spins)
        parameters: Parameters = {"lengths": torch.ones(2, dtype=torch.float64)}
        one, two = FEATURES * atoms, FEATURES
        for layer in range(self.layers):
            _dense(parameters, f"one_{layer}", (1 + groups) * one + groups * two, self.one_electron, rng)
            if layer < self.layers - 1:
                _dense(parameters, f"two_{layer}", two, self.two_electron, rng)
            one, two = self.one_electron, self.two_electron
        return parameters | begun(self.system, self.determinants, one, rng)

    def log_psi(self, parameters: Parameters, x: Value) -> tuple[Tensor, Value]:
        """Return sign and log|ψ|."""
        charges, nuclei = (torch.as_tensor(a, dtype=torch.float64) for a in self.system.geometry)
        sign, log = torch.ones(()), None
        for matrix in self.matrices(parameters, x):
            this_sign, this_log = lap.slogdet(matrix)
            sign, log = sign * this_sign, this_log if log is None else log + this_log
        assert log is not None
        sign, log = lap.signed_logsumexp(sign, log)
        log = log + nuclear_cusps(x, charges, nuclei, 1 / charges)
        if x.shape[1] > 1:
            log = log + electron_cusps(x, self.system.spins, parameters["lengths"].abs())
        return sign, log

    def matrices(self, parameters: Parameters, x: Value) -> list[Value]:
        """Return the orbitals at the electrons of each spin (n, determinants, electrons, orbitals)."""
        charges, nuclei = (torch.as_tensor(a, dtype=torch.float64) for a in self.system.geometry)
        from_nuclei = lap.linear(lambda t: t[..., None, :], lap.own(x)) - nuclei
        hidden = self._layers(parameters, from_nuclei, features(lap.relative(x)))
        return [self._orbitals(parameters, spin, rows, hidden, from_nuclei, charges) for spin, rows in self._blocks()]

    def _blocks(self) -> list[tuple[str, slice]]:
        up, down = self.system.spins
        return [
            (name, rows)
            for name, rows in (("up", slice(0, up)), ("down", slice(up, up + down)))
            if rows.stop > rows.start
        ]

    def _layers(self, parameters: Parameters, from_nuclei: Value, pairs: Value) -> Value:
        """Return h (n, electrons, one_electron), with derivatives by all coordinates."""
        means = torch.zeros(self.system.number, len(self._blocks()), dtype=torch.float64)
        for column, (_, rows) in enumerate(self._blocks()):
            means[rows, column] = 1 / (rows.stop - rows.start)
        hidden = lap.spread(lap.linear(lambda t: t.flatten(-2), features(from_nuclei)))
        for layer in range(self.layers):
            mixed = lap.linear(lambda t: (t.mT @ means).mT.flatten(-2)[..., None, :].expand(*t.shape[:-1], -1), hidden)
            seen = lap.concatenate([hidden, mixed, lap.spread_sums(pairs, means)])
            hidden = _residual(hidden, lap.tanh(_applied(parameters, f"one_{layer}", seen)))
            if layer < self.layers - 1:
                pairs = _residual(pairs, lap.tanh(_applied(parameters, f"two_{layer}", pairs)))
        return hidden

    def _orbitals(
        self, parameters: Parameters, spin: str, rows: slice, hidden: Value, from_nuclei: Value, charges: Tensor
    ) -> Value:
        """Return the matrices (n, determinants, electrons, orbitals) of one spin."""
        own = lap.linear(lambda t: t[..., rows, :], hidden)
        factors = lap.dense(own, parameters[f"{spin}_weight"], parameters[f"{spin}_bias"])
        distance = softened(lap.square_norm(lap.linear(lambda t: t[..., rows, :, :], from_nuclei)), 1 / charges)
        decay = lap.linear(lambda t: t[..., None, :] * -parameters[f"{spin}_decay"], distance)
        envelopes = lap.sum_last(lap.exp(decay) * parameters[f"{spin}_amplitude"])
        matrix = factors * placed(envelopes, rows, self.system.number)
        return lap.linear(lambda t: t.unflatten(-1, (self.determinants, -1)).movedim(-2, -3), matrix)


def _dense(parameters: Parameters, name: str, inputs: int, outputs: int, rng: Rng) -> None:
    parameters[f"{name}_weight"] = torch.as_tensor(rng.normal(scale=1 / np.sqrt(inputs), size=(inputs, outputs)))
    parameters[f"{name}_bias"] = torch.zeros(outputs, dtype=torch.float64)


def _applied(parameters: Parameters, name: str, x: Value) -> Value:
    return lap.dense(x, parameters[f"{name}_weight"], parameters[f"{name}_bias"])


def _residual(before: Value, after: Value) -> Value:
    return before + after if before.shape[-1] == after.shape[-1] else after
