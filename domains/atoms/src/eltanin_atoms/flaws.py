"""What no labeler should be asked: structures that no calculation could make sense of.

A structure is looked at from the cheap to the dear, and nothing here trusts what was looked at before: atoms at
one place, far out or in a cell like a needle cost no more than others. Distances are found by trees of the atoms
of each species, not by bins of space, of which an exploded structure has more than there is memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations_with_replacement
from typing import NamedTuple

import numpy as np
from ase.data import atomic_numbers, chemical_symbols, covalent_radii
from ase.geometry import complete_cell
from scipy.spatial import KDTree

from eltanin.batch import to_numpy
from eltanin.protocols import Failure
from eltanin_atoms.structures import Structures

FARTHEST = 1e9  # Å; beyond it a coordinate has fewer than seven decimals left


@dataclass(frozen=True)
class Limits:
    """What a structure must keep to. The settings are told where they are set, in `eltanin_atoms.domain.Atoms`."""

    closest: float = 0.5
    distances: dict[str, float] = field(default_factory=dict, hash=False)
    thinnest: float = 1.0
    flattest: float = 0.05
    emptiest: float = 100.0
    most_atoms: int = 10_000

    def __post_init__(self) -> None:
        """Check the settings."""
        if not 0 < self.closest < 1:
            raise ValueError(f"closest={self.closest}: give a part of the sum of covalent radii, between 0 and 1")
        if not 0 < self.flattest < 1:
            raise ValueError(f"flattest={self.flattest}: 0 is a flat cell and 1 a right-angled one: give one between")
        for name in ("thinnest", "emptiest"):
            if not 0 < getattr(self, name) < np.inf:
                raise ValueError(f"{name}={getattr(self, name)} Å: give a length above 0")
        if self.most_atoms < 1:
            raise ValueError(f"most_atoms={self.most_atoms} would refuse every structure: give 1 or more")
        self._by_pair  # noqa: B018  the names of the pairs are checked

    @cached_property
    def _by_pair(self) -> Mapping[tuple[int, int], float]:
        """The distances that are given, by atomic numbers."""
        found: dict[tuple[int, int], float] = {}
        for pair, distance in self.distances.items():
            symbols = pair.split("-")
            if len(symbols) != 2 or not set(symbols) <= set(chemical_symbols[1:]):
                raise ValueError(f"distances has {pair!r}: name a pair by two chemical symbols, as in H-O")
            if not 0 < distance < self.emptiest:
                raise ValueError(f"distances.{pair}={distance} Å: give a distance above 0, and below emptiest")
            a, b = sorted(atomic_numbers[symbol] for symbol in symbols)
            found[a, b] = distance
        return found

    def nearest(self, a: int, b: int) -> float:
        """Return how near atoms of two atomic numbers may come, Å."""
        return self._by_pair.get((min(a, b), max(a, b)), self.closest * (covalent_radii[a] + covalent_radii[b]))


class Frame(NamedTuple):
    """One structure: positions (atoms, 3) and cell, Å; one without periods has axes of its own, of unit length."""

    positions: np.ndarray
    numbers: np.ndarray
    cell: np.ndarray
    pbc: np.ndarray


def flaws(x: Structures, limits: Limits) -> Mapping[int, Failure]:
    """Return why structures cannot be labelled, by row: the first reason that holds."""
    found: dict[int, Failure] = {}
    with np.errstate(all="ignore"):
        for i, (positions, numbers) in enumerate(zip(x.positions.rows(), x.numbers.rows(), strict=True)):
            cell, pbc, charges = x.cell[i], x.pbc[i], np.array([x.charge[i], x.spin[i]])
            if failure := _flaw(to_numpy(positions), to_numpy(numbers), cell, pbc, charges, limits):
                found[i] = failure
    return found


def _flaw(
    positions: np.ndarray, numbers: np.ndarray, cell: np.ndarray, pbc: np.ndarray, charges: np.ndarray, limits: Limits
) -> Failure | None:
    if positions.shape != (len(numbers), 3) or cell.shape != (3, 3) or pbc.shape != (3,):
        shapes = f"positions {positions.shape}, numbers {numbers.shape}, cell {cell.shape} and pbc {pbc.shape}"
        return Failure("shape", f"{shapes} make no structure")
    periods = np.where(pbc[:, None], cell, 0.0)
    return (
        _no_numbers(positions, numbers, cell, charges, limits)
        or _no_electrons(numbers, *charges)
        or _no_cell(periods, pbc, limits)
        or _no_matter(Frame(positions, numbers, complete_cell(periods), pbc), limits)
    )


def _no_numbers(
    positions: np.ndarray, numbers: np.ndarray, cell: np.ndarray, charges: np.ndarray, limits: Limits
) -> Failure | None:
    if not len(positions):
        return Failure("unphysical", "the structure has no atoms")
    if len(positions) > limits.most_atoms:
        return Failure("unphysical", f"{len(positions)} atoms are more than domain.most_atoms={limits.most_atoms}")
    if not all(np.isfinite(part).all() for part in (positions, cell, charges)):
        return Failure("nonfinite", "a position, the cell, the charge or the spin is not finite")
    if (numbers < 1).any() or (numbers >= len(chemical_symbols)).any():
        return Failure("unknown", f"{numbers.min()} … {numbers.max()} are not all atomic numbers")
    if (far := max(np.abs(positions).max(), np.abs(cell).max())) > FARTHEST:
        return Failure("unphysical", f"a coordinate of {far:.3g} Å has lost the digits of a distance between atoms")
    return None


def _no_electrons(numbers: np.ndarray, charge: float, spin: float) -> Failure | None:
    """Refuse more unpaired electrons than there are, and an odd number of them where the number of all is even."""
    electrons = int(numbers.sum()) - round(charge)
    if electrons < 0:
        return Failure("unphysical", f"a charge of {charge:g} takes away more electrons than there are")
    if spin >= 0 and charge == round(charge) and (spin > electrons or (electrons - spin) % 2):
        return Failure("unphysical", f"{electrons} electrons cannot have {spin:g} unpaired: correct charge or spin")
    return None


def _no_cell(periods: np.ndarray, pbc: np.ndarray, limits: Limits) -> Failure | None:
    """Refuse a cell without volume, or too flat, too thin, or left-handed."""
    if not pbc.any():
        return None
    told, vectors = f"the cell {periods.tolist()}", periods[pbc]
    edges = np.linalg.norm(vectors, axis=1)
    unit = vectors / np.where(edges > 0, edges, 1.0)[:, None]
    right = float(np.sqrt(max(np.linalg.det(unit @ unit.T), 0.0)))
    if not right > 1e-9:
        return Failure("unphysical", f"periodic, but {told} has no volume")
    if right < limits.flattest:
        about = f"has {right:.2g} of the volume of a right-angled one: domain.flattest={limits.flattest:g}"
        return Failure("unphysical", f"{told} {about}; choose shorter lattice vectors of the same lattice")
    thin = float(_heights(complete_cell(periods))[pbc].min())
    if thin < limits.thinnest:
        return Failure("unphysical", f"{told} is {thin:.3g} Å thin, less than domain.thinnest={limits.thinnest:g} Å")
    if pbc.all() and np.linalg.det(periods) < 0:
        return Failure("unphysical", f"{told} is left-handed, which many programs refuse: exchange two of its vectors")
    return None


def _heights(cell: np.ndarray) -> np.ndarray:
    """Return the distances between the opposite faces of a cell, (3,) Å."""
    return 1 / np.linalg.norm(np.linalg.inv(cell), axis=0)


def _no_matter(frame: Frame, limits: Limits) -> Failure | None:
    """Refuse atoms that are too far from all others, or on top of each other."""
    fractions = frame.positions @ np.linalg.inv(frame.cell)
    fractions[:, frame.pbc] -= np.floor(fractions[:, frame.pbc])
    if (empty := _widest_gap(fractions, _heights(frame.cell), frame.pbc)) > limits.emptiest:
        told = f"there are {empty:.4g} Å of nothing between the atoms, more than domain.emptiest={limits.emptiest:g} Å"
        return Failure("unphysical", f"{told}: the structure has exploded, or its cell is too large")
    # Without overlaps inside the cell it holds few atoms for its volume, and so do its images.
    return _overlap(frame, fractions, limits, images=False) or _overlap(frame, fractions, limits, images=True)


def _widest_gap(fractions: np.ndarray, heights: np.ndarray, pbc: np.ndarray) -> float:
    along = np.sort(fractions, axis=0) * heights
    around = np.where(pbc, heights - (along[-1] - along[0]), 0.0)
    return float(max(around.max(), np.diff(along, axis=0).max(initial=0.0)))


def _overlap(frame: Frame, fractions: np.ndarray, limits: Limits, images: bool) -> Failure | None:
    species = sorted({int(z) for z in frame.numbers})
    pairs = list(combinations_with_replacement(species, 2))
    reach = max(limits.nearest(a, b) for a, b in pairs)
    points, owner = (
        _with_images(fractions, frame.cell, frame.pbc, reach)
        if images
        else (fractions @ frame.cell, np.arange(len(fractions)))
    )
    found = [one for a, b in pairs for one in _nearest(points, owner, frame.numbers, (a, b), limits.nearest(a, b))]
    if not found:
        return None
    _, i, j, distance, least = min(found)
    names = f"{chemical_symbols[frame.numbers[i]]} {i} and {chemical_symbols[frame.numbers[j]]} {j}"
    told = f"{names} are {distance:.3g} Å apart, nearer than {least:.3g} Å (domain.closest, domain.distances)"
    return Failure("unphysical", f"atoms on top of each other: {told}")


def _with_images(
    fractions: np.ndarray, cell: np.ndarray, pbc: np.ndarray, reach: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the atoms, then their images within reach of the cell, Å, and which atom each one is."""
    margin = np.where(pbc, reach / _heights(cell), 0.0)
    most = np.ceil(margin).astype(int)
    shifts = np.stack(np.meshgrid(*(np.arange(-n, n + 1) for n in most), indexing="ij"), axis=-1).reshape(-1, 3)
    shifts = shifts[np.any(shifts != 0, axis=1)]
    away = fractions[None] + shifts[:, None]
    near = np.all(~pbc | ((away >= -margin) & (away <= 1 + margin)), axis=-1)
    atoms = np.arange(len(fractions))
    owner = np.broadcast_to(atoms, near.shape)[near]
    return np.concatenate([fractions, away[near]]) @ cell, np.concatenate([atoms, owner])


def _nearest(
    points: np.ndarray, owner: np.ndarray, numbers: np.ndarray, pair: tuple[int, int], least: float
) -> Iterator[tuple[float, int, int, float, float]]:
    """Yield the worst pair of two species: how bad, the two atoms, how far apart they are and how far they should be.

    The first points are the atoms themselves. Of their own species, the nearest to each is itself.
    """
    a, b = pair
    home, others = np.flatnonzero(numbers == a), np.flatnonzero(numbers[owner] == b)
    distance, place = KDTree(points[others]).query(points[home], k=2, distance_upper_bound=least)
    found = np.asarray(distance)[:, 1 if a == b else 0]
    worst = int(found.argmin())
    if np.isfinite(found[worst]):
        near = [int(others[p]) for p in np.asarray(place)[worst] if p < len(others)]
        partner = next(p for p in near[::-1] if p != home[worst]) if a == b else near[0]
        yield float(found[worst]) / least, int(home[worst]), int(owner[partner]), float(found[worst]), least
