"""What makes a model of a tensor trustworthy: it turns along, adds up, and has no step anywhere.

Inherit in a test module, give a predictor of a dipole or a polarizability and structures that it knows the elements
of, and pytest does the rest:

    class TestMine(TensorConformance):
        quantity = "dipole"
        cutoff = 6.0

        @pytest.fixture
        def predictor(self):
            return model.predictor(state)

        @pytest.fixture
        def structures(self):
            return Structures.from_ase([...])

Structures should be off their equilibrium and of several sizes, periodic or not; the first is cut free of its periods.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from ase import Atoms

from eltanin_atoms.conformance.labelers import moved, rotation, single
from eltanin_atoms.conformance.potentials import close, cluster
from eltanin_atoms.structures import Structures

ROUNDING = 8 * np.finfo(float).eps  # sums over atoms in another order


class TensorConformance:
    """The suite. Tolerances are relative to the largest component."""

    quantity: str
    cutoff: float
    tolerance = 1e-10

    @pytest.fixture
    def predictor(self) -> Any:
        """Return what is tested."""
        raise NotImplementedError

    @pytest.fixture
    def structures(self) -> Structures:
        """Return structures to test it with."""
        raise NotImplementedError

    def ask(self, predictor: Any, x: Structures) -> np.ndarray:
        """Return the tensors, (n, 3) or (n, 3, 3)."""
        return np.asarray(predictor.predict(x).values[self.quantity])

    def turned(self, tensors: np.ndarray, q: np.ndarray) -> np.ndarray:
        """Return tensors in turned axes."""
        return tensors @ q.T if tensors.ndim == 2 else q @ tensors @ q.T

    def test_shape_and_what_is_predicted(self, predictor: Any, structures: Structures) -> None:
        """There is one tensor for each structure, and it is not zero."""
        found = predictor.predict(structures)
        assert found.has(self.quantity).all()
        tensors = np.asarray(found.values[self.quantity])
        assert tensors.shape == (len(structures), *((3,) if self.quantity == "dipole" else (3, 3)))
        assert np.abs(tensors).max() > 1e-6

    def test_predictions_do_not_depend_on_the_batch(self, predictor: Any, structures: Structures) -> None:
        """What is predicted for a structure does not depend on what else was asked."""
        alone = np.concatenate([self.ask(predictor, x) for x in single(structures)])
        assert close(self.ask(predictor, structures), alone, self.tolerance)

    def test_the_same_question_has_the_same_answer(self, predictor: Any, structures: Structures) -> None:
        """Predictions are bit-identical when asked again."""
        assert np.array_equal(self.ask(predictor, structures), self.ask(predictor, structures))

    def test_translations_do_not_matter(self, predictor: Any, structures: Structures) -> None:
        """There is no origin."""
        shift = np.random.default_rng(0).normal(0, 5, (len(structures), 3))
        away = moved(structures, structures.positions.values + shift[structures.positions.owner])
        assert close(self.ask(predictor, away), self.ask(predictor, structures), self.tolerance)

    def test_images_of_an_atom_are_the_same_atom(self, predictor: Any, structures: Structures) -> None:
        """Moving atoms by lattice vectors changes nothing."""
        owner = structures.positions.owner
        steps = np.random.default_rng(1).integers(-2, 3, (len(owner), 3)) * structures.pbc[owner]
        shift = np.einsum("ia,iab->ib", steps, structures.cell[owner])
        wrapped = moved(structures, structures.positions.values + shift)
        assert close(self.ask(predictor, wrapped), self.ask(predictor, structures), self.tolerance)

    @pytest.mark.parametrize("seed", range(4))
    @pytest.mark.parametrize("reflected", [False, True])
    def test_tensors_turn_and_reflect(self, predictor: Any, structures: Structures, seed: int, reflected: bool) -> None:
        """A structure that is turned, or seen in a mirror, has a tensor that is so too."""
        q = rotation(np.random.default_rng(seed))
        q *= np.linalg.det(q) * (-1 if reflected else 1)
        away = moved(structures, structures.positions.values @ q.T, structures.cell @ q.T)
        expected = self.turned(self.ask(predictor, structures), q)
        assert close(self.ask(predictor, away), expected, self.tolerance)

    def test_the_order_of_atoms_does_not_matter(self, predictor: Any, structures: Structures) -> None:
        """Atoms of one element are all alike."""
        rng = np.random.default_rng(3)
        for x in single(structures):
            shuffled = Structures.from_ase([x.to_ase()[0][rng.permutation(x.counts[0])]])
            assert close(self.ask(predictor, shuffled), self.ask(predictor, x), self.tolerance)

    def test_a_supercell_is_as_many_cells(self, predictor: Any, structures: Structures) -> None:
        """Tensors are extensive."""
        for x in single(structures):
            if x.pbc.all():
                double = Structures.from_ase([x.to_ase()[0].repeat((2, 1, 1))])
                assert close(self.ask(predictor, double), 2 * self.ask(predictor, x), self.tolerance)

    def test_a_cell_smaller_than_the_cutoff_is_its_supercell(self, predictor: Any, structures: Structures) -> None:
        """All images of a small cell are seen."""
        numbers = np.unique(structures.numbers.values)
        basis = np.array([[0.02, 0.0, 0.01], [0.45, 0.4, 0.58], [0.1, 0.6, 0.3]])
        cell = np.array([[0.9, 0.0, 0.1], [0.2, 1.0, 0.0], [0.0, -0.1, 1.1]]) * 0.55 * self.cutoff
        tiny = Atoms(numbers=np.resize(numbers, 3), scaled_positions=basis, cell=cell, pbc=True)
        one, many = self.ask(predictor, Structures.from_ase([tiny, tiny.repeat(3)]))
        assert np.abs(one).max() > 1e-6
        assert close(many, 27 * one, self.tolerance)

    def test_fragments_that_are_far_apart_do_not_know_of_each_other(
        self, predictor: Any, structures: Structures
    ) -> None:
        """The tensor of two is the sum of each."""
        a, b = cluster(structures), cluster(structures)[: max(1, structures.counts[0] // 2)]
        b.positions += 3 * self.cutoff + np.ptp(a.positions, axis=0)
        one, other, both = self.ask(predictor, Structures.from_ase([a, b, a + b]))
        assert close(both, one + other, self.tolerance)

    def test_an_isolated_atom_is_alike_in_all_directions(self, predictor: Any, structures: Structures) -> None:
        """An atom on its own has no dipole, and a polarizability that is a multiple of 1."""
        atoms = [Atoms(numbers=[z], positions=[[0.1, 0.2, 0.3]]) for z in np.unique(structures.numbers.values)]
        found = self.ask(predictor, Structures.from_ase(atoms))
        assert np.isfinite(found).all()
        expected = 0 * found if found.ndim == 2 else found[:, :1, :1] * np.eye(3)
        assert np.array_equal(found, expected)

    def test_what_has_a_centre_has_no_dipole(self, predictor: Any, structures: Structures) -> None:
        """A structure and its inverse image together have no direction of their own."""
        atoms = cluster(structures)
        mirrored = atoms.copy()
        mirrored.positions = -atoms.positions - [0.7, 0.2, 1.1] - 2 * np.abs(atoms.positions).max()
        found = self.ask(predictor, Structures.from_ase([atoms + mirrored, atoms]))
        if self.quantity == "dipole":
            assert np.abs(found[0]).max() <= self.tolerance * np.abs(found[1]).max()
        else:
            assert close(found, found.transpose(0, 2, 1), self.tolerance)

    def test_a_neighbour_leaves_smoothly(self, predictor: Any, structures: Structures) -> None:
        """There is no step and no kink at the cutoff: tensors go as the third power of the distance to it."""
        atoms = cluster(structures)
        outermost, frames = np.argmax(atoms.positions[:, 0]), []
        for depth in (0.0, 1e-2, 2e-2, 0.5e-2, -1e-2):
            probe = atoms.positions[outermost] + [self.cutoff - depth, 0, 0]
            frames.append(atoms + Atoms(numbers=atoms.numbers[:1], positions=[probe]))
        found = self.ask(predictor, Structures.from_ase(frames))
        inside = np.abs(found[1:4] - found[0]).reshape(3, -1).max(axis=1)
        assert inside[0] > 0
        assert close(found[4], found[0], ROUNDING)
        assert inside[1] > 6 * inside[0]
        assert inside[0] > 6 * inside[2]

    def test_what_is_no_structure_any_more_has_no_tensor(self, predictor: Any, structures: Structures) -> None:
        """After an explosion there is no answer, and no crash."""
        for place in (np.nan, np.inf):
            positions = structures.positions.values.copy()
            positions[0] = place
            found = self.ask(predictor, moved(structures, positions))
            assert np.isnan(found[0]).all()
            assert np.isfinite(found[1:]).all()
