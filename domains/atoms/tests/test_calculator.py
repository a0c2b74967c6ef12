"""A committee as an ASE calculator."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
from ase import Atoms as AseAtoms
from ase import units
from ase.build import bulk
from ase.calculators.calculator import PropertyNotImplementedError
from ase.calculators.fd import calculate_numerical_stress
from ase.filters import FrechetCellFilter
from ase.md.verlet import VelocityVerlet

from eltanin.batch import Properties, Ragged
from eltanin_atoms.calculator import CommitteeCalculator
from eltanin_atoms.structures import Structures


@dataclass(frozen=True)
class Springs:
    """Atoms bound to the lattice points of a cell by springs, eV/Å^2; the cell by its volume.

    E = k/2 sum (r - r0)^2 + k (V - V0)^2 / V0, with r0 moving along with the cell.
    """

    stiffness: float
    rest: Structures
    asked: list[int] = field(default_factory=list)

    def predict(self, x: Structures) -> Properties:
        self.asked.append(len(x))
        k, cell, rest = self.stiffness, x.cell[0], self.rest
        sites = rest.positions.values @ np.linalg.solve(rest.cell[0], cell)
        away = x.positions.values - sites
        grown = x.volume[0] - rest.volume[0]
        energy = 0.5 * k * (away**2).sum() + k * grown**2 / rest.volume[0]
        # Under a strain, r - r0 turns into (r - r0)(1 + e), and V into V (1 + tr e).
        virial = -k * away.T @ away - 2 * k * grown * x.volume[0] / rest.volume[0] * np.eye(3)
        return Properties.of(energy=np.array([energy]), forces=Ragged(-k * away, x.counts), virial=virial[None])


@pytest.fixture
def atoms():
    crystal = bulk("Cu", cubic=True)
    crystal.rattle(0.1, seed=0)
    return crystal


@pytest.fixture
def committee():
    rest = Structures.from_ase([bulk("Cu", cubic=True)])
    return [Springs(k, rest) for k in (1.0, 2.0, 6.0)]


def test_the_drivers_mean_drives(atoms, committee):
    x = Structures.from_ase([atoms])
    alone = [p.predict(x) for p in committee]
    for drivers, expected in ((1, 1.0), (2, 1.5), (None, 3.0)):
        atoms.calc = CommitteeCalculator(committee, drivers)
        unit = alone[0].values["energy"][0]
        assert atoms.get_potential_energy() == pytest.approx(expected * unit)
        np.testing.assert_allclose(atoms.get_forces(), expected * alone[0].values["forces"].values)


def test_stress_is_the_derivative_of_the_energy(atoms, committee):
    atoms.set_cell(atoms.cell * 1.01, scale_atoms=True)
    atoms.calc = CommitteeCalculator(committee, None)
    numerical = calculate_numerical_stress(atoms, eps=1e-5, voigt=False)
    np.testing.assert_allclose(atoms.get_stress(voigt=False), numerical, atol=1e-8)


def test_the_deviation_is_that_of_all_members(atoms, committee):
    atoms.calc = CommitteeCalculator(committee)
    away = np.linalg.norm(committee[0].predict(Structures.from_ase([atoms])).values["forces"].values, axis=1)
    spread = np.std([1.0, 2.0, 6.0])
    np.testing.assert_allclose(atoms.calc.get_property("force_deviations", atoms), spread * away)
    assert atoms.calc.get_property("force_deviation", atoms) == pytest.approx(spread * away.max())


def test_members_are_asked_only_when_they_are_needed(atoms, committee):
    atoms.calc = CommitteeCalculator(committee)
    atoms.get_forces()
    atoms.get_potential_energy()
    atoms.get_stress()
    assert [len(p.asked) for p in committee] == [1, 0, 0]
    atoms.calc.get_property("force_deviation", atoms)
    atoms.calc.get_property("force_deviations", atoms)
    assert [len(p.asked) for p in committee] == [1, 1, 1]
    atoms.positions[0, 0] += 0.01
    atoms.get_forces()
    assert [len(p.asked) for p in committee] == [2, 1, 1]


def test_the_deviation_is_never_that_of_other_positions(atoms, committee):
    atoms.calc = CommitteeCalculator(committee)
    before = atoms.calc.get_property("force_deviation", atoms)
    atoms.positions = bulk("Cu", cubic=True).positions
    atoms.positions[0, 0] += 1e-3
    after = atoms.calc.get_property("force_deviation", atoms)
    assert after == pytest.approx(np.std([1.0, 2.0, 6.0]) * 1e-3)
    assert before > 10 * after


def test_nothing_of_other_positions_is_left_after_a_direct_call(atoms, committee):
    calculator = CommitteeCalculator(committee)
    calculator.calculate(atoms, ["force_deviation"])
    assert "force_deviation" in calculator.results
    atoms.positions[0, 0] += 0.1
    calculator.calculate(atoms)
    assert "force_deviation" not in calculator.results


def test_another_charge_is_another_structure(atoms, committee):
    atoms.calc = CommitteeCalculator(committee)
    atoms.get_forces()
    atoms.info["charge"] = 1.0
    atoms.get_forces()
    assert len(committee[0].asked) == 2


def test_of_one_member_the_deviation_is_undefined(atoms, committee):
    atoms.calc = CommitteeCalculator(committee[:1])
    assert np.isnan(atoms.calc.get_property("force_deviation", atoms))


def test_dynamics_conserves_the_energy(atoms, committee):
    atoms.calc = CommitteeCalculator(committee)
    start = atoms.get_total_energy()
    VelocityVerlet(atoms, 0.5 * units.fs).run(200)
    assert atoms.get_kinetic_energy() > 0.01 * start
    assert atoms.get_total_energy() == pytest.approx(start, rel=1e-3)


def test_a_cell_relaxes(atoms, committee):
    from ase.optimize import BFGS

    atoms.set_cell(atoms.cell * 1.02, scale_atoms=True)
    atoms.calc = CommitteeCalculator(committee)
    assert BFGS(FrechetCellFilter(atoms), logfile=None).run(fmax=1e-4, steps=100)
    assert atoms.get_volume() == pytest.approx(3.61**3, rel=1e-4)


def test_a_molecule_has_no_stress(committee):
    @dataclass(frozen=True)
    class Nothing:
        def predict(self, x):
            n = len(x.positions.values)
            return Properties.of(
                energy=np.zeros(1), forces=Ragged(np.zeros((n, 3)), x.counts), virial=np.zeros((1, 3, 3))
            )

    molecule = AseAtoms("OH", [[0, 0, 0], [0, 0, 1]], calculator=CommitteeCalculator([Nothing()]))
    assert molecule.get_potential_energy() == 0
    with pytest.raises(PropertyNotImplementedError):
        molecule.get_stress()


@pytest.mark.parametrize(("members", "drivers", "says"), [(0, 1, "empty"), (2, 3, "2 members"), (2, 0, "drivers=0")])
def test_a_committee_needs_members(committee, members, drivers, says):
    with pytest.raises(ValueError, match=says):
        CommitteeCalculator(committee[:members], drivers)
