"""The labelers called from Python: a Mach number, or initial fields, to profiles on given points."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.interpolate import CubicSpline

from eltanin_gas.collisions import MonatomicGas
from eltanin_gas.lift import two_gaussians
from eltanin_gas.monatomic import closing_of, equilibrium_moments, state_of
from eltanin_kinetic.boltzmann_solver import SpectralDiscretisation, solve_boltzmann
from eltanin_kinetic.free_molecular import State
from eltanin_kinetic.riemann import riemann
from eltanin_kinetic.shock import steady_shock
from eltanin_kinetic.solver import Discretisation, batch_size, plan, solve

Initial = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray, np.ndarray]]  # x to rho, u, T


class Profile(NamedTuple):
    """A gas on points, each (N,) or (B, N): rho, u, T, sigma = p_xx - p, q, and the closing moments over rho T^2.

    m4 = int c^4 g / (rho T^2) and k2 = int c^2 h / (rho T^2) are 3 and 1 in equilibrium.
    """

    density: np.ndarray
    velocity: np.ndarray
    temperature: np.ndarray
    stress: np.ndarray
    heat_flux: np.ndarray
    m4: np.ndarray
    k2: np.ndarray


def _profile(raw: np.ndarray) -> Profile:
    """Return the profile of the moments m0 … m4, k0, k1, k2 (..., 8)."""
    moments = raw[..., [0, 1, 2, 3, 5, 6]]
    state = state_of(moments)
    closing = closing_of(moments, raw[..., 4], raw[..., 7])
    return Profile(*state[:4], state.heat_flux, closing[..., 0], closing[..., 1])


def shock_profile(mach: float, xi: np.ndarray, h: float = 0.2, dv: float = 0.5) -> Profile:
    """Return the steady BGK shock at points xi (N,) of the optical coordinate, d xi = dx / tau.

    Upstream rho = T = 1; xi = 0 where the density is the mean of both sides. The profile is that of every viscosity
    law; `eltanin_kinetic.shock.positions` gives x.  h, dv: distance of nodes and velocities.
    """
    moments, m4, k2 = steady_shock(mach, h, dv).at(np.asarray(xi, dtype=float))
    return _profile(np.concatenate([moments[:, :4], m4[:, None], moments[:, 4:], k2[:, None]], axis=1))


def riemann_profile(left: State, right: State, knudsen: float, time: float, x: np.ndarray, cells: int = 200) -> Profile:
    """Return two gases (rho, u, T) that met at x = 0, at points x (N,) and a time; BGK with tau = Kn.

    cells: of the coarser of the two grids that are extrapolated.
    """
    return _profile(riemann(left, right, knudsen, time, np.asarray(x, dtype=float), cells))


def evolve_fields(
    density: np.ndarray,
    velocity: np.ndarray,
    temperature: np.ndarray,
    knudsen: float | np.ndarray,
    time: float,
    length: float = 1.0,
    ends: str = "periodic",
    gas: MonatomicGas | None = None,
    how: Discretisation | None = None,
) -> Profile:
    """Return gases at a time in the N equal cells of a stretch, each field (B, N).

    density, velocity, temperature: (B, N) of the Maxwellians that they begin with.  knudsen: a number, or one for each
    cell.  ends: periodic, open or fixed.  gas: BGK with tau = Kn if not given.
    """
    gas, how = gas or MonatomicGas(), how or Discretisation()
    moments = equilibrium_moments(*(np.asarray(f, dtype=float) for f in (density, velocity, temperature)))
    count, cells = moments.shape[:2]
    knudsen = np.asarray(knudsen, dtype=float) + np.zeros((count, cells))
    grid = plan(two_gaussians(moments.reshape(-1, 6)), how.velocities, how.reach)
    size = batch_size(cells, grid.count, how.device)
    found: list[np.ndarray] = []
    for at in range(0, count, size):
        some = slice(at, at + size)
        here = moments[some]
        lengths, times = np.full(len(here), length), np.full((len(here), 1), time)
        found.append(solve(gas, here, knudsen[some], lengths, times, ends, [grid] * len(here), how)[:, -1])
    return _profile(np.concatenate(found))


def wave_profile(
    initial: Initial, knudsen: float, time: float, x: np.ndarray, cells: int = 200, gas: MonatomicGas | None = None
) -> Profile:
    """Return a smooth flow of period 1 at points x (N,), by WENO5 on cells in [-1/2, 1/2].

    initial: from x (cells,) to rho, u, T of the Maxwellians it begins with.
    """
    centres = (np.arange(cells) + 0.5) / cells - 0.5
    rho, u, temperature = (np.asarray(f, dtype=float)[None] for f in initial(centres))
    how = Discretisation(scheme="weno5", courant=0.45)
    profile = evolve_fields(rho, u, temperature, knudsen, time, gas=gas, how=how)
    period = np.append(centres, centres[0] + 1)

    def at(column: np.ndarray) -> np.ndarray:
        closed = CubicSpline(period, np.append(column[0], column[0, 0]), bc_type="periodic")
        return closed(np.asarray(x, dtype=float))

    return Profile._make(at(column) for column in profile)


MAXWELL_MOLECULES = MonatomicGas("boltzmann", "viscosity", 1.0)


def boltzmann_fields(
    density: np.ndarray,
    velocity: np.ndarray,
    temperature: np.ndarray,
    knudsen: float | np.ndarray,
    time: float,
    length: float = 1.0,
    ends: str = "periodic",
    gas: MonatomicGas = MAXWELL_MOLECULES,
    how: SpectralDiscretisation | None = None,
) -> Profile:
    """Return a gas of molecules at a time in the N equal cells of a stretch, each field (N,), by Boltzmann's equation.

    Arguments are those of `evolve_fields`.  gas: of model boltzmann; its exponent is 1 for Maxwell molecules, 0.5 for
    hard spheres.
    """
    moments = equilibrium_moments(*(np.asarray(f, dtype=float) for f in (density, velocity, temperature)))
    local = np.asarray(knudsen, dtype=float) + np.zeros(len(moments))
    how = how or SpectralDiscretisation()
    return _profile(solve_boltzmann(gas, moments, local, length, time, 1, ends, how)[-1])


def boltzmann_profile(
    initial: Initial,
    knudsen: float,
    time: float,
    x: np.ndarray,
    stretch: tuple[float, float] = (-0.5, 0.5),
    cells: int = 50,
    ends: str = "periodic",
    gas: MonatomicGas = MAXWELL_MOLECULES,
    how: SpectralDiscretisation | None = None,
) -> Profile:
    """Return a gas of molecules at points x (N,) and a time, by Boltzmann's equation in equal cells of a stretch.

    initial: from x (cells,) to rho, u, T of the Maxwellians it begins with.  The rest is as in `boltzmann_fields`.
    """
    length = stretch[1] - stretch[0]
    centres = (np.arange(cells) + 0.5) / cells * length + stretch[0]
    rho, u, temperature = (f + 0 * centres for f in initial(centres))
    profile = boltzmann_fields(rho, u, temperature, knudsen, time, length, ends, gas, how)
    return Profile._make(np.interp(x, centres, column) for column in profile)
