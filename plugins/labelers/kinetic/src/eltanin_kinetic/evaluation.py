"""Standing shocks of a closure beside the exact ones: the numbers that are reported when a campaign has ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
import torch

from eltanin.protocols import Explorer, Rng
from eltanin_gas.flows.march import march
from eltanin_gas.flows.problems import MeanClosure, check_closes
from eltanin_gas.flows.six_moments import Closure, SixMoments
from eltanin_gas.flows.standing import Profile, beginning, centres, profile, relative_l1, thickness
from eltanin_gas.flows.steady import nodes, standing_shock
from eltanin_gas.monatomic import State, invariants, rankine_hugoniot, state_of
from eltanin_kinetic.fluid_shock import nsf_shock
from eltanin_kinetic.shock import Shock, steady_shock

SHORT = {"density": "rho", "velocity": "u", "temperature": "T", "stress": "sigma", "heat_flux": "q"}
EXTENT = (-20.0, 16.0)  # of the march, in downstream thermal speeds x mean free time: nearer ends push the shock away
POINTS = 480  # of a profile that is compared; even, so that the step lies between two
AHEAD = -10.0  # ξ of the precursor that is reported
WATCHED = ("realizability", "hyperbolicity")
RARELY = 50  # steps between looks at margins
NODES = 400  # on which a closure's own shock is found, as far as |σ/p| is above
NEAREST = 1e-4


@dataclass(frozen=True)
class StandingShocks:
    """Measures standing shocks of the mean closure beside BGK's, when the campaign has ended.

    Of each Mach number the errors ∫ |error| / ∫ |reference - step| of ρ, u, T, σ and q, thickness and the temperature
    at ξ = -10 over the reference's, and the same errors of the equations of Navier, Stokes and Fourier (`nsf_…`).
    Profiles in ξ, dξ = dx/τ, are those of every viscosity law. A march begins with the closure's own standing shock,
    which is found without a scheme, and is looked at when it has had the time to leave it.

    mach: Mach numbers.
    refined: Mach numbers that are measured on twice as many cells too (`…_fine`): what is smooth by numerical
        diffusion alone changes between the two.
    cells: of the march.
    duration: of the march, in mean free times upstream.
    """

    domain: ClassVar[str] = "gas"
    revision: ClassVar[int] = 1
    mach: list[float] = field(default_factory=lambda: [5.5])
    refined: list[float] = field(default_factory=list[float])
    cells: int = 180
    duration: float = 10.0

    def __post_init__(self) -> None:
        """Refuse shocks that do not stand."""
        if slow := [m for m in (*self.mach, *self.refined) if not m > 1.02]:
            raise ValueError(f"validation.mach={slow}: a shock is faster than sound; give numbers above 1.02")
        if self.cells < 20:
            raise ValueError(f"validation.cells={self.cells}: give 20 or more")
        if not self.duration > 0:
            raise ValueError(f"validation.duration={self.duration}: give a time above 0")

    def check_model(self, model: Any) -> None:
        """Refuse a model that could not be marched in the end."""
        check_closes(model, "six_moments")

    def measure(
        self, explorer: Explorer[Any, Any, Any], state: Any, labelling: Any, committee: Sequence[Any], rng: Rng
    ) -> Mapping[str, Any]:
        """Return errors by name and Mach number, and profiles (6, N) of ξ, ρ, u, T, σ, q."""
        del explorer, state, labelling, rng
        closure = MeanClosure(committee)
        found: dict[str, Any] = {}
        for mach in sorted({*self.mach, *self.refined}):
            shock = steady_shock(mach, h=0.4)
            reference = exact(shock)
            of_nsf = fluid(mach, reference.xi)
            found |= _named("nsf_relative_l1", relative_l1(of_nsf, reference, mach), f"mach_{mach:g}")
            found |= {f"profile_{name}_mach_{mach:g}": np.stack(p) for name, p in (("bgk", reference), ("nsf", of_nsf))}
            sizes = [(self.cells, "")] * (mach in self.mach) + [(2 * self.cells, "_fine")] * (mach in self.refined)
            for cells, suffix in sizes:
                found |= compared(closure, shock, cells, self.duration, f"mach_{mach:g}{suffix}")
        return found


def exact(shock: Shock) -> Profile:
    """Return BGK's shock on equal distances up to |ξ| = 60 (Mach 5.5) or 30 (below 5), in proportion beyond."""
    reach = 60 * max(1.0, rankine_hugoniot(shock.mach).downstream[2] / 10.32) ** 0.5 if shock.mach > 5 else 30.0
    xi = np.linspace(-reach, reach, POINTS)
    state = state_of(shock.at(xi)[0])
    return Profile(xi, *state[:4], state.heat_flux)


def fluid(mach: float, xi: np.ndarray) -> Profile:
    """Return the shock of Navier, Stokes and Fourier at ξ (N,)."""
    return Profile(xi, *nsf_shock(mach, xi).T)


def own(closure: Closure, shock: Shock, xi: np.ndarray) -> np.ndarray:
    """Return the moments (N, 6) of the closure's standing shock nearest to BGK's, at ξ (N,)."""
    far = np.abs(invariants(shock.moments)[:, 0]) > NEAREST
    first, last = shock.xi[far][[0, -1]]
    at = nodes(-first, last, NODES)
    moments = standing_shock(closure, shock.mach, at, shock.at(at)[0]).moments
    return np.stack([np.interp(xi, at, column) for column in moments.T], axis=1)


def compared(closure: Closure, shock: Shock, cells: int, duration: float, suffix: str) -> dict[str, Any]:
    """Return what is told of one shock; where the flow fails or leaves, that alone."""
    system, mach, reference = SixMoments(closure), shock.mach, exact(shock)
    extent = tuple(rankine_hugoniot(mach).downstream[2] ** 0.5 * end for end in EXTENT)
    flow = beginning(system, mach, (extent[0], extent[1]), cells)
    start = own(closure, shock, centres((extent[0], extent[1]), cells).numpy())
    flow = replace(flow, moments=torch.as_tensor(start)[None])
    lasting = torch.tensor([duration], dtype=torch.float64)
    u, record = march(system, flow, lambda rho, _: torch.ones_like(rho), lasting, inspect=RARELY)
    told: dict[str, Any] = {f"{name}_least_{suffix}": float(record.margins[name]) for name in WATCHED}
    if not bool(record.failed.isnan()):
        return told | {f"failed_at_{suffix}": float(record.failed)}
    state = system.state(u, torch.ones_like(u[..., 0]), flow.spacing)
    try:
        found = profile(centres((extent[0], extent[1]), cells).numpy(), State(*(v[0] for v in state)), mach)
    except IndexError:  # no cell is between both sides: the shock has left
        return told | {f"left_{suffix}": True}
    told |= _named("relative_l1", relative_l1(found, reference, mach), suffix)
    told[f"profile_closure_{suffix}"] = np.stack(found)
    ahead = (np.interp(AHEAD, one.xi, one.temperature) for one in (found, reference))
    told[f"thickness_ratio_{suffix}"] = thickness(found, mach) / thickness(reference, mach)
    told[f"temperature_ratio_ahead_{suffix}"] = float(next(ahead) / next(ahead))
    return told


def _named(what: str, errors: Mapping[str, float], suffix: str) -> dict[str, float]:
    return {f"{what}_{SHORT[name]}_{suffix}": error for name, error in errors.items()}
