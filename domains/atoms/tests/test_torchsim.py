"""A committee as a model of torch-sim: what the ASE calculator says, of many systems at once."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from ase import Atoms, units
from ase.build import bulk
from ase.geometry import find_mic
from ase.md.verlet import VelocityVerlet

from eltanin.batch import Properties, Ragged
from eltanin_atoms.calculator import CommitteeCalculator
from eltanin_atoms.graphs import neighbour_graph
from eltanin_atoms.structures import Structures

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # its own, at import
    ts = pytest.importorskip("torch_sim", reason="torch-sim is not installed")
    from torch_sim.models.interface import validate_model_outputs

    from eltanin_atoms.torchsim import CommitteeModel


@dataclass(frozen=True)
class Pairs:
    """E = Σ over pairs of strength (1 - r/5 Å)⁴ below 5 Å."""

    strength: float

    def predict(self, x: Structures) -> Properties:
        graph = neighbour_graph(x, 5.0, ["Fe", "Cu", "Si"])
        r = torch.linalg.vector_norm(graph.vector, dim=1)
        each = 0.5 * self.strength * (1 - r / 5) ** 4
        slope = -0.4 * self.strength * (1 - r / 5) ** 3
        gradient = (slope / r)[:, None] * graph.vector
        energy = torch.zeros(len(x), dtype=torch.float64).index_add(0, graph.structure[graph.centre], each)
        forces = Ragged(graph.forces(gradient).numpy(), x.counts)
        return Properties.of(energy=energy.numpy(), forces=forces, virial=graph.virials(gradient).numpy())


COMMITTEE = [Pairs(40.0), Pairs(42.0), Pairs(47.0)]


@pytest.fixture
def systems() -> list[Atoms]:
    """Crystals of different size, one of them in a skew cell with all angles apart."""
    skew = bulk("Cu").repeat((1, 2, 2))
    skew.set_cell(skew.cell.array @ (np.eye(3) + 0.1 * np.random.default_rng(0).normal(size=(3, 3))), scale_atoms=True)
    frames = [bulk("Cu", cubic=True), skew, bulk("Fe", cubic=True).repeat((2, 1, 1))]
    for k, atoms in enumerate(frames):
        atoms.rattle(0.1, seed=k)
    return frames


def state_of(frames: list[Atoms]):
    return ts.io.atoms_to_state(frames, torch.device("cpu"), torch.float64)


@pytest.mark.parametrize("drivers", [1, 2, None])
def test_it_says_of_each_system_what_the_ase_calculator_says(systems, drivers):
    found = {name: a.numpy() for name, a in CommitteeModel(COMMITTEE, drivers)(state_of(systems)).items()}
    last = np.cumsum([len(a) for a in systems])
    for k, (atoms, end) in enumerate(zip(systems, last, strict=True)):
        calculator = atoms.calc = CommitteeCalculator(COMMITTEE, drivers)
        mine = slice(end - len(atoms), end)
        expected = {
            "energy": (found["energy"][k], atoms.get_potential_energy()),
            "forces": (found["forces"][mine], atoms.get_forces()),
            "stress": (found["stress"][k], atoms.get_stress(voigt=False)),
            "deviation": (found["force_deviation"][k], calculator.get_property("force_deviation", atoms)),
            "deviations": (found["force_deviations"][mine], calculator.get_property("force_deviations", atoms)),
        }
        for name, (ours, theirs) in expected.items():
            assert np.abs(theirs).max() > 1e-3
            np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-10, err_msg=name)


def test_torch_sims_own_checks_pass():
    validate_model_outputs(CommitteeModel(COMMITTEE), torch.device("cpu"), torch.float64)


def test_dynamics_of_torch_sim_is_that_of_ase(systems):
    """Constant energy, from rest: the same positions after 20 steps of 1 fs of velocity Verlet."""
    model, state = CommitteeModel(COMMITTEE, deviation=False), state_of(systems)
    still, step = (torch.tensor(value, dtype=torch.float64) for value in (0.0, units.fs))
    begin, update = ts.integrators.nve(model, dt=step, kT=still, seed=1)
    state = begin(state)
    for _ in range(20):
        state = update(state)
    moved = 0.0
    for k, atoms in enumerate(systems):
        before = atoms.positions.copy()
        atoms.calc = CommitteeCalculator(COMMITTEE, None)
        VelocityVerlet(atoms, units.fs).run(20)
        theirs = state.positions[state.system_idx == k].numpy()
        apart, _ = find_mic(theirs - atoms.positions, atoms.cell, atoms.pbc)  # they come back into the cell
        np.testing.assert_allclose(apart, 0, atol=1e-9)
        moved = max(moved, np.abs(atoms.positions - before).max())
    assert moved > 0.05


def test_what_has_no_cell_has_no_stress():
    atoms = Atoms("Cu3", np.eye(3) * 2.0)
    found = CommitteeModel(COMMITTEE)(state_of([atoms]))
    assert found["stress"].isnan().all()
    np.testing.assert_allclose(found["forces"].sum(0), 0, atol=1e-12)


@pytest.mark.parametrize(("committee", "drivers"), [([], None), (COMMITTEE, 4), (COMMITTEE, 0)])
def test_a_committee_has_members_to_drive(committee, drivers):
    with pytest.raises(ValueError, match=r"empty committee|drivers=\d, but there are 3 members"):
        CommitteeModel(committee, drivers)
