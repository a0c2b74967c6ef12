"""What makes a labeler of atoms trustworthy: physics, independence, no state.

Inherit in a test module, give a labeler and structures that it can label, and pytest does the rest:

    class TestMine(LabelerConformance):
        @pytest.fixture
        def labeler(self):
            return Mine()

        @pytest.fixture
        def structures(self):
            return Structures.from_ase([...])

Structures should be off their equilibrium and of several sizes, periodic or not. A capability that a
labeler lacks is switched off by its flag. Derivatives are central differences of fourth order,

    f'(0) = [ 8 (f(h) - f(-h)) - (f(2h) - f(-2h)) ] / 12 h + O(h^4).
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from typing import Any

import numpy as np
import pytest

from eltanin.batch import Properties, Ragged
from eltanin.protocols import Labels
from eltanin_atoms.structures import Structures

STENCIL = np.array([-2.0, -1.0, 1.0, 2.0])
WEIGHTS = np.array([1.0, -8.0, 8.0, -1.0]) / 12.0


def ask(labeler: Any, x: Structures, *wanted: str) -> Labels[Properties]:
    """Ask for labels: energy, forces and virial, unless others are named."""
    names = frozenset(wanted or ("energy", "forces", "virial"))
    return labeler.label(x, names, np.random.default_rng(0))


def energies(labeler: Any, x: Structures) -> np.ndarray:
    """Return energies, (n,) eV; none may fail."""
    labels = ask(labeler, x, "energy")
    assert not labels.failures
    return np.asarray(labels.values.values["energy"])


def moved(x: Structures, positions: np.ndarray, cell: np.ndarray | None = None) -> Structures:
    """Return the structures with other positions, (atoms, 3), and other cells."""
    return replace(x, positions=Ragged(positions, x.counts), cell=x.cell if cell is None else cell)


def slope(labeler: Any, path: Callable[[float], Structures], step: float) -> float:
    """Return the derivative of the energy along a path of single structures, at 0."""
    points = Structures.concatenate([path(s * step) for s in STENCIL])
    return float(WEIGHTS @ energies(labeler, points)) / step


def single(x: Structures) -> list[Structures]:
    """Return the structures one by one."""
    return [x[np.array([i])] for i in range(len(x))]


def rotation(rng: np.random.Generator) -> np.ndarray:
    """Return a random rotation, or one with a reflection."""
    return np.linalg.qr(rng.normal(size=(3, 3)))[0]


class LabelerConformance:
    """The suite. `step` is that of the differences, Å or of the strain; tolerances are relative."""

    has_virial = True
    has_small_cells = True
    invariant_under_rotation = True
    step = 5e-4
    derivative_tolerance = 1e-7
    symmetry_tolerance = 1e-10

    @pytest.fixture
    def labeler(self) -> Any:
        """Return the labeler."""
        raise NotImplementedError("give a fixture `labeler`")

    @pytest.fixture
    def structures(self) -> Structures:
        """Return structures that the labeler can label."""
        raise NotImplementedError("give a fixture `structures`")

    def test_is_a_component(self, labeler: Any) -> None:
        """Settings never change, and what bears on a label is declared."""
        assert is_dataclass(labeler)
        kind: Any = type(labeler)
        assert kind.__dataclass_params__.frozen
        assert kind.domain in {"atoms", "any"}
        assert isinstance(kind.revision, int)
        assert isinstance(kind.outside, tuple)

    def test_labels_are_complete_and_finite(self, labeler: Any, structures: Structures) -> None:
        """Every structure has an energy and forces; of the virial, as the flag says."""
        labels = ask(labeler, structures)
        assert not labels.failures
        assert labels.values.has("energy").all()
        assert labels.values.has("forces").all()
        assert labels.values.has("virial").any() == self.has_virial
        assert np.isfinite(labels.values.values["energy"]).all()
        assert labels.values.values["forces"].values.shape == structures.positions.values.shape
        assert np.isfinite(labels.values.values["forces"].values).all()

    def test_only_what_is_wanted_is_answered(self, labeler: Any, structures: Structures) -> None:
        """Energies alone are energies alone, and the same."""
        alone, all_of_it = ask(labeler, structures, "energy").values, ask(labeler, structures).values
        assert set(alone.values) == {"energy"}
        self.close(alone.values["energy"], all_of_it.values["energy"])

    def test_the_same_twice(self, labeler: Any, structures: Structures) -> None:
        """Labels are bit-identical when asked again."""
        self.same(ask(labeler, structures).values, ask(labeler, structures).values)

    def test_a_label_depends_on_its_structure_alone(self, labeler: Any, structures: Structures) -> None:
        """Neither the rest of the batch, nor its order, nor the evidence bears on a label."""
        together = ask(labeler, structures).values
        backwards = np.arange(len(structures))[::-1].copy()
        self.same(ask(labeler, structures[backwards]).values[backwards], together)
        for i, one in enumerate(single(structures)):
            self.same(ask(labeler, one).values, together[np.array([i])])
        told = replace(structures, evidence={"region": np.array(["hot"] * len(structures))})
        self.same(ask(labeler, told).values, together)

    def test_pickles(self, labeler: Any, structures: Structures) -> None:
        """What comes back from another process is the same labeler."""
        again = pickle.loads(pickle.dumps(labeler))
        assert [getattr(again, f.name) for f in fields(again)] == [getattr(labeler, f.name) for f in fields(labeler)]
        self.same(ask(again, structures).values, ask(labeler, structures).values)

    def test_forces_are_minus_the_gradient(self, labeler: Any, structures: Structures) -> None:
        """Along random directions of all atoms at once, dE/ds = -F·d."""
        rng = np.random.default_rng(1)
        for one in single(structures):
            forces = ask(labeler, one).values.values["forces"].values
            for _ in range(3):
                d = rng.normal(size=forces.shape)
                d /= np.linalg.norm(d)
                found = slope(labeler, lambda s, x=one, d=d: moved(x, x.positions.values + s * d), self.step)
                error = abs(found + float((forces * d).sum()))
                assert error <= self.derivative_tolerance * np.linalg.norm(forces)

    def test_the_virial_is_the_strain_derivative(self, labeler: Any, structures: Structures) -> None:
        """For r -> r + r e and h -> h + h e in each of the nine components, dE/de = -W."""
        labels = ask(labeler, structures).values
        for i in np.flatnonzero(labels.has("virial")):
            virial = labels.values["virial"][i]
            one = structures[np.array([i])]
            for a, b in np.ndindex(3, 3):
                strain = np.zeros((3, 3))
                strain[a, b] = 1.0
                found = slope(labeler, lambda s, x=one, e=strain: strained(x, s * e), self.step / 4)
                assert abs(found + virial[a, b]) <= self.derivative_tolerance * np.linalg.norm(virial)

    def test_translation(self, labeler: Any, structures: Structures) -> None:
        """A shift of all atoms changes nothing, and so the forces add up to zero."""
        shifted = moved(structures, structures.positions.values + np.array([0.3, -7.1, 2.9]))
        here, there = ask(labeler, structures).values, ask(labeler, shifted).values
        self.equal(here, there)
        for forces in here.values["forces"].rows():
            self.close(forces.sum(axis=0), np.zeros(3), scale=np.abs(forces).sum())

    def test_images_of_atoms(self, labeler: Any, structures: Structures) -> None:
        """An atom moved by lattice vectors is the same atom."""
        rng = np.random.default_rng(2)
        shifts = rng.integers(-2, 3, size=structures.positions.values.shape)
        owner = structures.positions.owner
        away = np.einsum("na,nab->nb", shifts * structures.pbc[owner], structures.cell[owner])
        self.equal(
            ask(labeler, structures).values,
            ask(labeler, moved(structures, structures.positions.values + away)).values,
        )

    def test_rotation(self, labeler: Any, structures: Structures) -> None:
        """Energies are invariant, forces and virials turn along, also under reflection."""
        if not self.invariant_under_rotation:
            pytest.skip("not claimed")
        here = ask(labeler, structures).values
        for seed in range(2):
            q = rotation(np.random.default_rng(seed)) * (-1) ** seed
            turned = moved(structures, structures.positions.values @ q, structures.cell @ q)
            there = ask(labeler, turned).values
            forces = here.values["forces"]
            expected = {"energy": here.values["energy"], "forces": Ragged(forces.values @ q, forces.counts)}
            expected |= {"virial": q.T @ here.values["virial"] @ q}
            self.equal(replace(here, values=expected), there)

    def test_permutation(self, labeler: Any, structures: Structures) -> None:
        """The order of the atoms is of no account."""
        rng = np.random.default_rng(3)
        order = np.concatenate(
            [
                start + rng.permutation(n)
                for start, n in zip(structures.positions.offsets, structures.counts, strict=False)
            ]
        )
        here = ask(labeler, structures).values
        shuffled = replace(
            moved(structures, structures.positions.values[order]),
            numbers=Ragged(structures.numbers.values[order], structures.counts),
        )
        forces = Ragged(here.values["forces"].values[order], structures.counts)
        self.equal(replace(here, values={**here.values, "forces": forces}), ask(labeler, shuffled).values)

    def test_twice_the_cell_is_twice_the_energy(self, labeler: Any, structures: Structures) -> None:
        """A repeated cell, also one smaller than the range of the forces, has the same physics."""
        if not self.has_small_cells:
            pytest.skip("not claimed")
        for one in single(structures):
            for axis in np.flatnonzero(one.pbc[0]):
                here, there = ask(labeler, one).values.values, ask(labeler, doubled(one, int(axis))).values.values
                self.close(2 * here["energy"], there["energy"])
                self.close(np.tile(here["forces"].values, (2, 1)), there["forces"].values)
                if self.has_virial:
                    self.close(2 * here["virial"], there["virial"])

    def close(self, a: Any, b: Any, scale: float | None = None) -> None:
        """Assert equality within the symmetry tolerance of the largest value; NaN equals NaN."""
        a, b = np.asarray(a), np.asarray(b)
        size = np.nanmax(np.abs(a), initial=1.0) if scale is None else max(scale, 1.0)
        np.testing.assert_allclose(b, a, rtol=0, atol=self.symmetry_tolerance * size)

    def equal(self, here: Properties, there: Properties) -> None:
        """Assert that labels agree within the symmetry tolerance."""
        assert here.values.keys() == there.values.keys()
        for name, column in here.values.items():
            self.close(_flat(column), _flat(there.values[name]))

    def same(self, here: Properties, there: Properties) -> None:
        """Assert that labels are bit-identical."""
        assert here.values.keys() == there.values.keys()
        for name, column in here.values.items():
            np.testing.assert_array_equal(_flat(column), _flat(there.values[name]))
            np.testing.assert_array_equal(here.has(name), there.has(name))


def strained(x: Structures, strain: np.ndarray) -> Structures:
    """Return a single structure with positions and cell strained, r -> r + r e."""
    deformation = np.eye(3) + strain
    return moved(x, x.positions.values @ deformation, x.cell @ deformation)


def doubled(x: Structures, axis: int) -> Structures:
    """Return a single structure repeated once along a lattice vector."""
    positions = x.positions.values
    cell = x.cell.copy()
    cell[0, axis] *= 2
    return Structures.one(
        np.tile(x.numbers.values, 2), np.concatenate([positions, positions + x.cell[0, axis]]), cell[0], x.pbc[0]
    )


def _flat(column: Any) -> np.ndarray:
    return np.asarray(column.values if isinstance(column, Ragged) else column)
