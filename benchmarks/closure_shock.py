"""A closure learned from BGK shocks up to Mach 4 and from random waves, at Mach numbers that it has not seen.

Prints relative L1 errors (∫ |error| / ∫ |reference - step|) against the steady BGK shock, thickness and the
temperature at ξ = -10 over the reference's: of A and B on the reference's states, of the closure's own steady shock
(no scheme, no diffusion of a scheme), and, with --time, of a march to it on CELLS and on twice as many: what is smooth
by numerical diffusion alone changes between the two. Beside it the equations of Navier, Stokes and Fourier.
"""

from __future__ import annotations

import argparse

import numpy as np
import torch

from eltanin.batch import Properties, Ragged
from eltanin.protocols import Dataset
from eltanin_classical.three_moments import NavierStokesFourier
from eltanin_gas.collisions import MonatomicGas
from eltanin_gas.flows.march import march
from eltanin_gas.flows.six_moments import Closure, SixMoments
from eltanin_gas.flows.standing import Profile, beginning, centres, profile, relative_l1, thickness
from eltanin_gas.flows.steady import nodes, standing_shock
from eltanin_gas.flows.system import MomentSystem
from eltanin_gas.monatomic import State, closing_of, equilibrium_moments, invariants, rankine_hugoniot, state_of
from eltanin_gas.problems import Boundary, Problems
from eltanin_hermite.model import HermiteClosure
from eltanin_kinetic.labeler import Bgk
from eltanin_kinetic.shock import Shock, steady_shock

SEEN = (1.3, 1.6, 2.0, 2.5, 3.0, 3.5, 4.0)
SHOCK_WEIGHT = 12  # a shock's profile counts as so many waves: it is learned as often


def waves(count: int, cells: int, rng: np.random.Generator) -> Problems:
    """Return random periodic waves of up to three modes, Kn from 1e-3 to 10."""
    x = 2 * np.pi * (np.arange(cells) + 0.5) / cells

    def wave(largest: float) -> np.ndarray:
        modes = sum(rng.normal() * np.cos(k * x) + rng.normal() * np.sin(k * x) for k in (1, 2, 3))
        return rng.uniform(0, largest) * modes / np.abs(modes).max()

    moments = [equilibrium_moments(1 + wave(0.6), wave(0.8), 1 + wave(0.5)) for _ in range(count)]
    fields, one = Ragged.of(moments), np.ones(count)
    knudsen = Ragged(np.repeat(10 ** rng.uniform(-3, 1, size=count), cells), fields.counts)
    return Problems(fields, knudsen, one, 0.2 * one, np.full(count, int(Boundary.PERIODIC)))


def learned_data(rng: np.random.Generator) -> Dataset[Problems, Properties, Properties]:
    """Return the labels of waves, and those of steady shocks as often as SHOCK_WEIGHT says."""
    x = waves(24, 80, rng)
    values = Bgk(MonatomicGas()).label(x, frozenset({"moments", "closing"}), rng).values.values
    moments, closing = ([*values[name].rows()] for name in ("moments", "closing"))
    for mach in SEEN:
        found, m4, k2 = steady_shock(mach).at(np.linspace(-30, 30, 241))
        moments += [found] * SHOCK_WEIGHT
        closing += [closing_of(found, m4, k2)] * SHOCK_WEIGHT
    labels = Properties.of(moments=Ragged.of(moments), closing=Ragged.of(closing))
    n = np.zeros(len(moments), dtype=int)
    one = np.ones(len(moments))
    problems = Problems(
        labels.values["moments"],
        Ragged(np.ones(len(np.concatenate(moments))), labels.values["moments"].counts),
        one,
        0 * one,
        n,
    )
    return Dataset(problems, labels, n, n, one, labels)


def reference_of(shock: Shock) -> Profile:
    """Return the profile of a BGK shock where errors are measured."""
    reach = 60 if shock.mach > 5 else 30
    xi = np.linspace(-reach, reach, 481)
    known = state_of(shock.at(xi)[0])
    return Profile(xi, *known[:4], known.heat_flux)


def report(found: Profile, reference: Profile, mach: float) -> None:
    """Print errors, thickness and the temperature ahead."""
    errors = relative_l1(found, reference, mach)
    print("    relative L1", {field: round(error, 4) for field, error in errors.items()})
    ratio = thickness(found, mach) / thickness(reference, mach)
    ahead = np.interp(-10, found.xi, found.temperature) / np.interp(-10, reference.xi, reference.temperature)
    print(f"    thickness {ratio:.4f}, T(-10) {ahead:.4f} of the reference's")


def steady(closure: Closure, shock: Shock) -> None:
    """Print the errors of A and B on a BGK shock, and of the closure's own steady shock."""
    away = np.abs(invariants(shock.moments)[:, 0]) > 1e-4
    moments, m4, k2 = (column[away] for column in shock.at(shock.xi))
    known = closing_of(moments, m4, k2)
    found = torch.stack(closure(*torch.as_tensor(invariants(moments)).unbind(-1)), dim=-1).detach().numpy()
    rms = np.sqrt(np.mean((found / known - 1) ** 2, axis=0))
    print(f"  Mach {shock.mach:g}: relative errors of A and B, root mean square {rms[0]:.4f} {rms[1]:.4f}")
    first, last = shock.xi[away][[0, -1]]
    xi = nodes(-first, last, 400)
    stands = standing_shock(closure, shock.mach, xi, shock.at(xi)[0])
    print(f"    residual {stands.before:.1e} -> {stands.after:.1e}")
    report(profile(xi, stands.state, shock.mach), reference_of(shock), shock.mach)


def marched(system: MomentSystem, mach: float, cells: int, time: float) -> Profile:
    """Return the shock that stands after a time."""
    ahead = 10 * rankine_hugoniot(mach).downstream[2] ** 0.5 + 18
    extent = (-round(ahead), 30.0)
    flow = beginning(system, mach, extent, cells)
    duration = torch.tensor([time], dtype=torch.float64)
    u, record = march(system, flow, lambda rho, _: torch.ones_like(rho), duration, inspect=100)
    least = {name: round(float(value), 4) for name, value in record.margins.items()}
    print(f"    {record.steps} steps, least margins {least}, failed at {float(record.failed)}")
    state = system.state(u, torch.ones(1, cells, dtype=torch.float64), flow.spacing)
    return profile(centres(extent, cells).numpy(), State(*(np.asarray(v[0]) for v in state)), mach)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mach", type=float, nargs="+", default=[4.0, 5.5, 8.0, 10.0])
    parser.add_argument("--steps", type=int, default=1700)
    parser.add_argument("--march", type=float, default=5.5, help="the Mach number of the march")
    parser.add_argument("--cells", type=int, default=120)
    parser.add_argument("--time", type=float, default=0.0, help="of the march; 0: none")
    asked = parser.parse_args()
    model, data = HermiteClosure(steps=asked.steps), learned_data(np.random.default_rng(0))
    state, metrics = model.train(model.init(data, np.random.default_rng(1)), data, np.random.default_rng(2))
    closure = model.predictor(state)
    print(f"closing fluxes: rmse {metrics['closing_flux_rmse']:.4f} over all labelled cells")
    for mach in asked.mach:
        steady(closure, steady_shock(mach))
    if asked.time > 0:
        reference = reference_of(steady_shock(asked.march))
        for name, system in (("closure", SixMoments(closure)), ("Navier-Stokes-Fourier", NavierStokesFourier())):
            for cells in (asked.cells, 2 * asked.cells):
                print(f"  {name}, Mach {asked.march:g}, {cells} cells, t = {asked.time:g}")
                report(marched(system, asked.march, cells, asked.time), reference, asked.march)


if __name__ == "__main__":
    main()
