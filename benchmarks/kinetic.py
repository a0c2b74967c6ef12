"""What a kinetic label costs: a straightforward NumPy solver beside `eltanin_kinetic`, on one thread.

Sod's problem at Kn = 0.01, t = 0.15, N = 200 cells, 48 velocities, BGK, the same scheme on both sides: IMEX ARS(2,2,2),
MUSCL, discrete Maxwellians by Newton's method. The peer takes one problem at a time, as one writes it down from the
papers, at the Courant number 0.45 that is usual for MUSCL with Runge and Kutta; ours takes 64 in a batch, at 0.45
and at its own default 0.9. Prints seconds per problem, of the processor and of the clock, the ratio of the former, and
how far the two solutions are apart.
"""

from __future__ import annotations

import argparse
from time import perf_counter, process_time

import numpy as np
import torch

from eltanin_kinetic import Discretisation, evolve_fields

CELLS, LENGTH, VELOCITIES, FASTEST, COURANT, KNUDSEN, TIME = 200, 2.0, 48, 7.0, 0.45, 0.01, 0.15
GAMMA = 1 - 1 / np.sqrt(2)
DELTA = 1 - 1 / (2 * GAMMA)


def start() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    x = (np.arange(CELLS) + 0.5) / CELLS * LENGTH - LENGTH / 2
    return x, np.where(x < 0, 1.0, 0.125), 0 * x, np.where(x < 0, 1.0, 0.8)


def maxwellian(rho: np.ndarray, u: np.ndarray, temperature: np.ndarray, v: np.ndarray, dv: float) -> np.ndarray:
    """Return (2, cells, velocities), by Newton's method for G = exp(a + b v - c v^2 / 2), H = G / c."""
    wanted = np.stack([rho, rho * u, rho * u**2 / 2 + 1.5 * rho * temperature], axis=1)
    c, b = 1 / temperature, u / temperature
    a = np.log(rho / np.sqrt(2 * np.pi * temperature)) - u**2 / (2 * temperature)
    for _ in range(20):
        g = np.exp(a[:, None] + b[:, None] * v - c[:, None] * v**2 / 2)
        m = [np.sum(v**k * g, axis=1) * dv for k in range(5)]
        found = np.stack([m[0], m[1], m[2] / 2 + m[0] / c], axis=1)
        if np.abs(found - wanted).max() < 1e-14:
            break
        jacobian = np.empty((len(rho), 3, 3))
        jacobian[:, 0] = np.stack([m[0], m[1], -m[2] / 2], axis=1)
        jacobian[:, 1] = np.stack([m[1], m[2], -m[3] / 2], axis=1)
        last = -m[4] / 4 - m[2] / (2 * c) - m[0] / c**2
        jacobian[:, 2] = np.stack([m[2] / 2 + m[0] / c, m[3] / 2 + m[1] / c, last], axis=1)
        step = np.linalg.solve(jacobian, (wanted - found)[..., None])[..., 0]
        a, b, c = a + step[:, 0], b + step[:, 1], c + step[:, 2]
    g = np.exp(a[:, None] + b[:, None] * v - c[:, None] * v**2 / 2)
    return np.stack([g, g / c[:, None]])


def transport(f: np.ndarray, v: np.ndarray, dx: float) -> np.ndarray:
    """Return -v d_x f by upwind MUSCL with the van Leer limiter and open ends."""
    f = np.pad(f, ((0, 0), (2, 2), (0, 0)), mode="edge")
    d = np.diff(f, axis=1)
    below, above = d[:, :-1], d[:, 1:]
    both = below + above
    slope = np.where(below * above > 0, 2 * below * above / np.where(both == 0, 1, both), 0)
    inner = f[:, 1:-1]
    flux = np.where(v > 0, v * (inner + slope / 2)[:, :-1], v * (inner - slope / 2)[:, 1:])
    return -np.diff(flux, axis=1) / dx


def collide(f: np.ndarray, dt: float, v: np.ndarray, dv: float) -> tuple[np.ndarray, np.ndarray]:
    """Return f_new = (f + lambda M) / (1 + lambda) and (M - f_new) / tau."""
    g, h = f
    rho, momentum = np.sum(g, axis=1) * dv, np.sum(v * g, axis=1) * dv
    energy = np.sum(v**2 / 2 * g + h, axis=1) * dv
    u = momentum / rho
    m = maxwellian(rho, u, (2 * energy / rho - u**2) / 3, v, dv)
    new = (f + dt / KNUDSEN * m) / (1 + dt / KNUDSEN)
    return new, (m - new) / KNUDSEN


def peer() -> np.ndarray:
    """Return rho, u, T (cells,) at the end, in (3, cells)."""
    x, rho, u, temperature = start()
    dx, dv = x[1] - x[0], 2 * FASTEST / VELOCITIES
    v = (np.arange(VELOCITIES) + 0.5) * dv - FASTEST
    f = maxwellian(rho, u, temperature, v, dv)
    steps = int(np.ceil(TIME / (COURANT * dx / np.abs(v).max())))
    dt = TIME / steps
    for _ in range(steps):
        t0 = transport(f, v, dx)
        f1, q1 = collide(f + GAMMA * dt * t0, GAMMA * dt, v, dv)
        t1 = transport(f1, v, dx)
        f, _ = collide(f + dt * (DELTA * t0 + (1 - DELTA) * t1) + dt * (1 - GAMMA) * q1, GAMMA * dt, v, dv)
    g, h = f
    rho = np.sum(g, axis=1) * dv
    u = np.sum(v * g, axis=1) * dv / rho
    return np.stack([rho, u, (2 * np.sum(v**2 / 2 * g + h, axis=1) * dv / rho - u**2) / 3])


def ours(batch: int, courant: float, device: str) -> np.ndarray:
    """Return rho, u, T (3, cells) of the first of a batch of copies."""
    _, *fields = start()
    many = [np.tile(f, (batch, 1)) for f in fields]
    how = Discretisation(velocities=VELOCITIES, courant=courant, device=device)
    profile = evolve_fields(*many, KNUDSEN, TIME, LENGTH, "open", how=how)
    return np.stack([profile.density[0], profile.velocity[0], profile.temperature[0]])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=3, help="the fastest of so many counts, on both sides")
    parser.add_argument("--device", default="cpu")
    settings = parser.parse_args()
    torch.set_num_threads(1)
    solvers = {
        "numpy, Courant 0.45": lambda: peer(),
        "ours, Courant 0.45": lambda: ours(settings.batch, 0.45, settings.device),
        "ours, Courant 0.9": lambda: ours(settings.batch, 0.9, settings.device),
    }
    seconds = {name: np.full(2, np.inf) for name in solvers}
    fields = {}
    for _ in range(settings.repeats):  # in turn, so that a busy machine is unkind to all alike
        for name, solver in solvers.items():
            begun = np.array([process_time(), perf_counter()])
            fields[name] = solver()
            problems = 1 if name.startswith("numpy") else settings.batch
            took = np.array([process_time(), perf_counter()]) - begun
            seconds[name] = np.minimum(seconds[name], took / problems)
    first = next(iter(solvers))
    for name, (processor, clock) in seconds.items():
        apart = np.abs(fields[name] - fields[first]).max()
        told = f"{processor:8.4f} s of the processor, {clock:8.4f} s of the clock per problem"
        print(f"{name:20s} {told}   {seconds[first][0] / processor:6.1f} x   apart by {apart:.1e}")


if __name__ == "__main__":
    main()
