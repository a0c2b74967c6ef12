"""The dynamics samples what it says: energy, temperature, pressure, equation of state."""

from __future__ import annotations

import numpy as np
import pytest
from ase import units
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.data import atomic_masses

from eltanin_molecular_dynamics import Ensemble, MolecularDynamics, Region
from eltanin_molecular_dynamics.guards import kinetic_temperature


def frames(explorer, predictor, rounds, seed=1):
    """Return the pool of each round, driven by one predictor."""
    rng = np.random.default_rng(seed)
    state, pools = explorer.init(rng), []
    for _ in range(rounds):
        pool, state = explorer.explore([predictor], state, None, rng)
        pools.append(pool)
    return pools


def temperatures(x):
    masses = [atomic_masses[z] for z in x.numbers.rows()]
    velocities = x.evidence["velocities"].rows()
    return np.array([kinetic_temperature(*mv) for mv in zip(masses, velocities, strict=True)])


def pressures(x, predictor):
    """Kinetic and virial part, GPa."""
    virial = np.trace(predictor.predict(x).values["virial"], axis1=1, axis2=2)
    kinetic = 3 * x.counts * units.kB * temperatures(x)
    return (virial + kinetic) / (3 * x.volume) / units.GPa


def block_error(series, blocks=10):
    """Standard error of a mean, from means of blocks longer than the correlation."""
    means = np.array([part.mean() for part in np.array_split(series, blocks)])
    return means.std(ddof=1) / np.sqrt(blocks)


def test_nve_conserves_energy_to_second_order_in_the_time_step(argon, lennard_jones):
    """2 ps; halving the time step lowers the fluctuation fourfold, and there is no drift."""
    spread = {}
    for timestep in (8.0, 4.0):
        explorer = MolecularDynamics(
            system=argon,
            regions={"cold": Region([60.0])},
            ensemble=Ensemble.nve,
            steps=round(2000 / timestep),
            every=1,
            timestep=timestep,
            displacement=0.3,
            strain=0.0,
        )
        [x] = frames(explorer, lennard_jones, 1)
        potential = lennard_jones.predict(x).values["energy"]
        total = potential + 1.5 * x.counts * units.kB * temperatures(x)
        spread[timestep] = total.std()
        slope = np.polyfit(x.evidence["time"], total, 1)[0]
        assert abs(slope) * 2000 / 32 < 1e-5  # eV per atom in 2 ps
        assert np.ptp(potential) > 100 * spread[timestep]  # the energy does flow to and fro
    assert 3 < spread[8.0] / spread[4.0] < 5


def test_nvt_mean_temperature_is_the_one_asked_for(argon, lennard_jones):
    """32 atoms, 30 ps: within 3 sigma, sigma from the fluctuation 2 T^2 / 3 N and 2 tau memory."""
    explorer = MolecularDynamics(
        system=argon,
        regions={"warm": Region([80.0])},
        ensemble=Ensemble.nvt,
        steps=8000,
        timestep=4.0,
        every=5,
        strain=0.0,
    )
    [x] = frames(explorer, lennard_jones, 1)
    t = temperatures(x)[100:]
    fluctuation = 80 * np.sqrt(2 / 96)
    sigma = fluctuation * np.sqrt(2 * explorer.thermostat / (20.0 * len(t)))
    assert abs(t.mean() - 80) < 3 * sigma
    assert 0.4 * sigma < block_error(t) < 1.6 * sigma  # the sigma used is the one observed
    assert t.std() == pytest.approx(fluctuation, rel=0.1)


def test_npt_mean_pressure_is_the_one_asked_for_and_the_volume_breathes(argon, lennard_jones):
    """The virial theorem, and <dV^2> = k T V / B with the modulus B between two pressures."""
    explorer = MolecularDynamics(
        system=argon,
        regions={"solid": Region([60.0], [0.15, 0.25])},
        steps=8000,
        timestep=4.0,
        every=5,
        barostat=300.0,
    )
    [x] = frames(explorer, lennard_jones, 1)
    x = x[x.evidence["time"] > 2000]
    volumes, fluctuations = [], []
    for pressure in (0.15, 0.25):
        part = x[x.evidence["pressure"] == pressure]
        found = pressures(part, lennard_jones)
        assert block_error(found) < 0.002
        assert abs(found.mean() - pressure) < 3 * block_error(found)
        assert abs(temperatures(part).mean() - 60) < 3 * block_error(temperatures(part))
        volumes.append(part.volume.mean())
        fluctuations.append(part.volume.var())
    modulus = np.mean(volumes) * 0.1 / -np.diff(volumes)[0]
    breathing = 60 * units.kB * np.mean(volumes) / np.mean(fluctuations) / units.GPa
    assert breathing == pytest.approx(modulus, rel=0.3)  # some 100 independent volumes


def test_npt_follows_the_equation_of_state_of_copper(copper, emt):
    """EMT copper at 300 K: expanded at 0 GPa, compressed at 10 GPa as its static lattice is."""
    explorer = MolecularDynamics(
        system=copper,
        regions={"solid": Region([300.0], [0.0, 10.0])},
        steps=600,
        timestep=4.0,
        every=5,
        barostat=300.0,
    )
    [x] = frames(explorer, emt, 1)
    x = x[x.evidence["time"] > 600]
    p = x.evidence["pressure"]
    for pressure in (0.0, 10.0):
        found = pressures(x[p == pressure], emt)
        assert abs(found.mean() - pressure) < 3 * block_error(found, 5)
    cold, pressed = x.volume[p == 0].mean() / 32, x.volume[p == 10].mean() / 32
    static = {q: static_volume(q) for q in (0.0, 10.0)}
    assert 1.01 < cold / static[0.0] < 1.025  # 3 x 17e-6 / K x 300 K of thermal expansion: 1.5 %
    # At 300 K a crystal is a little softer than its static lattice: 0.4 % of the 6.5 % found here.
    assert pressed / cold == pytest.approx(static[10.0] / static[0.0], rel=0.01)


def static_volume(pressure):
    """Volume per atom, Å^3, where the static EMT lattice has a pressure in GPa."""
    lengths = np.linspace(3.3, 3.8, 101)
    found = []
    for a in lengths:
        atoms = bulk("Cu", a=a, cubic=True)
        atoms.calc = EMT()
        found.append(-atoms.get_stress()[:3].mean() / units.GPa)
    return np.interp(-pressure, -np.array(found), lengths) ** 3 / 4
