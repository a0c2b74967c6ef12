"""The model's training: exact cases without variance, honest error bars, and what a step does with nonsense."""

import itertools

import numpy as np
import pytest
import torch

from eltanin.batch import Properties
from eltanin.protocols import Dataset, Reason
from eltanin_walkers.evaluation import told
from eltanin_walkers.hamiltonian import Hamiltonian
from eltanin_walkers.harmonic.system import Particles
from eltanin_walkers.harmonic.well import HarmonicWell
from eltanin_walkers.systems.lattice import Lattice
from eltanin_walkers.systems.molecule import Molecule
from eltanin_walkers.walkers import Walkers
from eltanin_wavefunction import WaveFunction
from eltanin_wavefunction.boltzmann import RestrictedBoltzmann, SymmetricBoltzmann
from eltanin_wavefunction.closed_forms import GaussianAnsatz, Hydrogenic
from eltanin_wavefunction.determinants import Determinants
from eltanin_wavefunction.optimizers import Adam, Spring, StochasticReconfiguration


def rng(seed=0):
    return np.random.default_rng(seed)


class Nuclear(Hamiltonian):
    """-Z Σ 1/r, for electrons that do not see each other."""

    def __init__(self, charge):
        self.charge = charge

    def potential(self, positions):
        return -self.charge * (1 / np.linalg.norm(positions, axis=-1)).sum(1)


def dataset(positions, hamiltonian, reason=Reason.CANDIDATE):
    x = Walkers(positions)
    labels = hamiltonian.label(x, frozenset({"potential"}), rng()).values
    n = len(x)
    return Dataset(x, labels, np.zeros(n, int), np.full(n, int(reason)), np.zeros(n), Properties.none(n))


@pytest.mark.parametrize(("number", "dimensions", "frequency"), [(1, 1, 1.0), (3, 2, 0.5)])
def test_gaussian_becomes_the_ground_state_of_the_well(number, dimensions, frequency):
    system = Particles(number, dimensions, mass=1.5)
    model = WaveFunction(
        system, ansatz=GaussianAnsatz(system), optimizer=StochasticReconfiguration(rate=0.5 / frequency, damping=1e-9)
    )
    data = dataset(rng().normal(size=(100, number, dimensions)), HarmonicWell(system, frequency))
    state = model.init(data, rng())
    for _ in range(40):
        state, metrics = model.train(state, data, rng())
    assert metrics["energy"] == pytest.approx(number * dimensions * frequency / 2, rel=1e-12)
    assert metrics["variance"] < 1e-20


def test_hydrogen_ends_without_variance():
    system = Molecule("H 0 0 0")
    model = WaveFunction(
        system, ansatz=Hydrogenic(system, zeta=0.8), optimizer=StochasticReconfiguration(rate=0.5, damping=1e-9)
    )
    data = dataset(system.start(200, rng()), Nuclear(1))
    state = model.init(data, rng())
    for _ in range(90):
        state, metrics = model.train(state, data, rng())
    assert metrics["energy"] == pytest.approx(-0.5, abs=1e-8)
    assert metrics["variance"] < 1e-14
    assert float(state["parameters"]["log_zeta"]) == pytest.approx(0, abs=1e-8)


def test_energy_of_ising_without_coupling_has_no_variance():
    # ψ = 1 is the ground state of -h Σ σˣ, E = -N h
    class Field(Hamiltonian):
        def potential(self, positions):
            return np.zeros(len(positions))

        def connected(self, positions):
            sites = positions.shape[1]
            turned = positions[:, None, :, 0] * (1 - 2 * np.eye(sites))
            return turned[..., None], np.full((len(positions), sites), -0.7)

    lattice = Lattice((6,))
    model = WaveFunction(lattice, ansatz=RestrictedBoltzmann(lattice), optimizer=Spring(rate=0.2))
    data = dataset(lattice.start(128, rng()), Field())
    state = model.init(data, rng())
    for _ in range(150):
        state, metrics = model.train(state, data, rng())
    assert metrics["energy"] == pytest.approx(-4.2, abs=1e-4)
    assert metrics["variance"] < 1e-6


def test_local_energies_over_all_states_are_the_matrix():
    # Σ ψ² E_L / Σ ψ² = <ψ|H|ψ> / <ψ|ψ>, exactly, for any ψ
    class Chain(Hamiltonian):
        def potential(self, positions):
            s = positions[..., 0]
            return -(s * np.roll(s, 1, axis=1)).sum(1)

        def connected(self, positions):
            sites = positions.shape[1]
            turned = positions[:, None, :, 0] * (1 - 2 * np.eye(sites))
            return turned[..., None], np.full((len(positions), sites), -1.0)

    lattice = Lattice((6,))
    model = WaveFunction(lattice, ansatz=SymmetricBoltzmann(lattice, width=0.4), optimizer=Spring())
    s = np.array(list(itertools.product([1.0, -1.0], repeat=6)))
    data = dataset(s[..., None], Chain())
    psi = model.predictor(model.init(data, rng()))
    amplitude = np.exp(psi.predict(data.configurations).values["log_psi"])
    found = (amplitude**2 * psi.local_energy(data.configurations, data.labels)).sum() / (amplitude**2).sum()
    flips = np.arange(64)[:, None] ^ (1 << np.arange(6))
    matrix = np.diag(data.labels.values["potential"])
    np.add.at(matrix, (np.arange(64)[:, None], flips), -1.0)
    assert found == pytest.approx(amplitude @ matrix @ amplitude / (amplitude**2).sum(), rel=1e-12)


def hydrogen_energies(zeta, seed, evaluations=40, walkers=64):
    """Return local energies of exact samples of exp(-2 zeta r): r² exp(-2 zeta r) is a gamma density."""
    r = rng(seed).gamma(3.0, 1 / (2 * zeta), size=(evaluations, walkers))
    return -0.5 * zeta**2 + (zeta - 1) / r


def test_error_bars_of_a_frozen_trial_are_honest():
    zeta = 0.8
    exact = 0.5 * zeta**2 - zeta
    reports = [told(hydrogen_energies(zeta, seed), 1, exact) for seed in range(20)]
    within = sum(abs(r["energy"] - exact) < 2 * r["energy_error"] for r in reports)
    assert within >= 17
    assert all(abs(r["energy"] - exact) < 0.02 for r in reports)
    assert reports[0]["reference_energy"] == exact


def test_a_walker_without_energy_is_counted_and_left_out():
    energies = hydrogen_energies(0.8, 0)
    energies[3, 5] = np.nan
    report = told(energies, 1, None)
    assert report["walkers_lost"] == 1
    assert report["energy"] == pytest.approx(np.delete(energies, 5, axis=1).mean())


def helium_model(optimizer=None):
    system = Molecule("He 0 0 0")
    return WaveFunction(system, ansatz=Determinants(system, 1, 4, 2), optimizer=optimizer or Spring())


def test_walkers_that_no_wave_function_led_teach_nothing():
    model = helium_model()
    data = dataset(model.system.start(8, rng()), Nuclear(2), Reason.INITIAL)
    state = model.init(data, rng())
    after, metrics = model.train(state, data, rng())
    assert after is state
    assert metrics == {}


@pytest.mark.parametrize("optimizer", [Spring(), StochasticReconfiguration(), Adam()])
def test_a_step_that_led_nowhere_is_taken_back(optimizer):
    model = helium_model(optimizer)
    data = dataset(model.system.start(16, rng()), Nuclear(2))
    state = model.init(data, rng())
    good, metrics = model.train(state, data, rng())
    assert np.isfinite(metrics["energy"])
    broken = good | {"parameters": {k: v * float("nan") for k, v in good["parameters"].items()}}
    back, metrics = model.train(broken, data, rng())
    assert metrics == {"rolled_back": 1.0}
    for name, value in state["parameters"].items():
        torch.testing.assert_close(back["parameters"][name], value, rtol=0, atol=0)
    again, metrics = model.train(back, data, rng())
    assert np.isfinite(metrics["energy"])
    assert again["optimizer"]["steps"] == 2


def test_state_of_a_checkpoint_trains_on_bit_for_bit():
    model = helium_model()
    data = dataset(model.system.start(16, rng()), Nuclear(2))
    state, _ = model.train(model.init(data, rng()), data, rng())
    stored = {
        part: {k: np.asarray(v) if isinstance(v, torch.Tensor) else v for k, v in state[part].items()} for part in state
    }
    one, _ = model.train(state, data, rng())
    other, _ = model.train(stored, data, rng())
    for name, value in one["parameters"].items():
        assert torch.equal(value, other["parameters"][name])


def test_chunks_change_nothing():
    model = helium_model()
    data = dataset(model.system.start(16, rng()), Nuclear(2))
    state = model.init(data, rng())
    small = WaveFunction(model.system, ansatz=model.ansatz, optimizer=model.optimizer, chunk=5)
    one, other = (m.predictor(state).local_energy(data.configurations, data.labels) for m in (model, small))
    np.testing.assert_allclose(one, other, rtol=1e-12)


def test_gradient_is_that_of_log_psi():
    model = helium_model()
    data = dataset(model.system.start(4, rng()), Nuclear(2))
    psi, x = model.predictor(model.init(data, rng())), data.configurations.positions
    h, direction = 1e-6, rng(1).normal(size=x.shape)
    up, down = (psi.predict(Walkers(x + s * direction)).values["log_psi"] for s in (h, -h))
    slope = (psi.gradient(Walkers(x)) * direction).sum((1, 2))
    np.testing.assert_allclose(slope, (up - down) / (2 * h), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("setting", [{"chunk": 0}, {"clip": 0.0}])
def test_settings_without_meaning_are_refused_by_the_model(setting):
    system = Particles()
    with pytest.raises(ValueError, match="give"):
        WaveFunction(system, ansatz=GaussianAnsatz(system), optimizer=Spring(), **setting)
