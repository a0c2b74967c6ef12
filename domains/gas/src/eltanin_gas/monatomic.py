"""Six moments of a monatomic gas that flows in one dimension, and what closes their equations.

Chu (1965) reduces f(v, v_perp) to ``g = int f dv_perp`` and ``h = int (v_perp^2 / 2) f dv_perp``. The moments
``m_n = int v^n g dv``, ``k_n = int v^n h dv`` obey exact chains,

    d_t m_n + d_x m_{n+1} = (m_n[M] - m_n) / tau,    d_t k_n + d_x k_{n+1} = (k_n[M] - k_n) / tau

for BGK. With (m0, m1, m2, m3, k0, k1) only m4 and k2 are unknown. Units: k_B / mass = 1, so p = rho T.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from array_api_compat import array_namespace

Array = Any  # of any Array-API library
NAMES = ("m0", "m1", "m2", "m3", "k0", "k1")  # the columns of `Problems.fields`


class State(NamedTuple):
    """What the six moments say of a gas, each of one shape (...).

    density rho.  velocity u.  temperature T.  stress sigma = p_xx - p.  q3 = int c^3 g dv and
    k1 = int c h dv, c = v - u; the heat flux is q = q3 / 2 + k1.
    """

    density: Array
    velocity: Array
    temperature: Array
    stress: Array
    q3: Array
    k1: Array

    @property
    def heat_flux(self) -> Array:
        """The heat flux q (...)."""
        return self.q3 / 2 + self.k1


def moments_of(state: State) -> Array:
    """Return the moments (..., 6) of a state."""
    rho, u, temperature, sigma, q3, k1 = state
    along, across = rho * temperature + sigma, rho * temperature - sigma / 2
    m2, m3 = rho * u**2 + along, rho * u**3 + 3 * u * along + q3
    return array_namespace(rho).stack((rho, rho * u, m2, m3, across, u * across + k1), axis=-1)


def equilibrium_moments(density: Array, velocity: Array, temperature: Array) -> Array:
    """Return the moments (..., 6) of Maxwellians of these rho, u and T (...)."""
    none = 0 * density
    return moments_of(State(density, velocity, temperature, none, none, none))


def state_of(moments: Array) -> State:
    """Return the state (...) that has these moments (..., 6)."""
    m0, m1, m2, m3, k0, k1 = (moments[..., i] for i in range(len(NAMES)))
    u = m1 / m0
    along = m2 - m1 * u
    pressure = (along + 2 * k0) / 3
    return State(m0, u, pressure / m0, along - pressure, m3 - 3 * u * along - m1 * u**2, k1 - u * k0)


def conserved_of(moments: Array) -> Array:
    """Return density, momentum and energy rho u^2 / 2 + (3/2) rho T in (..., 3) of the moments (..., 6)."""
    m0, m1, m2, k0 = (moments[..., i] for i in (0, 1, 2, 4))
    return array_namespace(moments).stack((m0, m1, m2 / 2 + k0), axis=-1)


def sound_speed(temperature: Array) -> Array:
    """Return sqrt(5 T / 3)."""
    return (5 / 3 * temperature) ** 0.5


def relaxation_time(knudsen: Array, density: Array, temperature: Array, exponent: float | None = None) -> Array:
    """Return tau (...) = Kn, or mu / p with mu = Kn T^exponent, so tau = Kn T^(exponent - 1) / rho."""
    if exponent is None:
        return knudsen + 0 * density
    return knudsen * temperature ** (exponent - 1) / density


class ShockStates(NamedTuple):
    """(rho, u, T) before and behind a shock that stands still."""

    upstream: tuple[float, float, float]
    downstream: tuple[float, float, float]


def rankine_hugoniot(mach: float) -> ShockStates:
    """Return the states of a standing shock in a monatomic gas (gamma = 5/3), rho = T = 1 upstream.

    rho2 = 4 M^2 / (M^2 + 3),  u2 = u1 / rho2,  T2 = (5 M^2 - 1) (M^2 + 3) / (16 M^2).
    """
    squared = mach**2
    density, velocity = 4 * squared / (squared + 3), mach * (5 / 3) ** 0.5
    temperature = (5 * squared - 1) * (squared + 3) / (16 * squared)
    return ShockStates((1.0, velocity, 1.0), (density, velocity / density, temperature))


def invariants(moments: Array) -> Array:
    """Return s = sigma / p, a = q3 / (p sqrt T), b = k1 / (p sqrt T) in (..., 3): the same in all frames and scales."""
    rho, _, temperature, sigma, q3, k1 = state_of(moments)
    pressure = rho * temperature
    flow = pressure * temperature**0.5
    return array_namespace(moments).stack((sigma / pressure, q3 / flow, k1 / flow), axis=-1)


def closing_of(moments: Array, m4: Array, k2: Array) -> Array:
    """Return A = int c^4 g / (rho T^2), B = int c^2 h / (rho T^2) in (..., 2) of the raw moments m4, k2 (...).

    A Maxwellian has A = 3 and B = 1.
    """
    m0, m1, m2, m3, k0, k1 = (moments[..., i] for i in range(len(NAMES)))
    rho, u, temperature, *_ = state_of(moments)
    fourth = m4 - 4 * u * m3 + 6 * u**2 * m2 - 4 * u**3 * m1 + u**4 * m0
    second = k2 - 2 * u * k1 + u**2 * k0
    scale = rho * temperature**2
    return array_namespace(moments).stack((fourth / scale, second / scale), axis=-1)


def highest_moments(moments: Array, closing: Array) -> tuple[Array, Array]:
    """Return the raw moments m4 and k2 (...) of given A and B (..., 2): the inverse of `closing_of`."""
    m0, m1, m2, m3, k0, k1 = (moments[..., i] for i in range(len(NAMES)))
    rho, u, temperature, *_ = state_of(moments)
    scale = rho * temperature**2
    m4 = closing[..., 0] * scale + 4 * u * m3 - 6 * u**2 * m2 + 4 * u**3 * m1 - u**4 * m0
    return m4, closing[..., 1] * scale + 2 * u * k1 - u**2 * k0
