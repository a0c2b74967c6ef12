"""A labeler on trial: what is no derivative of its energy is not believed, and the likely cause is named."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
from ase import Atoms as AseAtoms
from ase.build import bulk
from ase.data import covalent_radii

from eltanin.batch import Properties, Ragged
from eltanin.protocols import Failure, Labels
from eltanin_atoms.domain import Atoms
from eltanin_atoms.neighbours import Pairs, pairs
from eltanin_atoms.structures import Structures

HARTREE, BOHR = 27.211386, 0.52917721
DEPTH, CUTOFF = 5.0, 5.0  # eV, Å


def exact(one: Structures) -> dict[str, Any]:
    """Return E = sum over pairs of D exp(-(r - r_0)^2) (r - c)^4 / c^4 and its derivatives, by hand."""
    found = Pairs(*map(np.asarray, pairs(one.positions.values, one.cell[0], one.pbc[0], CUTOFF)))
    r = np.linalg.norm(found.vector, axis=1)
    u, v = DEPTH * np.exp(-((r - 2.5) ** 2)), (r - CUTOFF) ** 4 / CUTOFF**4
    slope = u * (4 * (r - CUTOFF) ** 3 / CUTOFF**4 - 2 * (r - 2.5) * v)
    pull = (slope / r)[:, None] * found.vector
    forces = np.stack([np.bincount(found.centre, weights=p, minlength=one.counts[0]) for p in pull.T], axis=1)
    return {"energy": 0.5 * float(u @ v), "forces": forces, "virial": -0.5 * found.vector.T @ pull}


@dataclass
class Asked:
    """A labeler that may lie, and notes how many labels it was asked for."""

    energy: float = 1.0
    forces: float = 1.0
    virial: float = 1.0
    per_volume: bool = False
    rolled: bool = False
    noise: float = 0.0
    without: frozenset[str] = frozenset()
    known: frozenset[bytes] | None = None
    unconverged: int = -1
    counts: list[int] = field(default_factory=list)

    def __call__(self, x: Structures) -> Labels[Properties]:
        rng = np.random.default_rng(len(self.counts))
        self.counts += [int(n) for n in x.counts]
        assert not x.evidence
        rows = [self.lie(x[np.array([i])], rng) for i in range(len(x))]
        values = {
            "energy": np.array([row["energy"] for row in rows]),
            "forces": Ragged.of([row["forces"] for row in rows]),
            "virial": np.array([row["virial"] for row in rows]),
        }
        told = {name: column for name, column in values.items() if name not in self.without}
        failures = {i: Failure("unknown", "not there") for i in range(len(x)) if self.strange(x[np.array([i])])}
        failures |= {i: Failure("unconverged", "") for i in range(len(x)) if x.counts[i] == self.unconverged}
        return Labels(Properties.of(**told), failures)

    def strange(self, one: Structures) -> bool:
        return self.known is not None and one.positions.values.tobytes() not in self.known

    def lie(self, one: Structures, rng: np.random.Generator) -> dict[str, Any]:
        truth = exact(one)
        forces = np.roll(truth["forces"], 1, axis=0) if self.rolled else truth["forces"]
        virial = truth["virial"] / one.volume[0] if self.per_volume else truth["virial"]
        energy = truth["energy"] + self.noise * rng.normal()
        return {"energy": self.energy * energy, "forces": self.forces * forces, "virial": self.virial * virial}


def shaken(size: int, seed: int, by: float = 0.2) -> AseAtoms:
    rng = np.random.default_rng(seed)
    atoms = bulk("Cu", cubic=True, a=3.55) * (size, 1, 1)
    atoms.positions += rng.normal(scale=by, size=atoms.positions.shape)
    return atoms


POOL = Structures.from_ase([shaken(3, 0), shaken(1, 1), shaken(2, 2), shaken(1, 3)], {"region": np.array(["a"] * 4)})


def verdict(asked: Asked, pool: Structures = POOL, **settings: Any) -> str:
    return Atoms(**settings).trial(pool, asked, np.random.default_rng(0))


def test_the_lie_is_measured_against_the_truth():
    """The forces and virials of this module are derivatives, to 1e-7."""
    one = POOL[np.array([0])]
    truth, h = exact(one), 1e-4
    rng = np.random.default_rng(0)
    way, strain = rng.normal(size=truth["forces"].shape), rng.normal(size=(3, 3))
    moved = [replace(one, positions=Ragged(one.positions.values + s * h * way, one.counts)) for s in (1, -1)]
    slope = (exact(moved[0])["energy"] - exact(moved[1])["energy"]) / (2 * h)
    assert slope == pytest.approx(-(truth["forces"] * way).sum(), rel=1e-6)
    turned = [np.eye(3) + s * h * strain for s in (1, -1)]
    bent = [replace(one, positions=Ragged(one.positions.values @ d, one.counts), cell=one.cell @ d) for d in turned]
    slope = (exact(bent[0])["energy"] - exact(bent[1])["energy"]) / (2 * h)
    assert slope == pytest.approx(-(truth["virial"] * strain).sum(), rel=1e-5)


def test_an_honest_labeler_is_believed_for_five_labels_of_the_smallest_structure():
    asked = Asked()
    assert verdict(asked) == ""
    assert asked.counts == [4] * 5


LIES = {
    "wrong sign": (Asked(forces=-1.0), "the forces have the wrong sign"),
    "per bohr": (Asked(forces=BOHR), "the forces are per bohr, not per Å"),
    "times 1.89": (Asked(forces=1 / BOHR), "a factor of 1.89"),
    "forces in hartree/Å": (Asked(forces=1 / HARTREE), "the forces are in hartree, not eV"),
    "forces in hartree/bohr": (Asked(forces=BOHR / HARTREE), "the forces are in hartree/bohr, not eV/Å"),
    "forces in hartree/bohr, and the sign": (Asked(forces=-BOHR / HARTREE), "eV/Å, and the forces have the wrong"),
    "forces in rydberg/bohr": (Asked(forces=2 * BOHR / HARTREE), "the forces are in rydberg/bohr, not eV/Å"),
    "energies in hartree": (Asked(energy=1 / HARTREE), "the energies are in hartree, not eV"),
    "energies in rydberg": (Asked(energy=2 / HARTREE), "the energies are in rydberg, not eV"),
    "energies in kcal/mol": (Asked(energy=23.060548), "the energies are in kcal/mol, not eV"),
    "all in atomic units": (Asked(1 / HARTREE, BOHR / HARTREE, 1 / HARTREE), "the forces are per bohr, not per Å"),
    "other atoms": (Asked(rolled=True), "of other atoms"),
    "a fifth too much": (Asked(forces=1.2), "1.2 times as much"),
    "no forces": (Asked(forces=0.0), "does not depend on where the atoms are"),
    "no energies": (Asked(energy=0.0), "does not depend on where the atoms are"),
    "sign of the virial": (Asked(virial=-1.0), "the virial has the wrong sign"),
    "stress": (Asked(virial=-1.0, per_volume=True), "the virial is the stress, in eV/Å^3"),
    "stress in GPa": (Asked(virial=-160.21766, per_volume=True), "the virial is the stress, in GPa"),
    "virial in hartree": (Asked(virial=1 / HARTREE), "the virial is in hartree, not eV"),
    "noise": (Asked(noise=0.1), "times as much"),
}  # fmt: skip


@pytest.mark.parametrize("name", LIES)
def test_a_lie_is_found_and_named(name):
    asked, says = LIES[name]
    assert says in verdict(replace(asked, counts=[]))


def test_who_is_right_is_not_accused():
    assert "virial" not in verdict(Asked(forces=-1.0))
    assert "forces" not in verdict(Asked(virial=-1.0))


def test_what_is_missing_is_not_tried():
    assert verdict(Asked(without=frozenset({"virial"}))) == ""
    assert "wrong sign" in verdict(Asked(forces=-1.0, without=frozenset({"virial"})))
    assert "wrong sign" in verdict(Asked(virial=-1.0, without=frozenset({"forces"})))
    for lacking in ({"energy"}, {"forces", "virial"}):
        assert verdict(Asked(forces=-1.0, virial=-1.0, without=frozenset(lacking))) == ""


def test_labels_that_exist_already_cannot_be_tried():
    there = frozenset(row.tobytes() for row in POOL.positions.rows())
    asked = Asked(forces=-1.0, known=there)
    assert verdict(asked) == ""
    assert len(asked.counts) == 5


def test_noise_of_half_a_milli_electronvolt_is_tolerated_where_forces_are_large():
    noisy = Asked(noise=5e-4, without=frozenset({"virial"}))
    assert np.linalg.norm(exact(POOL[np.array([0])])["forces"]) > 1
    assert all(verdict(noisy, POOL[np.array([i])]) == "" for i in range(4))


def test_one_accident_condemns_nobody():
    first = POOL.positions.rows()[1].tobytes()

    class Once(Asked):
        def lie(self, one, rng):
            row = super().lie(one, rng)
            return {**row, "forces": -row["forces"]} if one.positions.values.tobytes() == first else row

    assert verdict(Once()) == ""
    assert "wrong sign" in verdict(Once(), POOL[np.array([1])])  # nothing else can speak for it


def test_what_fails_is_passed_over_and_so_is_what_has_no_forces():
    asked = Asked(forces=-1.0, unconverged=4)
    assert "wrong sign" in verdict(asked)
    assert max(asked.counts) == 8
    still = Structures.concatenate([Structures.from_ase([bulk("Cu", cubic=True)]), replace(POOL, evidence={})])
    assert "wrong sign" in verdict(Asked(forces=-1.0, without=frozenset({"virial"})), still)


def test_flawed_structures_are_not_asked_about():
    overlap = Structures.from_ase([AseAtoms("Cu2", [[0, 0, 0], [0, 0, 0.1 * covalent_radii[29]]])])
    asked = Asked()
    assert verdict(asked, Structures.concatenate([overlap, replace(POOL, evidence={})])) == ""
    assert 2 not in asked.counts
    assert verdict(asked, overlap) == ""
    assert verdict(asked, POOL[:0]) == ""


def test_agreement_is_a_setting():
    assert "1.2 times" in verdict(Asked(forces=1.2))
    assert verdict(Asked(forces=1.2), agreement=0.25) == ""
    asked = Asked(forces=-1.0)
    assert verdict(asked, agreement=None) == ""
    assert asked.counts == []
