"""A labeler on trial: are its forces and virials the derivatives of its energies?

Along the labeler's own forces F, of all atoms at once, and along its own virial W,

    [E(r + h F/|F|) - E(r - h F/|F|)] / 2h = -|F|,
    [E(1 + h W/|W|) - E(1 - h W/|W|)] / 2h = -|W|    for r -> r (1 + e), cell -> cell (1 + e),

if both are right. If they are c times what they should be, then so are the right sides, and the left ones stay;
forces of other atoms point elsewhere, and the left side is less. So a wrong sign, unit or order shows, and mostly
which it is. Labels that are off by one factor in everything (energies, forces and virials in hartree) are
derivatives of each other all the same: no trial by differences finds that.

Where a labeler says that there are no forces, a direction at random tells whether that is so.

Noise of the energies is tolerated up to `NOISE`, and more where the derivatives are large: with h = `STEP` and a
force of 1 eV/Å, 2 meV. The steps are so short that the terms beyond the first stay below what is tolerated.
A labeler whose energies are noisier than that by their nature is not tried with domain.agreement=null.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from eltanin.batch import Properties, Ragged, to_numpy
from eltanin.protocols import Labels, Rng
from eltanin_atoms.structures import Structures

STEP = 0.01  # Å, of all atoms together
STRAIN = 0.002
NOISE = 5e-5  # eV, of the difference of two energies
TELLING = 5.0  # a derivative is compared if it is so many times as large as what noise makes of nothing
CUBIC = 0.005  # eV per atom: a smaller virial drowns in the third derivative of the energy
FAINT = 5e-4  # eV/Å, of all atoms together: a direction that is a rounding error, even in hartree/bohr
CANDIDATES, OPINIONS = 3, 2

HARTREE, BOHR, KCAL, KILOJOULE = 27.211386, 0.52917721, 23.060548, 96.485332
GIGAPASCAL = 160.21766  # of 1 eV/Å^3
# What a factor means: of forces or virial over what differences of the energies say.
ENERGIES: Mapping[float, str] = {
    HARTREE: "the energies are in hartree, not eV",
    HARTREE / 2: "the energies are in rydberg, not eV",
    1 / KCAL: "the energies are in kcal/mol, not eV",
    1 / KILOJOULE: "the energies are in kJ/mol, not eV",
    1 / HARTREE: "{} in hartree, not eV",
    2 / HARTREE: "{} in rydberg, not eV",
    KCAL: "{} in kcal/mol, not eV",
    KILOJOULE: "{} in kJ/mol, not eV",
}
LENGTHS: Mapping[float, str] = {
    BOHR: "{} per bohr, not per Å",
    1 / BOHR: "{} too large by Å/bohr, a factor of 1.89",
    BOHR / HARTREE: "{} in hartree/bohr, not eV/Å",
    2 * BOHR / HARTREE: "{} in rydberg/bohr, not eV/Å",
    HARTREE / BOHR: "{} multiplied by hartree/bohr twice",
}
STRESSES: Mapping[float, str] = {
    1.0: "{} the stress, in eV/Å^3",
    GIGAPASCAL: "{} the stress, in GPa",
    10 * GIGAPASCAL: "{} the stress, in kbar",
}
SAME = 0.025  # two factors that differ by less than this part are one

Ask = Callable[[Structures], Labels[Properties]]
Flawed = Callable[[Structures], object]


class Unknown(Exception):
    """The labeler knows what it was given and nothing beside it, so that no difference can be taken."""


class Comparison(NamedTuple):
    """A derivative as it was said and as differences of energies have it, eV/Å or eV.

    noise: what may be made of nothing.  least: below it there is nothing to compare.  volume: of the cell, Å^3.
    """

    what: str
    said: float
    found: float
    noise: float
    least: float
    volume: float

    @property
    def telling(self) -> bool:
        """Whether there is enough of it to be compared."""
        return max(abs(self.said), abs(self.found)) >= self.least

    def doubt(self, agreement: float) -> str:
        """Return why not to believe it, or nothing."""
        size = max(abs(self.said), abs(self.found))
        if abs(self.said - self.found) <= agreement * size + self.noise:
            return ""
        unit = "eV/Å" if self.what == "forces" else "eV"
        told = f"along its {self.what} the energy falls by {self.found:.4g} {unit}, and they say {self.said:.4g}"
        return f"{told}: {self.cause()}"

    def cause(self) -> str:
        """Return the likely cause."""
        factor = self.said / self.found if self.found else np.inf
        be, have = ("are", "have") if self.what == "forces" else ("is", "has")
        size = next((words for known, words in self._units().items() if abs(abs(factor) / known - 1) < SAME), None)
        turned = factor < 0 and size not in STRESSES.values()  # a stress has the other sign than a virial
        words = [size.format(f"the {self.what} {be}")] if size else []
        words += [f"the {self.what} {have} the wrong sign"] if turned and size is not None else []
        unlike = f"that is {factor:.3g} times as much, which is no unit: of other atoms, or of no converged calculation"
        unlike = unlike if self.said and self.found else "one of the two does not depend on where the atoms are"
        return ", and ".join(words) or unlike

    def _units(self) -> Mapping[float, str]:
        """Return what is known of factors that forces, or a virial, may be off by."""
        stresses = {known / self.volume: words for known, words in STRESSES.items()} if self.volume else {}
        return {1.0: "", **(LENGTHS if self.what == "forces" else stresses), **ENERGIES}


class Path(NamedTuple):
    """Two structures on both sides of one, and the derivative along the way as it was said."""

    what: str
    said: float
    ahead: Structures
    behind: Structures
    step: float
    least: float


def trial(x: Structures, ask: Ask, flawed: Flawed, agreement: float, rng: Rng) -> str:
    """Return why not to believe a labeler, or nothing: it is asked about the smallest structures first.

    One disagreement may be an accident, and is looked at in a second structure if there is one.
    """
    opinions: dict[str, list[str]] = {}
    try:
        for one in candidates(x, flawed):
            for each in _comparisons(one, ask, rng):
                if each.telling:
                    opinions.setdefault(each.what, []).append(each.doubt(agreement))
            if opinions and all("" in said or len(said) >= OPINIONS for said in opinions.values()):
                break
    except Unknown:
        return ""
    return "; ".join(said[0] for said in opinions.values() if all(said))


def candidates(x: Structures, flawed: Flawed) -> Iterator[Structures]:
    """Yield a few sound structures, the smallest first; an atom alone has no forces, and comes last."""
    found = 0
    for row in sorted(range(len(x)), key=lambda i: (x.counts[i] < 2, x.counts[i])):
        one = replace(x[np.array([row])], evidence={})
        if not flawed(one):
            yield one
            found += 1
        if found == CANDIDATES:
            return


def _comparisons(one: Structures, ask: Ask, rng: Rng) -> Iterator[Comparison]:
    here = ask(one)
    if 0 in here.failures or not here.values.has("energy")[0]:
        return
    paths = list(_paths(one, here.values, rng))
    if not paths:
        return
    there = ask(Structures.concatenate([end for path in paths for end in (path.ahead, path.behind)]))
    if any(failure.kind == "unknown" for failure in there.failures.values()):
        raise Unknown
    known = there.values.has("energy")
    for k, path in enumerate(paths):
        ends = [2 * k, 2 * k + 1]
        if known[ends].all() and not there.failures.keys() & set(ends):
            ahead, behind = to_numpy(there.values.values["energy"])[ends]
            found, noise = float(behind - ahead) / (2 * path.step), NOISE / (2 * path.step)
            yield Comparison(path.what, path.said, found, noise, path.least, float(one.volume[0]))


def _paths(one: Structures, labels: Properties, rng: Rng) -> Iterator[Path]:
    if labels.has("forces")[0] and one.counts[0] > 1:
        forces = to_numpy(labels.values["forces"].values)
        way = forces if np.linalg.norm(forces) > FAINT else rng.normal(size=forces.shape)
        way = way / np.linalg.norm(way)
        said, step = float((forces * way).sum()), STEP * way
        yield Path("forces", said, _moved(one, step), _moved(one, -step), STEP, TELLING * NOISE / (2 * STEP))
    if labels.has("virial")[0]:
        virial = to_numpy(labels.values["virial"])[0]
        if size := float(np.linalg.norm(virial)):
            strain = STRAIN * virial / size
            least = TELLING * NOISE / (2 * STRAIN) + CUBIC * int(one.counts[0])
            yield Path("virial", size, _strained(one, strain), _strained(one, -strain), STRAIN, least)


def _moved(one: Structures, by: np.ndarray) -> Structures:
    return replace(one, positions=Ragged(one.positions.values + by, one.counts))


def _strained(one: Structures, strain: np.ndarray) -> Structures:
    deformation = np.eye(3) + strain
    return replace(one, positions=Ragged(one.positions.values @ deformation, one.counts), cell=one.cell @ deformation)
