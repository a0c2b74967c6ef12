"""What makes a potential trustworthy: symmetries, extensivity, exact derivatives, smoothness.

Inherit in a test module, give a predictor and structures that it knows the elements of, and pytest
does the rest:

    class TestMine(PotentialConformance):
        cutoff = 6.0

        @pytest.fixture
        def predictor(self, structures):
            return untrained(NeuralPotential(descriptor=Mine(cutoff=6.0)), structures)

Copper and salt are tried where there is no fixture `structures` of your own. Structures should be off their
equilibrium and of several sizes, periodic or not. A capability that a potential lacks is switched off by its
flag; what fails by nature is then said, not hidden.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from ase import Atoms

from eltanin.batch import Properties, Ragged
from eltanin_atoms.conformance.labelers import STENCIL, WEIGHTS, moved, rotation, single, strained
from eltanin_atoms.conformance.samples import copper, salt
from eltanin_atoms.structures import Structures


def energies(predictor: Any, x: Structures) -> np.ndarray:
    """Return energies, (n,) eV."""
    return np.asarray(predictor.predict(x).values["energy"])


def forces(predictor: Any, x: Structures) -> np.ndarray:
    """Return forces, (atoms, 3) eV/Å."""
    return np.asarray(predictor.predict(x).values["forces"].values)


def close(found: np.ndarray, expected: np.ndarray, tolerance: float) -> bool:
    """Say whether two arrays agree, relative to the largest entry."""
    scale = max(np.abs(expected).max(initial=0.0), np.finfo(float).tiny)
    return bool(np.abs(found - expected).max(initial=0.0) <= tolerance * scale)


def agree(found: Properties, expected: Properties, tolerance: float) -> bool:
    """Say whether energies, forces and virials agree."""

    def numbers(p: Properties, name: str) -> np.ndarray:
        column = p.values[name]
        return np.asarray(column.values if isinstance(column, Ragged) else column)

    names = ("energy", "forces", "virial")
    return all(close(numbers(found, name), numbers(expected, name), tolerance) for name in names)


def cluster(x: Structures) -> Atoms:
    """Return the first structure, cut free of its periods."""
    atoms = x[[0]].to_ase()[0]
    return Atoms(numbers=atoms.numbers, positions=atoms.positions)


class PotentialConformance:
    """The suite. Tolerances are relative; `step` is that of the differences, Å or of the strain."""

    cutoff: float
    permutable = True
    rotatable = True
    has_virial = True
    smooth_at_cutoff = True
    smooth_when_neighbours_swap = True
    symmetry_tolerance = 1e-10
    derivative_tolerance = 1e-7
    step = 2e-4

    @pytest.fixture
    def predictor(self) -> Any:
        """Return what is tested."""
        raise NotImplementedError

    @pytest.fixture(params=[copper, salt], ids=["one-species", "two-species"])
    def structures(self, request: pytest.FixtureRequest) -> Structures:
        """Return structures to test it with."""
        return request.param()

    def test_predictions_do_not_depend_on_the_batch(self, predictor: Any, structures: Structures) -> None:
        """What is predicted for a structure does not depend on what else was asked."""
        alone = Properties.concatenate([predictor.predict(x) for x in single(structures)])
        assert agree(predictor.predict(structures), alone, self.symmetry_tolerance)

    def test_the_same_question_has_the_same_answer(self, predictor: Any, structures: Structures) -> None:
        """Predictions are bit-identical when asked again."""
        assert agree(predictor.predict(structures), predictor.predict(structures), 0.0)

    def test_forces_are_not_all_zero(self, predictor: Any, structures: Structures) -> None:
        """There is something to test."""
        assert np.abs(forces(predictor, structures)).max() > 1e-6

    def test_forces_add_up_to_zero(self, predictor: Any, structures: Structures) -> None:
        """Nothing from outside acts on a structure."""
        found = predictor.predict(structures).values["forces"]
        scale = np.abs(found.values).max()
        totals = np.array([row.sum(axis=0) for row in found.rows()])
        assert np.abs(totals).max() <= self.symmetry_tolerance * scale

    def test_translation_changes_nothing(self, predictor: Any, structures: Structures) -> None:
        """A shift of all atoms is no change."""
        shifted = moved(structures, structures.positions.values + np.array([0.3, -17.1, 5.7]))
        assert agree(predictor.predict(shifted), predictor.predict(structures), self.symmetry_tolerance)

    def test_lattice_vectors_added_to_atoms_change_nothing(self, predictor: Any, structures: Structures) -> None:
        """An atom moved by lattice vectors is the same atom."""
        rng = np.random.default_rng(1)
        owner = structures.positions.owner
        steps = rng.integers(-2, 3, (len(owner), 3)) * structures.pbc[owner]
        shift = np.einsum("ia,iab->ib", steps, structures.cell[owner])
        wrapped = moved(structures, structures.positions.values + shift)
        assert agree(predictor.predict(wrapped), predictor.predict(structures), self.symmetry_tolerance)

    def test_forces_and_virials_rotate(self, predictor: Any, structures: Structures) -> None:
        """Energies are invariant under rotations and reflections, and the rest turns along."""
        if not self.rotatable:
            pytest.skip("this potential is not invariant under rotations")
        q = rotation(np.random.default_rng(2))
        turned = moved(structures, structures.positions.values @ q.T, structures.cell @ q.T)
        before, after = predictor.predict(structures), predictor.predict(turned)
        expected = Properties.of(
            energy=before.values["energy"],
            forces=moved(structures, before.values["forces"].values @ q.T).positions,
            virial=q @ before.values["virial"] @ q.T,
        )
        assert agree(after, expected, self.symmetry_tolerance)

    def test_the_order_of_atoms_does_not_matter(self, predictor: Any, structures: Structures) -> None:
        """Atoms of one element are all alike."""
        if not self.permutable:
            pytest.skip("this potential is not invariant under permutations")
        rng = np.random.default_rng(3)
        for x in single(structures):
            order = rng.permutation(x.counts[0])
            shuffled = Structures.from_ase([x.to_ase()[0][order]])
            before, after = predictor.predict(x), predictor.predict(shuffled)
            assert close(after.values["energy"], before.values["energy"], self.symmetry_tolerance)
            mine, theirs = after.values["forces"].values, before.values["forces"].values[order]
            assert close(mine, theirs, self.symmetry_tolerance)

    def test_virials_are_symmetric(self, predictor: Any, structures: Structures) -> None:
        """No torque from outside acts on a cell."""
        if not (self.rotatable and self.has_virial):
            pytest.skip("this potential is not invariant under rotations")
        virial = predictor.predict(structures).values["virial"]
        assert close(virial.transpose(0, 2, 1), virial, self.symmetry_tolerance)

    def test_a_supercell_is_as_many_cells(self, predictor: Any, structures: Structures) -> None:
        """Energies are extensive."""
        for x in single(structures):
            if not x.pbc.all():
                continue
            double = Structures.from_ase([x.to_ase()[0].repeat((2, 1, 1))])
            one, two = predictor.predict(x), predictor.predict(double)
            assert close(two.values["energy"], 2 * one.values["energy"], self.symmetry_tolerance)
            assert close(two.values["virial"], 2 * one.values["virial"], self.symmetry_tolerance)
            twice = np.tile(one.values["forces"].values, (2, 1))
            assert close(two.values["forces"].values, twice, self.symmetry_tolerance)

    def test_a_cell_smaller_than_the_cutoff_is_its_supercell(self, predictor: Any, structures: Structures) -> None:
        """All images of a small cell are seen."""
        numbers = np.unique(structures.numbers.values)
        basis = np.array([[0.02, 0.0, 0.01], [0.5, 0.47, 0.52]])[: max(2, len(numbers))]
        cell = np.array([[0.9, 0.0, 0.1], [0.2, 1.0, 0.0], [0.0, -0.1, 1.1]]) * 0.55 * self.cutoff
        tiny = Atoms(numbers=np.resize(numbers, 2), scaled_positions=basis, cell=cell, pbc=True)
        x = Structures.from_ase([tiny, tiny.repeat(3)])
        energy, force = energies(predictor, x) / x.counts, predictor.predict(x).values["forces"].rows()
        assert close(energy[:1], energy[1:], self.symmetry_tolerance)
        assert close(np.tile(force[0], (27, 1)), force[1], self.symmetry_tolerance)

    def test_fragments_that_are_far_apart_do_not_know_of_each_other(
        self, predictor: Any, structures: Structures
    ) -> None:
        """The energy of two is the sum of each."""
        a, b = cluster(structures), cluster(structures)[: max(1, structures.counts[0] // 2)]
        b.positions += 3 * self.cutoff + np.ptp(a.positions, axis=0)
        x = Structures.from_ase([a, b, a + b])
        energy, force = energies(predictor, x), predictor.predict(x).values["forces"].rows()
        assert close(energy[2:], energy[:1] + energy[1:2], self.symmetry_tolerance)
        assert close(force[2], np.concatenate(force[:2]), self.symmetry_tolerance)

    def test_an_isolated_atom_feels_nothing(self, predictor: Any, structures: Structures) -> None:
        """An atom on its own has an energy and no force."""
        atoms = [Atoms(numbers=[z], positions=[[0.1, 0.2, 0.3]]) for z in np.unique(structures.numbers.values)]
        x = Structures.from_ase(atoms)
        assert np.isfinite(energies(predictor, x)).all()
        assert not forces(predictor, x).any()

    def test_forces_are_minus_the_gradient(self, predictor: Any, structures: Structures) -> None:
        """Along random directions of all atoms at once, dE/ds = -F·d."""
        rng = np.random.default_rng(4)
        for x in single(structures):
            force = forces(predictor, x)
            for _ in range(3):
                direction = rng.normal(size=force.shape)
                slope = self._slope(predictor, lambda t, x=x, d=direction: moved(x, x.positions.values + t * d))
                scale = np.abs(force).max() * np.linalg.norm(direction)
                assert abs(slope + (force * direction).sum()) <= self.derivative_tolerance * scale

    def test_virials_are_minus_the_strain_derivative(self, predictor: Any, structures: Structures) -> None:
        """Along random strains of positions and cell, dE/ds = -Ξ·e."""
        if not self.has_virial:
            pytest.skip("this potential has no virial")
        rng = np.random.default_rng(5)
        for x in single(structures):
            virial = predictor.predict(x).values["virial"][0]
            for _ in range(3):
                strain = rng.normal(size=(3, 3))
                slope = self._slope(predictor, lambda t, x=x, e=strain: strained(x, t / 4 * e)) * 4
                scale = np.abs(virial).max() * np.linalg.norm(strain)
                assert abs(slope + (virial * strain).sum()) <= self.derivative_tolerance * scale

    def test_a_neighbour_leaves_smoothly(self, predictor: Any, structures: Structures) -> None:
        """Energies and forces have no step and no kink at the cutoff."""
        if not self.smooth_at_cutoff:
            pytest.skip("this potential is not smooth at its cutoff")
        energy, force = self._leaving(predictor, structures, np.array([0.0, 1e-2, 2e-2, 0.5e-2, -1e-2]))
        scale = np.abs(force).max()
        inside = np.abs(energy[1:4] - energy[0])
        assert inside[0] > 0
        assert energy[4] == energy[0]
        # Three continuous derivatives of the switch at the cutoff: energies go as the third power of
        # the distance to it, forces as the second.
        assert inside[1] > 6 * inside[0]
        assert inside[0] > 6 * inside[2]
        jump = np.abs(force[1:4] - force[0]).max(axis=(1, 2))
        assert jump[0] < 1e-2 * scale
        assert jump[1] > 3 * jump[0]
        assert jump[0] > 3 * jump[2]

    def test_two_neighbours_swap_smoothly(self, predictor: Any, structures: Structures) -> None:
        """Which of two neighbours is the nearer one is of no account."""
        if not self.smooth_when_neighbours_swap:
            pytest.skip("this potential is not smooth when neighbours swap")
        fine, wide = 1e-6, 1e-3
        times = np.array([-wide, -fine, fine, wide])
        path = Structures.concatenate([self._swapping(structures, t) for t in times])
        found = predictor.predict(path)
        energy, force = found.values["energy"], np.array(found.values["forces"].rows())
        for y in (energy[:, None], force.reshape(len(times), -1)):
            slope = np.abs(y[3] - y[0]).max() / (2 * wide)
            assert np.abs(y[2] - y[1]).max() <= 3 * slope * 2 * fine + 1e-13 * np.abs(y).max()

    def test_what_is_no_structure_any_more_has_no_finite_energy(self, predictor: Any, structures: Structures) -> None:
        """After an explosion there is no answer, and no crash."""
        for place in (np.nan, np.inf):
            positions = structures.positions.values.copy()
            positions[0] = place
            found = predictor.predict(moved(structures, positions))
            assert not np.isfinite(found.values["energy"][0])
            assert np.isfinite(found.values["energy"][1:]).all()

    def _slope(self, predictor: Any, path: Callable[[float], Structures]) -> float:
        points = Structures.concatenate([path(s * self.step) for s in STENCIL])
        return float(WEIGHTS @ energies(predictor, points)) / self.step

    def _leaving(self, predictor: Any, structures: Structures, inside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return what is predicted for a cluster with one more atom, so far inside the cutoff, Å."""
        atoms = cluster(structures)
        outermost = np.argmax(atoms.positions[:, 0])
        frames = []
        for depth in inside:
            probe = atoms.positions[outermost] + [self.cutoff - depth, 0, 0]
            frames.append(atoms + Atoms(numbers=atoms.numbers[:1], positions=[probe]))
        found = predictor.predict(Structures.from_ase(frames))
        return found.values["energy"], np.array(found.values["forces"].rows())

    def _swapping(self, structures: Structures, t: float) -> Structures:
        """Return a cluster in which two neighbours of the first atom are equally far from it at t = 0."""
        atoms = cluster(structures)
        x = atoms.positions - atoms.positions[0]
        distance = np.linalg.norm(x, axis=1)
        a, b = np.argsort(distance)[1:3]
        middle = (distance[a] + distance[b]) / 2
        for k, sign in ((a, 1.0), (b, -1.0)):
            atoms.positions[k] = atoms.positions[0] + x[k] / distance[k] * (middle + sign * t)
        return Structures.from_ase([atoms])
