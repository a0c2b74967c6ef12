"""What a closure saves: six moments beside three kinetic solvers, at an equal error of about 1 %, on one thread.

A periodic wave (rho = 1 + 0.4 sin 2 pi x, u = 0.3 cos 2 pi x, T = 1 + 0.3 sin (4 pi x + 0.5)) at Kn = 0.01, t = 0.1,
with mu = Kn T. Each solver takes the fewest cells of CELLS for which rho, T and u (over the speed of sound) have
relative L1 errors of at most 1 %, beside BGK by WENO5 on 120 cells; Boltzmann's equation, which has another heat flux,
is compared with Shakhov's model. Prints cells, error, seconds of the processor per problem, and their ratio to those of
the closure.

    closure, Grad's       six moments under A = 3 + 6 s, B = 1 + s/2, `eltanin_gas.flows`, a batch
    closure, a network    the same under the form that `hermite_closure` learns, untrained: it costs the same
    BGK, two v            Chu's g and h on 48 velocities, `eltanin_kinetic`, a batch
    BGK, three v          SBDF2 and MUSCL on N^3 velocities, no reduction
    Boltzmann             the fast spectral method of `labeler=boltzmann` on N^3 velocities, Maxwell molecules
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import cache, partial
from time import process_time

import numpy as np
import torch
from torch import Tensor

from eltanin_classical.closures import grad
from eltanin_gas.collisions import MonatomicGas
from eltanin_gas.flows.march import Flow, march
from eltanin_gas.flows.six_moments import Closure, SixMoments
from eltanin_gas.monatomic import equilibrium_moments, sound_speed, state_of
from eltanin_gas.perceptron import layers_of
from eltanin_gas.problems import Boundary
from eltanin_hermite.model import LearnedClosure
from eltanin_hermite.training import first_layers
from eltanin_kinetic import Profile, SpectralDiscretisation, boltzmann_fields, evolve_fields, wave_profile
from eltanin_kinetic.boltzmann_flow import BoltzmannFlow, evolve
from eltanin_kinetic.relaxation import flow_state
from eltanin_kinetic.velocity_cube import maxwellian, reduced, velocity_cube

CELLS = (16, 24, 32, 48, 64, 96, 128)
COURANT = 0.9  # of closures, as of BGK with two velocities: both are of second order in the same way
KNUDSEN, TIME, WANTED = 0.01, 0.1, 0.01
BGK, SHAKHOV = (MonatomicGas(model, "viscosity", 1.0) for model in ("bgk", "shakhov"))
REACH = 6.0
Fields = tuple[np.ndarray, np.ndarray, np.ndarray]  # rho, u, T
Solver = Callable[[Fields], Fields]


def wave(x: np.ndarray) -> Fields:
    turns = 2 * np.pi * x
    return 1 + 0.4 * np.sin(turns), 0.3 * np.cos(turns), 1 + 0.3 * np.sin(2 * turns + 0.5)


def centres(cells: int) -> np.ndarray:
    return (np.arange(cells) + 0.5) / cells - 0.5


def closure(which: Closure, batch: int, start: Fields) -> Fields:
    moments = torch.from_numpy(np.tile(equilibrium_moments(*start), (batch, 1, 1)))
    one = torch.ones(batch, dtype=torch.float64)
    flow = Flow.of(moments, one, torch.full((batch,), int(Boundary.PERIODIC)))
    found, _ = march(SixMoments(which), flow, lambda rho, _: KNUDSEN / rho, TIME * one, COURANT, inspect=10**9)
    rho, u, temperature, *_ = state_of(found[0].numpy())
    return rho, u, temperature


def two_velocities(batch: int, start: Fields) -> Fields:
    rho, u, temperature = (np.tile(f, (batch, 1)) for f in start)
    found = evolve_fields(rho, u, temperature, KNUDSEN, TIME, gas=BGK)
    return found.density[0], found.velocity[0], found.temperature[0]


class NoCorrection:
    """BGK in the place of Boltzmann's Q, at the rate rho / Kn: the penalty is all of it."""

    frequency = 1.0

    def __init__(self, cell: float) -> None:
        self.cell = cell

    def __call__(self, f: Tensor, equilibrium: Tensor) -> Tensor:
        """Return rho (M - f)."""
        return (equilibrium - f) * equilibrium.sum((1, 2, 3), keepdim=True) * self.cell


def three_velocities(count: int, start: Fields) -> Fields:
    rho, u, temperature = (torch.from_numpy(f) for f in start)
    half = REACH * float(temperature.max()) ** 0.5 + float(u.max())
    cube = velocity_cube(count, half, 0.0, "cpu")
    local = torch.full((len(rho),), KNUDSEN, dtype=torch.float64)
    f = maxwellian(rho, u, temperature, cube)
    flow = BoltzmannFlow(f, cube, NoCorrection(cube.dv**3), local, 1 / len(rho), "periodic")  # type: ignore[arg-type]
    (last,) = evolve(flow, TIME, 1, 0.45)
    rho, u, temperature, _ = (field[0].numpy() for field in flow_state(reduced(last, cube), cube.along))
    return rho, u, temperature


def molecules(count: int, start: Fields) -> Fields:
    found = boltzmann_fields(*start, KNUDSEN, TIME, how=SpectralDiscretisation(count, REACH))
    return found.density, found.velocity, found.temperature


@cache
def reference(gas: MonatomicGas) -> dict[int, Profile]:
    """Return what is right at the centres of so many cells."""
    profile = wave_profile(wave, KNUDSEN, TIME, np.concatenate([centres(n) for n in CELLS]), cells=120, gas=gas)
    parts = zip(*(np.split(column, np.cumsum(CELLS)[:-1]) for column in profile), strict=True)
    return {n: Profile(*part) for n, part in zip(CELLS, parts, strict=True)}


def largest_error(found: Fields, gas: MonatomicGas, cells: int) -> float:
    """Return the largest relative L1 error of rho, T, and u over the speed of sound."""
    known = reference(gas)[cells]
    scales = known.density, sound_speed(known.temperature), known.temperature
    pairs = zip(found, known[:3], scales, strict=True)
    return max(float(np.abs(one - other).sum() / scale.sum()) for one, other, scale in pairs)


def fewest(solver: Solver, gas: MonatomicGas) -> tuple[int, float, float]:
    """Return the fewest cells that are good enough, their error, and the seconds that it took."""
    error = taken = np.inf
    for cells in CELLS:
        begun = process_time()
        found = solver(wave(centres(cells)))
        taken = process_time() - begun
        error = largest_error(found, gas, cells)
        if error <= WANTED:
            return cells, error, taken
    return CELLS[-1], error, taken


def seconds(solver: Solver, cells: int, repeats: int) -> float:
    taken: list[float] = []
    for _ in range(repeats):
        begun = process_time()
        solver(wave(centres(cells)))
        taken.append(process_time() - begun)
    return min(taken)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=256, help="of closures and of BGK with two velocities")
    parser.add_argument("--velocities", type=int, default=20, help="N of N^3")
    parser.add_argument("--repeats", type=int, default=3, help="the fastest of so many counts of a batch")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    network = LearnedClosure(layers_of(first_layers(24, torch.Generator().manual_seed(0))))
    rows: list[tuple[str, Callable[..., Fields], MonatomicGas, int]] = [
        ("closure, Grad's", partial(closure, grad), BGK, asked.batch),
        ("closure, a network", partial(closure, network), BGK, asked.batch),
        ("BGK, two v", two_velocities, BGK, asked.batch),
        (f"BGK, three v, {asked.velocities}^3", three_velocities, BGK, asked.velocities),
        (f"Boltzmann, {asked.velocities}^3", molecules, SHAKHOV, asked.velocities),
    ]
    first = 0.0
    with torch.no_grad():
        for name, solver, gas, size in rows:
            together = size if solver is two_velocities or name.startswith("closure") else 1
            single = partial(solver, 1 if together > 1 else size)
            cells, error, each = fewest(single, gas)
            if together > 1:
                each = seconds(partial(solver, size), cells, asked.repeats) / together
            first = first or each
            print(f"{name:22s} {cells:4d} cells, error {error:.2%}  {each:9.4f} s  {each / first:8.1f} x", flush=True)


if __name__ == "__main__":
    main()
