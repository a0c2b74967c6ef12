"""What every potential does with a batch: answer for what is a structure, in parts that fit in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from eltanin.batch import Properties, Ragged
from eltanin_atoms.structures import Structures

ATOMS = 4096  # evaluated together: a matter of memory alone
FAR = 1e8  # Å from the origin, where positions have no decimals left to tell neighbours apart
CROWD = 5000.0  # neighbours of an atom, on average, beyond which a structure has collapsed


def evaluated(
    x: Structures, cutoff: float, evaluate: Callable[[Structures], Sequence[np.ndarray]], atoms: int = ATOMS
) -> Properties:
    """Return energy (n,) eV, forces (atoms, 3) eV/Å, virial (n, 3, 3) eV; NaN for what is no structure any more.

    evaluate: answers with these three for structures that are sound, about `atoms` atoms at a time.
    """
    energy, virial = np.full(len(x), np.nan), np.full((len(x), 3, 3), np.nan)
    forces = np.full((x.counts.sum(), 3), np.nan)
    for part, its_atoms in parts(x, cutoff, atoms):
        mine = x if len(part) == len(x) else x[part]
        energy[part], forces[its_atoms], virial[part] = evaluate(mine)
    return Properties.of(energy=energy, forces=Ragged(forces, x.counts), virial=virial)


def parts(x: Structures, cutoff: float, atoms: int = ATOMS) -> Iterator[tuple[np.ndarray, np.ndarray | slice]]:
    """Cut what is sound into parts of about `atoms` atoms; yield which structures, and which atoms."""
    index = np.flatnonzero(sound(x, cutoff))
    ends = np.flatnonzero(np.diff(np.cumsum(x.counts[index]) // atoms)) + 1
    for part in np.split(index, ends):
        if len(part):
            yield part, slice(None) if len(part) == len(x) else np.isin(x.positions.owner, part)


def sound(x: Structures, cutoff: float) -> np.ndarray:
    """Return which structures have finite positions and a cell that has not collapsed, (n,)."""
    # Also false where a position is not a number.
    strange = ~(np.abs(x.positions.values) < FAR).all(axis=1)
    finite = np.bincount(x.positions.owner, strange, len(x)) == 0
    finite &= np.isfinite(x.cell).all(axis=(1, 2))
    sphere = 4 / 3 * np.pi * cutoff**3
    crowded = x.pbc.all(axis=1) & ~(x.counts * sphere <= CROWD * x.volume)
    return finite & ~crowded
