"""A repulsion in the model: it is added to the energy, the nets learn the rest, and hot atoms stay apart."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms, units
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.md.langevin import Langevin

from eltanin.batch import Properties, Ragged
from eltanin.protocols import Dataset
from eltanin_atoms.calculator import CommitteeCalculator
from eltanin_atoms.conformance.potentials import PotentialConformance
from eltanin_atoms.flaws import Limits
from eltanin_atoms.graphs import neighbour_graph
from eltanin_atoms.repulsions import less
from eltanin_atoms.structures import Structures
from eltanin_neural_potential import NeuralPotential
from eltanin_smooth import Smooth
from eltanin_zbl import ZBL

BARE = NeuralPotential(
    descriptor=Smooth(cutoff=4.5, smooth_from=2.0, neurons=[6, 12], axis=4),
    neurons=[16, 16],
    device="cpu",
    steps=10,
    learning_rate=3e-3,
    virial_weight=(0.1, 0.1),
)
WITH = replace(BARE, repulsion=ZBL())
NEAR = replace(BARE, repulsion=ZBL(inner=0.7, outer=1.1))  # where atoms of a crystal meet it, too


def crystal() -> Atoms:
    return bulk("Cu", cubic=True).repeat((2, 2, 2))


@pytest.fixture(scope="module")
def data() -> Dataset:
    """Copper near its equilibrium, by an effective medium."""
    frames, labels = [crystal() for _ in range(4)], []
    for k, atoms in enumerate(frames):
        atoms.rattle(0.05, seed=k)
        atoms.calc = EMT()
        virial = -atoms.get_stress(voigt=False) * atoms.get_volume()
        labels.append((atoms.get_potential_energy(), atoms.get_forces(), virial))
    energy, forces, virial = zip(*labels, strict=True)
    y = Properties.of(energy=np.array(energy), forces=Ragged.of(forces), virial=np.array(virial))
    return Dataset(Structures.from_ase(frames), y, *(np.zeros(4, int) for _ in range(3)), Properties.none(4))


def learned(model: NeuralPotential, data: Dataset, trained: bool = True):
    state = model.init(data, np.random.default_rng(1))
    return model.train(state, data, np.random.default_rng(2))[0] if trained else state


FLAW = Limits().nearest(29, 29)  # 1.32 Å: atoms that are nearer are on top of each other, and not worth a label


def nearest_in_hot_dynamics(model: NeuralPotential, state) -> float:
    """Return how near two atoms came within 200 fs at 6000 K, Å; a flaw ends it."""
    atoms, rng = crystal(), np.random.default_rng(3)
    atoms.set_momenta(rng.normal(size=(32, 3)) * np.sqrt(atoms.get_masses() * units.kB * 6000)[:, None])
    atoms.calc = CommitteeCalculator([model.predictor(state)])
    dynamics = Langevin(atoms, units.fs, temperature_K=6000, friction=0.02 / units.fs, rng=rng, fixcm=False)
    nearest = np.inf
    for _ in dynamics.irun(200):
        distance = atoms.get_all_distances(mic=True)
        assert np.isfinite(distance).all()
        nearest = min(nearest, distance[np.triu_indices(32, 1)].min())
        if nearest < FLAW:
            break
    return nearest


@pytest.mark.parametrize("trained", [False, True], ids=["untrained", "half-trained"])
def test_atoms_that_would_fall_together_stay_apart(data, trained):
    assert nearest_in_hot_dynamics(BARE, learned(BARE, data, trained)) < FLAW, "this one collapses"
    assert nearest_in_hot_dynamics(WITH, learned(WITH, data, trained)) > 1.2 * FLAW


def test_the_nets_learn_what_the_repulsion_leaves(data):
    """To the last bit: as a model without it that is given the rest as labels, and its answer is the sum."""
    rest = replace(data, labels=less(NEAR.repulsion, data.configurations, data.labels, ["Cu"]))
    assert np.abs(rest.labels.values["energy"] - data.labels.values["energy"]).min() > 1.0
    ours, theirs = learned(NEAR, data), learned(BARE, rest)
    for name in ("descriptor", "statistics"):
        assert all((ours[name][key] == theirs[name][key]).all() for key in theirs[name])
    assert (ours["bias"] == theirs["bias"]).all()
    assert all((ours["fitting"][0][key] == a).all() for key, a in theirs["fitting"][0].items())
    x = data.configurations
    sum_of, part = (m.predictor(ours).predict(x).values for m in (NEAR, BARE))
    graph = neighbour_graph(x, 4.5, ["Cu"])
    energy, gradient = NEAR.repulsion.energies(graph, ["Cu"])
    np.testing.assert_allclose(sum_of["energy"], part["energy"] + energy.numpy(), rtol=1e-14)
    forces = part["forces"].values + graph.forces(gradient).numpy()
    np.testing.assert_allclose(sum_of["forces"].values, forces, rtol=0, atol=1e-12)
    np.testing.assert_allclose(sum_of["virial"], part["virial"] + graph.virials(gradient).numpy(), rtol=0, atol=1e-11)


def test_a_repulsion_beyond_the_cutoff_is_refused(data):
    far = replace(BARE, repulsion=ZBL(inner=1.0, outer=2.0))
    with pytest.raises(ValueError, match=r"reaches 5\.28 Å between atoms of Cu, and atoms see 4\.5 Å"):
        far.check(data.configurations)
    with pytest.raises(ValueError, match="larger cutoff"):
        far.init(data, np.random.default_rng(0))


class TestPotentialWithRepulsion(PotentialConformance):
    cutoff = 4.5

    @pytest.fixture
    def structures(self):
        cluster = Atoms("CuOH", [[0, 0, 0], [1.8, 0.3, 0], [2.1, 1.1, 0.5]])
        slab = Atoms("CuOCu", [[0, 0, 0], [1.7, 0.6, 0.2], [2.0, 2.0, 1.1]], cell=[4, 4.2, 0], pbc=[True, True, False])
        salt = bulk("CuO", "rocksalt", a=4.0, cubic=True)
        salt.rattle(0.08, seed=0)
        return Structures.from_ase([salt, slab, cluster])

    @pytest.fixture
    def predictor(self, structures):
        n = len(structures)
        y = Properties.of(energy=np.linspace(-3.0, -1.0, n))
        data = Dataset(structures, y, *(np.zeros(n, int) for _ in range(3)), Properties.none(n))
        return NEAR.predictor(NEAR.init(data, np.random.default_rng(7)))
