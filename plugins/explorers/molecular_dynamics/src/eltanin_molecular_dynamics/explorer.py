"""The explorer: many short trajectories, each at a point of the phase diagram."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from ase.data import atomic_masses

from eltanin.errors import EltaninError
from eltanin.execution import Inline
from eltanin.protocols import Failure, Feedback, OwnExecutor, Predictor, Rng, System, Verdict
from eltanin_atoms.structures import Structures
from eltanin_molecular_dynamics import allocation
from eltanin_molecular_dynamics.beginnings import Perturbation, first_pool
from eltanin_molecular_dynamics.dynamics import Conditions, Walk, thermal_velocities, walk
from eltanin_molecular_dynamics.settings import (
    Driver,
    Ensemble,
    Guards,
    Region,
    StatePoint,
    check_guards,
    check_regions,
    state_points,
)
from eltanin_molecular_dynamics.trajectories import Frame, Trajectories, pool_of
from eltanin_molecular_dynamics.watched import Watched

Committee = Sequence[Predictor[Structures, Any]]


@dataclass(frozen=True)
class MolecularDynamics:
    """Follows the atoms by molecular dynamics with the forces of the committee, at given (T, p).

    The first round, with no committee yet, hands back perturbed structures. From then on every
    state point has its trajectories, which go on from round to round. One that a guard stops leaves
    its last sane frame, and begins again in the next round.

    regions: names of grids of state points, {name: {temperatures: [K], pressures: [GPa]}}; with
        melt: K, too, the first round of its trajectories is at that temperature.
    ensemble: npt (the cell breathes and keeps its shape), nvt, or nve, where the temperature is
        that of the first velocities.
    trajectories: of each state point.
    steps: of each trajectory in a round, on average; state points whose pool was all accurate walk
        less, the others more.
    every: steps from one frame of the pool to the next.
    timestep: fs.
    thermostat: time in which velocities are forgotten, fs.
    barostat: time scale of the cell's motion, fs.
    driver: the member of the committee that the atoms follow. With rotating each trajectory has
        another, and another in each round: no hole in the potential of one member decides where
        all of them go.
    initial: perturbed structures of the first round, for each region.
    displacement: standard deviation of a coordinate of a perturbed structure at 300 K, Å; it grows
        as the square root of the temperature.
    strain: largest relative change of a length of the cell, and largest shear, of perturbed
        structures; trajectories of npt begin without it.
    guards: where a trajectory is stopped: at temperature times the one asked for, at a force on an
        atom in eV/Å, at a distance in sums of covalent radii, at volumes in those it began with.
    """

    domain: ClassVar[str] = "atoms"
    revision: ClassVar[int] = 1
    follows: ClassVar[frozenset[str]] = frozenset({"forces"})

    system: System
    regions: dict[str, Region] = field(default_factory=dict)
    ensemble: Ensemble = Ensemble.npt
    trajectories: int = 1
    steps: int = 500
    every: int = 10
    timestep: float = 2.0
    thermostat: float = 100.0
    barostat: float = 1000.0
    driver: Driver = Driver.rotating
    initial: int = 20
    displacement: float = 0.05
    strain: float = 0.03
    guards: Guards = field(default_factory=Guards)
    executor: OwnExecutor = field(default_factory=Inline)

    def __post_init__(self) -> None:
        """Check the settings."""
        check_regions(self.regions, self.ensemble)
        check_guards(self.guards)
        self._check_numbers()

    def _check_numbers(self) -> None:
        for name in ("trajectories", "steps", "every", "initial"):
            if (n := getattr(self, name)) < 1:
                raise ValueError(f"explorer.{name}={n}: give 1 or more")
        for name in ("timestep", "thermostat", "barostat"):
            if not (time := getattr(self, name)) > 0:
                raise ValueError(f"explorer.{name}={time}: give a time in fs, above 0")
        for name in ("displacement", "strain"):
            if not 0 <= (amplitude := getattr(self, name)) < 1:
                raise ValueError(f"explorer.{name}={amplitude}: give 0 or more, and less than 1")
        if self.every > self.steps:
            raise ValueError(
                f"explorer.every={self.every} is more than explorer.steps={self.steps}: no frame "
                "would ever be kept; give fewer steps between frames"
            )

    @property
    def points(self) -> list[StatePoint]:
        """The state points, in the order of the settings."""
        return state_points(self.regions)

    def init(self, rng: Rng) -> Trajectories:
        """Return trajectories that have yet to begin; the structures are dealt out in turn."""
        point = np.repeat(np.arange(len(self.points)), self.trajectories)
        temperatures = np.array([self.points[k].temperature for k in point])
        perturb = self._perturbation(0.0 if self.ensemble is Ensemble.npt else self.strain)
        start = perturb(self._structures(), temperatures, rng)
        return Trajectories.waiting(start, self.points, point)

    def explore(
        self, committee: Committee, state: Trajectories, feedback: Feedback | None, rng: Rng
    ) -> tuple[Structures, Trajectories]:
        """Return the frames of one round, and where the trajectories are after it."""
        if not committee:
            perturb = self._perturbation(self.strain)
            return first_pool(self._structures(), self.regions, self.initial, perturb, rng), state
        steps, temperature = self._steps(state, feedback), self._temperatures(state)
        seeds = rng.integers(2**63, size=len(state))  # a stream for each, whatever the others do
        walks = self._walks(
            [
                (state[[k]], float(t), self._follows(committee, k, state), int(n), int(seed))
                for k, (t, n, seed) in enumerate(zip(temperature, steps, seeds, strict=True))
            ]
        )
        stopped = [one.stopped for one in walks]
        pool = pool_of(state, temperature, [one.frames for one in walks], stopped)
        return pool, state.after([w.last for w in walks], np.array([not s for s in stopped]))

    def _structures(self) -> Structures:
        """Return what the system offers, or say why no dynamics can begin there."""
        x = self.system.structures()
        if self.ensemble is Ensemble.npt and not x.pbc.all():
            raise ValueError(
                "explorer.ensemble=npt changes the volume of a crystal or liquid, but the system "
                "has a structure that is not periodic in all directions: take explorer.ensemble=nvt"
            )
        return x

    def _perturbation(self, strain: float) -> Perturbation:
        return Perturbation(self.displacement, strain, self.guards.distance)

    def _steps(self, state: Trajectories, feedback: Feedback | None) -> np.ndarray:
        """Return the steps of each trajectory, by what the last round said of its state point."""
        n = len(self.points)
        inaccurate = np.ones(n)
        if feedback is not None and "trajectory" in feedback.evidence:
            trajectory = np.asarray(feedback.evidence["trajectory"])
            point = np.where(trajectory < 0, -1, state.point[trajectory])
            accurate = np.asarray(feedback.verdict) == int(Verdict.ACCURATE)
            inaccurate = allocation.inaccurate_fraction(point, accurate, n)
        return allocation.shares(inaccurate, self.steps, self.every)[state.point]

    def _follows(self, committee: Committee, number: int, state: Trajectories) -> Predictor[Structures, Any]:
        turn = number + int(state.walked[number])
        return committee[turn % len(committee) if self.driver is Driver.rotating else 0]

    def _temperatures(self, state: Trajectories) -> np.ndarray:
        """Return the temperature of each trajectory in this round, (n,) K."""
        first = np.array([p.first_temperature for p in self.points])[state.point]
        return np.where(state.alive, state.temperature, first)

    def _walks(self, tasks: Sequence[tuple[Trajectories, float, Predictor[Structures, Any], int, int]]) -> list[Walk]:
        """Let every trajectory go on, each a task of the executor."""
        walks: dict[int, Walk] = {}
        for k, result in self.executor.run(self.walk, tasks):
            if isinstance(result, Failure):
                raise EltaninError(
                    f"trajectory {k} did not end: {result.message}. Resume the run, or give it more memory."
                )
            walks[k] = result
        return [walks[k] for k in sorted(walks)]

    def walk(
        self,
        one: Trajectories,
        temperature: float,
        predictor: Predictor[Structures, Any],
        steps: int,
        seed: int,
    ) -> Walk:
        """Let one trajectory go on, or begin."""
        rng = np.random.default_rng(seed)
        at = Conditions(
            self.ensemble,
            temperature,
            max(temperature, self.points[int(one.point[0])].first_temperature),
            float(one.pressure[0]),
            self.timestep,
            self.thermostat,
            self.barostat,
        )
        calculator = Watched(predictor, float(one.start.volume[0]), self.guards)
        return walk(one.start, begin_of(one, temperature, rng), calculator, at, steps, self.every, rng)


def begin_of(one: Trajectories, temperature: float, rng: Rng) -> Frame:
    """Return where a trajectory goes on; a stopped one begins again, with new velocities."""
    if one.alive[0]:
        return Frame(
            one.now.positions.values,
            one.velocities.values,
            one.now.cell[0],
            float(one.cell_momentum[0]),
            float(one.time[0]),
        )
    masses = atomic_masses[one.start.numbers.values]
    velocities = thermal_velocities(masses, temperature, rng)
    return Frame(one.start.positions.values, velocities, one.start.cell[0], 0.0, 0.0)
