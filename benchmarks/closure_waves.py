"""A smooth wave at Knudsen numbers from 1e-3 to 10: a learned closure, classical ones, and flight without collisions.

The flow is ρ = 1 + 0.4 sin 2πx, u = 0.3 cos 2πx, T = 1 + 0.3 sin(4πx + 1/2), at t = 0.1 with τ = Kn; the reference is
the BGK equation by WENO5. Errors of ρ and T are ∫ |error| / ∫ |reference|, of u ∫ |error| / ∫ c with c the sound speed.
"""

from __future__ import annotations

import argparse

import numpy as np
import torch
from closure_shock import learned_data
from torch import Tensor

import eltanin
from eltanin_classical.closures import grad
from eltanin_classical.three_moments import Euler
from eltanin_gas.flows.many_moments import ManyMoments, hermite_tail
from eltanin_gas.flows.march import Flow, march
from eltanin_gas.flows.problems import system_of
from eltanin_gas.flows.six_moments import SixMoments
from eltanin_gas.flows.system import MomentSystem
from eltanin_gas.monatomic import State, sound_speed
from eltanin_gas.problems import Boundary
from eltanin_hermite.model import HermiteClosure
from eltanin_kinetic.profiles import Profile, wave_profile

KNUDSEN = (1e-3, 1e-2, 0.1, 1.0, 10.0)
NO_COLLISIONS = 1e6
TIME = 0.1


def initial(x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return ρ, u, T."""
    turn = 2 * np.pi * x
    return 1 + 0.4 * np.sin(turn), 0.3 * np.cos(turn), 1 + 0.3 * np.sin(2 * turn + 0.5)


def marched(system: MomentSystem, cells: int) -> tuple[State, Tensor]:
    """Return the state (Knudsen numbers, cells) at TIME, and when each flow failed."""
    x = (np.arange(cells) + 0.5) / cells - 0.5
    fields = [torch.as_tensor(field).repeat(len(KNUDSEN), 1) for field in initial(x)]
    none = torch.zeros_like(fields[0])
    moments = system.from_state(State(*fields, none, none, none))
    one = torch.ones(len(KNUDSEN), dtype=torch.float64)
    flow = Flow.of(moments, one, torch.full((len(KNUDSEN),), int(Boundary.PERIODIC)))
    tau = torch.tensor(KNUDSEN, dtype=torch.float64)[:, None]
    u, record = march(system, flow, lambda rho, _: tau + 0 * rho, TIME * one, inspect=10**6)
    return system.state(u, tau + none, flow.spacing), record.failed


def errors(density: np.ndarray, velocity: np.ndarray, temperature: np.ndarray, known: Profile) -> list[float]:
    """Return the errors of ρ, u and T."""
    return [
        float(np.abs(density - known.density).sum() / known.density.sum()),
        float(np.abs(velocity - known.velocity).sum() / sound_speed(known.temperature).sum()),
        float(np.abs(temperature - known.temperature).sum() / known.temperature.sum()),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=100)
    parser.add_argument("--steps", type=int, default=1700)
    parser.add_argument("--order", type=int, default=9, help="of Hermite's moment equations, without learning")
    parser.add_argument("--run", help="folder of a run whose closure is measured too")
    asked = parser.parse_args()
    x = (np.arange(asked.cells) + 0.5) / asked.cells - 0.5
    known = [wave_profile(initial, kn, TIME, x) for kn in KNUDSEN]
    free = wave_profile(initial, NO_COLLISIONS, TIME, x)
    print("free flight", [[round(e, 5) for e in errors(*free[:3], here)] for here in known])
    model, data = HermiteClosure(steps=asked.steps), learned_data(np.random.default_rng(0))
    state, _ = model.train(model.init(data, np.random.default_rng(1)), data, np.random.default_rng(2))
    systems: dict[str, MomentSystem] = {
        "Euler": Euler(),
        "Grad, six moments": SixMoments(grad),
        "hermite_closure, six moments": SixMoments(model.predictor(state)),
        f"Hermite, order {asked.order}": ManyMoments(hermite_tail, asked.order),
    }
    if asked.run:
        systems[asked.run] = system_of(eltanin.committee(asked.run))
    for name, system in systems.items():
        found, failed = marched(system, asked.cells)
        rows = zip(*(np.asarray(field) for field in found[:3]), known, strict=True)
        print(name, [[round(e, 5) for e in errors(*row)] for row in rows], "failed at", failed.tolist())


if __name__ == "__main__":
    main()
