"""The labeler `shock`: a gas between two states that a standing shock joins, after all the time in the world."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from eltanin.batch import Properties, Ragged
from eltanin.protocols import Failure, Labels, Rng, System
from eltanin_gas.lift import closing_of_lift, impossible, two_gaussians
from eltanin_gas.monatomic import NAMES, closing_of, rankine_hugoniot, sound_speed, state_of
from eltanin_gas.problems import Boundary, Problems
from eltanin_kinetic.labels import check_instants
from eltanin_kinetic.shock import positions, steady_shock

CLOSE = 1e-6  # to the states of Rankine and Hugoniot, of the upstream sound speed, density and temperature
POWER = np.array([0, 1, 2, 3, 0, 1])  # of v in each of the six moments


class Standing(NamedTuple):
    """Where a shock stands: Mach number, upstream density and temperature, +1 if the gas flows to the right, place."""

    mach: float
    density: float
    temperature: float
    direction: int
    place: float


def standing(fields: np.ndarray, centres: np.ndarray) -> Standing | str:
    """Return the shock that the outermost cells of fields (cells, 6) ask for, or why there is none."""
    state = state_of(fields)
    direction = 1 if state.density[0] < state.density[-1] else -1
    rho, u, temperature = (column[[0, -1]][::direction] for column in state[:3])
    u = u * direction
    mach = float(u[0] / sound_speed(temperature[0]))
    if not mach > 1.02:
        return f"the thinner gas flows towards the denser one at Mach {mach:.4g}: a shock needs more than 1.02"
    _, (denser, slower, hotter) = rankine_hugoniot(mach)
    wanted = np.array([denser * rho[0], slower * np.sqrt(temperature[0]), hotter * temperature[0]])
    off = np.abs(np.array([rho[1], u[1], temperature[1]]) / wanted - 1).max()
    if off > CLOSE:
        told = ", ".join(f"{value:.6g}" for value in wanted)
        here = f"{rho[1]:.6g}, {u[1]:.6g}, {temperature[1]:.6g}"
        return f"behind a standing shock of Mach {mach:.4g} rho, u, T are {told}, not {here}"
    passed = (state.density >= rho.mean())[::direction]
    first = int(np.argmax(passed))
    near = state.density[::direction][first - 1 : first + 1]
    share = float((rho.mean() - near[0]) / (near[1] - near[0]))
    x = centres[::direction]
    place = float(x[first - 1] + share * (x[first] - x[first - 1]))
    return Standing(mach, float(rho[0]), float(temperature[0]), direction, place)


@dataclass(frozen=True)
class ShockWave:
    """Solves the steady BGK equation between the outermost cells of a problem, which a standing shock must join.

    Labels are the given cells, then the same cells of the steady shock, whose density is the mean of both sides
    where that of the given fields is; the duration does not matter, and Kn must be the same in all cells.

    h: distance of nodes in the optical coordinate.  dv: of velocities, in upstream thermal speeds.
    """

    domain: ClassVar[str] = "gas"
    revision: ClassVar[int] = 1
    outside: ClassVar[tuple[str, ...]] = ("scipy",)
    system: System
    h: float = 0.2
    dv: float = 0.5

    def __post_init__(self) -> None:
        """Refuse nodes that resolve no shock, and collisions other than BGK's."""
        for name, most in (("h", 1.0), ("dv", 0.8)):
            if not 0 < getattr(self, name) <= most:
                raise ValueError(f"labeler.{name}={getattr(self, name)}: give a distance above 0, at most {most}")
        if self.system.model != "bgk":
            raise ValueError(
                f"system.model={self.system.model!r}: labeler=shock solves bgk alone; labeler=bgk solves all"
            )

    def check(self, x: Problems) -> None:
        """Refuse problems that are no standing shock; the labeler looks at one instant, after all time."""
        check_instants(x, 1)
        for i in range(len(x)):
            if isinstance(found := self._standing(x[np.array([i])]), str):
                raise ValueError(f"problem {i}: {found}")

    def label(self, x: Problems, wanted: frozenset[str], rng: Rng) -> Labels[Properties]:
        """Return moments and closing moments of the given cells, then of the steady shock in them."""
        del wanted, rng
        told = [self._answer(x[np.array([i])]) for i in range(len(x))]
        failures = {i: answer for i, answer in enumerate(told) if isinstance(answer, Failure)}
        nothing = np.zeros((0, 6)), np.zeros((0, 2))
        seen = [nothing if isinstance(answer, Failure) else answer for answer in told]
        moments, closing = (Ragged.of(list(part)) for part in zip(*seen, strict=True))
        return Labels(Properties.of(moments=moments, closing=closing), failures)

    def _standing(self, one: Problems) -> Standing | str:
        fields = one.fields.values
        if fields.ndim != 2 or fields.shape[1] != len(NAMES):
            return f"fields of shape {fields.shape}: give (cells, {len(NAMES)}), the moments {', '.join(NAMES)}"
        if one.boundary[0] != Boundary.FIXED:
            return "its ends do not stay as they are: give Boundary.FIXED"
        if np.ptp(one.knudsen.values) > 0:
            return "its Knudsen number varies: give the same in all cells"
        if impossible(two_gaussians(fields)).any():
            return "it has cells whose moments no positive pair of Gaussians has"
        return standing(fields, _centres(one))

    def _answer(self, one: Problems) -> tuple[np.ndarray, np.ndarray] | Failure:
        found = self._standing(one)
        if isinstance(found, str):
            return Failure("unphysical", found)
        exponent = None if self.system.law == "constant" else self.system.exponent
        shock = steady_shock(found.mach, self.h, self.dv)
        tau = self.system.relaxation_time(float(one.knudsen.values[0]), found.density, found.temperature)
        x = positions(shock, exponent) * tau * np.sqrt(found.temperature)
        distance = (_centres(one) - found.place) * found.direction
        moments, m4, k2 = shock.at(np.interp(distance, x, shock.xi))
        scale = found.density * found.temperature ** (np.array([0, 1, 2, 3, 2, 3]) / 2) * found.direction**POWER
        steady = closing_of(moments, m4, k2)
        given = one.fields.values
        return np.concatenate([given, moments * scale]), np.concatenate([closing_of_lift(given), steady])


def _centres(one: Problems) -> np.ndarray:
    return (np.arange(int(one.cells[0])) + 0.5) * float(one.spacing[0])
