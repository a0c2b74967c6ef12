"""Screening of structures before they are paid for, and of labels before they are learned."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from ase.data import chemical_symbols, covalent_radii
from vesin import NeighborList

from eltanin.batch import Properties, Ragged, to_numpy
from eltanin.protocols import Failure
from eltanin_atoms.structures import Structures

SHAPES: Mapping[str, tuple[int, ...]] = {"energy": (), "virial": (3, 3)}


def flaw(x: Structures, closest: float) -> Failure | None:
    """Say why a single structure cannot be labelled, or None.

    closest: smallest distance of two atoms, in units of the sum of their covalent radii.
    """
    positions, numbers, cell = x.positions.values, x.numbers.values, x.cell[0]
    if not len(positions):
        return Failure("unphysical", "the structure has no atoms")
    if not (np.isfinite(positions).all() and np.isfinite(cell).all()):
        return Failure("nonfinite", "a position or the cell is not finite")
    if (numbers < 1).any() or (numbers >= len(chemical_symbols)).any():
        return Failure("unknown", f"{numbers.min()} … {numbers.max()} are not all atomic numbers")
    if x.pbc[0].any() and np.linalg.matrix_rank(cell[x.pbc[0]]) < x.pbc[0].sum():
        return Failure("unphysical", f"periodic, but the cell {cell.tolist()} has no volume")
    return _overlap(positions, numbers, cell, x.pbc[0], closest)


def _overlap(
    positions: np.ndarray, numbers: np.ndarray, cell: np.ndarray, pbc: np.ndarray, closest: float
) -> Failure | None:
    reach = 2 * closest * covalent_radii[numbers].max()
    pairs = NeighborList(cutoff=reach, full_list=False, n_threads=1)
    i, j, r = pairs.compute(positions, cell, pbc, "ijd")
    touching = r < closest * (covalent_radii[numbers[i]] + covalent_radii[numbers[j]])
    if not touching.any():
        return None
    worst = np.flatnonzero(touching)[r[touching].argmin()]
    a, b = int(i[worst]), int(j[worst])
    names = f"{chemical_symbols[numbers[a]]} {a} and {chemical_symbols[numbers[b]]} {b}"
    return Failure("unphysical", f"atoms on top of each other: {names} are {r[worst]:.3g} Å apart")


def refusals(x: Structures, labels: Properties, largest_force: float) -> Mapping[int, Failure]:
    """Return the labels that no model may learn, by row: the first reason that holds."""
    known = {name: labels.has(name) for name in ("energy", "forces", "virial")}
    found = {
        int(i): Failure("unphysical", "neither an energy nor forces")
        for i in np.flatnonzero(~known["energy"] & ~known["forces"])
    }
    for name, shape in SHAPES.items():
        for i in np.flatnonzero(known[name]):
            value = to_numpy(labels.values[name])[i]
            if value.shape != shape:
                message = f"{name} has the shape {value.shape}, not {shape}"
                found.setdefault(int(i), Failure("shape", message))
            elif not np.isfinite(value).all():
                found.setdefault(int(i), Failure("nonfinite", f"{name} is not finite"))
    if known["forces"].any():
        rows = _force_rows(labels)
        for i in np.flatnonzero(known["forces"]):
            if reason := _refused(to_numpy(rows[i]), int(x.counts[i]), largest_force):
                found.setdefault(int(i), reason)
    return found


def _force_rows(labels: Properties) -> list[np.ndarray]:
    forces = labels.values["forces"]
    return forces.rows() if isinstance(forces, Ragged) else list(forces)


def _refused(forces: np.ndarray, atoms: int, largest_force: float) -> Failure | None:
    if forces.shape != (atoms, 3):
        return Failure("shape", f"forces have the shape {forces.shape}, not ({atoms}, 3)")
    if not np.isfinite(forces).all():
        return Failure("nonfinite", "a force is not finite")
    size = float(np.linalg.norm(forces, axis=1).max(initial=0.0))
    if size > largest_force:
        why = f"a force of {size:.4g} eV/Å is beyond largest_force={largest_force:g}"
        return Failure("unphysical", why)
    return None
