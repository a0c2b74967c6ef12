"""Structures: the configurations of the atomic domain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np
from ase import Atoms, units

from eltanin.batch import Batch, Column, Ragged, to_numpy


@dataclass(frozen=True)
class Structures(Batch):
    """n structures of different size.

    positions: (atoms, 3) Å.  numbers: (atoms,) atomic numbers.  cell: (n, 3, 3) Å, rows are the
    lattice vectors, zero where there is none.  pbc: (n, 3).  charge: (n,) e.  spin: (n,) unpaired
    electrons, -1 for the lowest that the electron count allows.  evidence: where a structure came
    from (region, temperature in K, pressure in GPa, time in fs, velocities in Å/fs, …).
    """

    positions: Ragged
    numbers: Ragged
    cell: np.ndarray
    pbc: np.ndarray
    charge: np.ndarray
    spin: np.ndarray
    evidence: Mapping[str, Column] = field(default_factory=dict)

    @property
    def counts(self) -> np.ndarray:
        """Atoms of each structure, (n,)."""
        return self.positions.counts

    @property
    def volume(self) -> np.ndarray:
        """Volume of each cell, (n,) Å^3; zero where there is none."""
        return np.abs(np.linalg.det(self.cell))

    @classmethod
    def one(
        cls, numbers: np.ndarray, positions: np.ndarray, cell: np.ndarray, pbc: np.ndarray,
        charge: float = 0.0, spin: int = -1,
    ) -> Self:  # fmt: skip
        """Return a single structure, without copying the atoms."""
        counts = np.array([len(positions)])
        return cls(
            positions=Ragged(positions, counts),
            numbers=Ragged(numbers.astype(np.int64, copy=False), counts),
            cell=cell[None],
            pbc=pbc[None],
            charge=np.array([charge]),
            spin=np.array([spin]),
        )

    @classmethod
    def from_ase(cls, frames: Sequence[Atoms], evidence: Mapping[str, Column] | None = None) -> Self:
        """Take over what a configuration is; calculators, constraints and info stay behind.

        Charge and spin are those of ``info["charge"]`` and ``info["spin"]``.
        """
        if not frames:
            raise ValueError("a batch needs at least one structure, and there is none")
        return cls(
            positions=Ragged.of([a.positions for a in frames]),
            numbers=Ragged.of([a.numbers.astype(np.int64) for a in frames]),
            cell=np.array([a.cell.array for a in frames]),
            pbc=np.array([a.pbc for a in frames]),
            charge=np.array([float(a.info.get("charge", 0.0)) for a in frames]),
            spin=np.array([int(a.info.get("spin", -1)) for a in frames]),
            evidence=dict(evidence or {}),
        )

    def to_ase(self) -> list[Atoms]:
        """Return ASE atoms, with velocities where the evidence has them."""
        rows = zip(self.positions.rows(), self.numbers.rows(), self.cell, self.pbc, strict=True)
        frames = [Atoms(numbers=z, positions=x, cell=h, pbc=p) for x, z, h, p in rows]
        for atoms, charge, spin in zip(frames, self.charge, self.spin, strict=True):
            atoms.info |= {"charge": float(charge)} if charge else {}
            atoms.info |= {"spin": int(spin)} if spin >= 0 else {}
        if (velocities := self.evidence.get("velocities")) is not None:
            for atoms, v in zip(frames, velocities.rows(), strict=True):  # type: ignore[union-attr]
                if len(v) == len(atoms):
                    atoms.set_velocities(to_numpy(v) / units.fs)
        return frames
