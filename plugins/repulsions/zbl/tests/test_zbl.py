"""The repulsion is LAMMPS's, switched off smoothly, with exact derivatives, whatever the graph."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.data import atomic_numbers, covalent_radii

from eltanin.batch import Properties, Ragged
from eltanin_atoms.graphs import neighbour_graph
from eltanin_atoms.repulsions import less
from eltanin_atoms.structures import Structures
from eltanin_zbl import ZBL
from eltanin_zbl.kernels import blended, universal

# r in Å, energy in eV and force in eV/Å as LAMMPS (22 Jul 2025, update 2) writes them: units metal,
# pair_style zbl 60 61, pair_coeff Z Z for each type, pair_write I J 6 r 0.1 2.1.
DISTANCES = [0.1, 0.5, 0.9, 1.3, 1.7, 2.1]
LAMMPS = {
    ("H", "H"): (
        [93.4761301057183, 5.91316152782956, 1.37967932389592, 0.463952243551419, 0.187379623533992,
         0.0843209924991469],
        [1285.12676444868, 26.1353851379898, 4.23055946558138, 1.13695331531921, 0.395704233171801, 0.159676836296924],
    ),
    ("H", "O"): (
        [669.205499489419, 33.1753923293699, 6.63164872650139, 1.96436275018731, 0.702846035013487, 0.283217953466225],
        [9756.35753859046, 162.367108268401, 22.5333147183433, 5.42264184597531, 1.68991061062134, 0.609182496724096],
    ),
    ("O", "Si"): (
        [8139.22327576168, 299.767888381651, 49.8708883160743, 12.5149192618689, 3.86723684285614, 1.38407656418361],
        [126988.925089429, 1628.08665486862, 190.688065751087, 39.5217360424385, 10.580231906423, 3.34357496644789],
    ),
    ("Cu", "Cu"): (
        [53132.2395543387, 1476.03870663252, 204.470916701441, 43.6365530227345, 11.9037697838625, 3.8579171150816],
        [882620.921585676, 8745.37255586578, 871.831711235623, 153.496049739817, 35.7819013221986, 10.231806692462],
    ),
    ("W", "W"): (
        [296530.326828283, 6121.91583300711, 690.572919968106, 125.57585363975, 30.4473891602798, 8.79720454956955],
        [5257569.21816511, 39575.1699302005, 3270.17460102906, 483.432158618497, 99.9342477038661, 26.0270010689192],
    ),
}  # fmt: skip


@pytest.mark.parametrize("pair", LAMMPS, ids="-".join)
def test_numbers_are_those_of_lammps(pair):
    first, second = (torch.full((6,), float(atomic_numbers[e]), dtype=torch.float64) for e in pair)
    value, slope = universal(torch.tensor(DISTANCES, dtype=torch.float64), first, second)
    energies, forces = LAMMPS[pair]
    np.testing.assert_allclose(value, energies, rtol=1e-7)
    np.testing.assert_allclose(-slope, forces, rtol=1e-7)


def test_two_atoms_have_the_potential_in_full_and_no_more():
    """Nearer than the inner radius; of Cu-Cu that is 1.32 Å."""
    x = Structures.from_ase([Atoms("Cu2", [[0, 0, 0], [0, 0.9, 0]])])
    energy, gradient = ZBL().energies(graph := neighbour_graph(x, 5.0, ["Cu"]), ["Cu"])
    np.testing.assert_allclose(energy, LAMMPS["Cu", "Cu"][0][2], rtol=1e-7)
    np.testing.assert_allclose(graph.forces(gradient)[1], [0, LAMMPS["Cu", "Cu"][1][2], 0], rtol=1e-7, atol=1e-12)


def test_it_always_repels_and_ends_with_two_derivatives():
    inner, outer = (part * 2 * covalent_radii[29] for part in (0.5, 0.75))
    assert (inner, outer) == pytest.approx((1.32, 1.98))
    assert ZBL().reach(["Cu"]) == pytest.approx(outer)
    r = torch.linspace(0.3, 2.2, 3801, dtype=torch.float64)
    z, one = torch.full_like(r, 29.0), torch.ones_like(r)
    value, slope = blended(*universal(r, z, z), r, inner * one, outer * one)
    assert (value[r >= outer] == 0).all()
    assert (slope[r >= outer] == 0).all()
    assert (slope[r < outer - 1e-6] < 0).all()
    # Of a function with a kink in its second derivative, third differences would be of the order of the step.
    step, (bare, _) = 1e-4, universal(r, z, z)
    for edge in (inner, outer):
        at = edge + step * torch.arange(-2.0, 3.0, dtype=torch.float64)
        w = blended(one[:5], 0 * at, at, inner * one[:5], outer * one[:5])[0]
        bend = (w[2:] - 2 * w[1:-1] + w[:-2]) / step**2
        assert bend.abs().max() < 5e-2, "w'' is continuous, and 0 where the switch begins and ends"
    torch.testing.assert_close(value[r < inner], bare[r < inner])


@pytest.fixture
def crowd() -> Structures:
    """Structures with close pairs: a cell smaller than the reach, a slab, a molecule, and an atom alone."""
    rng = np.random.default_rng(3)
    small = Atoms("CuO", [[0.1, 0, 0], [0.9, 0.8, 1.0]], cell=[[1.7, 0, 0], [0.3, 1.9, 0], [0, 0.2, 2.0]], pbc=True)
    slab = Atoms("CuOHCu", rng.uniform(0, 2, (4, 3)), cell=[3, 3, 0], pbc=[True, True, False])
    return Structures.from_ase([small, slab, Atoms("OH2", rng.uniform(0, 1, (3, 3))), Atoms("H")])


ELEMENTS = ["H", "Cu", "O"]


def all_of_it(x: Structures, cutoff: float = 4.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    graph = neighbour_graph(x, cutoff, ELEMENTS)
    energy, gradient = ZBL().energies(graph, ELEMENTS)
    return energy.numpy(), graph.forces(gradient).numpy(), graph.virials(gradient).numpy()


def test_forces_and_virials_are_derivatives_of_the_energy(crowd):
    _, forces, virial = all_of_it(crowd)
    assert np.abs(forces[: len(forces) - 1]).max() > 1.0
    step, frames = 1e-5, crowd.to_ase()
    owner = crowd.positions.owner
    for atom, axis in np.ndindex(len(forces), 3):
        sides = []
        for sign in (-1, 1):
            moved = [a.copy() for a in frames]
            moved[owner[atom]].positions[atom - crowd.positions.offsets[owner[atom]], axis] += sign * step
            sides.append(all_of_it(Structures.from_ase(moved))[0].sum())
        np.testing.assert_allclose(forces[atom, axis], (sides[0] - sides[1]) / (2 * step), rtol=1e-6, atol=1e-5)
    for k, a, b in np.ndindex(len(crowd), 3, 3):
        sides = []
        for sign in (-1, 1):
            strain = np.eye(3)
            strain[a, b] += sign * step
            atoms = frames[k].copy()
            atoms.positions = atoms.positions @ strain
            atoms.cell[:] = atoms.cell.array @ strain
            sides.append(all_of_it(Structures.from_ase([atoms]))[0].sum())
        np.testing.assert_allclose(virial[k, a, b], (sides[0] - sides[1]) / (2 * step), rtol=1e-6, atol=1e-5)


def test_a_graph_that_reaches_farther_changes_nothing(crowd):
    near, far = all_of_it(crowd, ZBL().reach(ELEMENTS)), all_of_it(crowd, 6.0)
    for a, b in zip(near, far, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-13, atol=1e-12)


def test_what_is_left_of_labels_is_only_of_those_that_are_there(crowd):
    energy, forces, _ = all_of_it(crowd)
    has = np.array([True, False, True, True])
    rows = [f if there else f[:0] for f, there in zip(Ragged(forces, crowd.counts).rows(), has, strict=True)]
    y = Properties(
        {"energy": energy + 1.0, "forces": Ragged.of(rows), "charges": energy},
        {"energy": np.ones(4, bool), "forces": has, "charges": np.ones(4, bool)},
    )
    rest = less(ZBL(), crowd, y, ELEMENTS)
    np.testing.assert_allclose(rest.values["energy"], 1.0, atol=1e-9)
    np.testing.assert_allclose(rest.values["forces"].values, 0.0, atol=1e-9)
    assert (rest.values["forces"].counts == y.values["forces"].counts).all()
    np.testing.assert_array_equal(rest.values["charges"], energy)
    assert "virial" not in rest.values


def test_radii_the_wrong_way_round_are_refused():
    with pytest.raises(ValueError, match=r"inner=0\.8, outer=0\.7"):
        ZBL(inner=0.8, outer=0.7)
