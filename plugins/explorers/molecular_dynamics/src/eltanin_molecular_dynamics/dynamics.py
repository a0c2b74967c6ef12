"""One trajectory of one round: BAOAB Langevin dynamics, at fixed volume or fixed pressure.

The integrator is ASE's `LangevinBAOAB` (Leimkuhler & Matthews 2013; Quigley & Probert 2004 for the
pressure), one class for all three ensembles: without a thermostat it is velocity Verlet. It is
ergodic in 32 atoms without a chain of thermostats, bears time steps as long as those of Verlet, and
takes its random generator as an argument.
At fixed pressure the cell keeps its shape and breathes: a liquid bears no shear, and for crystals
this is the hydrostatic part of the phase diagram. The mass of the cell is that of Martyna, Tobias &
Klein (1994),

    W = 3 (N + 1) k T tau^2,

with which the cell's thermal motion takes the time tau whatever the substance.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
from ase import Atoms, units
from ase.md.langevinbaoab import LangevinBAOAB

from eltanin_atoms.structures import Structures
from eltanin_molecular_dynamics.settings import Ensemble
from eltanin_molecular_dynamics.trajectories import Frame
from eltanin_molecular_dynamics.watched import Stopped, Watched


@dataclass(frozen=True)
class Conditions:
    """Under which a trajectory walks. Times in fs, temperatures in K, pressure in GPa.

    hottest: of the temperatures that the trajectory is ever asked to have.
    """

    ensemble: Ensemble
    temperature: float
    hottest: float
    pressure: float
    timestep: float
    thermostat: float
    barostat: float


class Walk(NamedTuple):
    """What came of a trajectory: frames for the pool, where it is, and which guard stopped it."""

    frames: list[Frame]
    last: Frame
    stopped: str


def thermal_velocities(masses: np.ndarray, temperature: float, rng: np.random.Generator) -> np.ndarray:
    """Return Maxwell-Boltzmann velocities without net momentum, (atoms, 3) Å/fs; masses in amu."""
    width = np.sqrt(units.kB * temperature / masses)[:, None] * units.fs
    velocities = width * rng.normal(size=(len(masses), 3))
    return velocities - masses @ velocities / masses.sum()


def integrator(atoms: Atoms, at: Conditions, rng: np.random.Generator) -> LangevinBAOAB:
    """Return the integrator of an ensemble; this asks for the forces once."""
    begin = partial(LangevinBAOAB, atoms, at.timestep * units.fs)
    if at.ensemble is Ensemble.nve:
        return begin()
    begin = partial(begin, temperature_K=at.temperature, T_tau=at.thermostat * units.fs, rng=rng)
    if at.ensemble is Ensemble.nvt:
        return begin()
    tau = at.barostat * units.fs
    return begin(
        externalstress=-at.pressure * units.GPa,
        hydrostatic=True,
        P_tau=tau,
        P_mass=3 * (len(atoms) + 1) * units.kB * at.temperature * tau**2,
    )


def walk(
    structure: Structures,
    begin: Frame,
    calculator: Watched,
    at: Conditions,
    steps: int,
    every: int,
    rng: np.random.Generator,
) -> Walk:
    """Go `steps` steps from `begin`, keep each `every`-th, and the last sane one before a guard.

    structure: the one structure that is moved.
    """
    atoms = structure.to_ase()[0]
    atoms.set_cell(begin.cell)
    atoms.positions = begin.positions
    atoms.set_velocities(begin.velocities / units.fs)
    atoms.calc = calculator
    frames, sane, kept = [], begin, False
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # the guards see to it
        try:
            dynamics = integrator(atoms, at, rng)
            dynamics.p_eps = begin.cell_momentum
            for step in range(1, steps + 1):
                calculator.check_cell(volume_rate(dynamics), dynamics.dt)
                dynamics.step()
                calculator.check_velocities(atoms, at.hottest)
                sane = frame_of(dynamics, begin.time + step * at.timestep)
                if kept := step % every == 0:
                    frames.append(sane)
        except Stopped as stop:
            return Walk(frames if kept else [*frames, sane], sane, str(stop))
    return Walk(frames, sane, "")


def volume_rate(dynamics: LangevinBAOAB) -> float:
    """Return d ln V / dt in the step to come, in ASE's units; zero at fixed volume."""
    if dynamics.externalstress is None:
        return 0.0
    momentum = dynamics.p_eps + dynamics.dt / 2 * dynamics.force_eps
    return float(3 * momentum / dynamics.barostat_mass)


def frame_of(dynamics: LangevinBAOAB, time: float) -> Frame:
    """Return a copy of where an integrator is."""
    atoms = dynamics.atoms
    return Frame(
        positions=atoms.positions.copy(),
        velocities=atoms.get_velocities() * units.fs,
        cell=atoms.cell.array.copy(),
        cell_momentum=float(dynamics.p_eps),
        time=time,
    )
