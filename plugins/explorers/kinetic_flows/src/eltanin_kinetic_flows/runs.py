"""Runs of a closure, looked at at several instants, as far as they go.

A run stops where it is no gas any more (`march` says when), or at the first instant at which speeds are more complex
than is allowed; from there on it is taken as it was when it stopped: the committee is asked about the states that were
one too many.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from eltanin_gas.collisions import MonatomicGas
from eltanin_gas.flows.march import march
from eltanin_gas.flows.problems import Member, flow_of, relaxation_of, system_of
from eltanin_gas.flows.system import MomentSystem
from eltanin_gas.problems import Problems

SELDOM = 10_000  # steps between looks at margins: the instants are enough


class Runs(NamedTuple):
    """n runs on equal numbers of cells.

    met: (n, instants + 1, cells, moments).
    stopped: (n,) time of the instant that was the last or was not reached; NaN if a run went on to its end.
    realizability: (n,) least distance to what no gas has.
    imaginary: (n,) largest imaginary part of a speed, over T^(1/2).
    gap: (n,) least distance of the real parts of two, over T^(1/2).
    """

    met: np.ndarray
    stopped: np.ndarray
    realizability: np.ndarray
    imaginary: np.ndarray
    gap: np.ndarray


def run(members: Sequence[Member], gas: MonatomicGas, x: Problems, instants: int, imaginary: float) -> Runs:
    """Run problems of equal numbers of cells by the mean closure of a committee."""
    system, tau = system_of(members), relaxation_of(gas, x)
    flow, duration = flow_of(system, x), torch.as_tensor(x.duration, dtype=torch.float64)
    stopped = torch.full_like(duration, torch.nan)
    met, seen = [flow.moments], [margins(system, flow.moments)]
    for instant in range(1, instants + 1):
        going = stopped.isnan()
        lasting = torch.where(going, duration / instants, 0.0)
        u, record = march(system, replace(flow, moments=met[-1]), tau, lasting, inspect=SELDOM)
        failed = ~record.failed.isnan()
        seen.append(margins(system, torch.where(failed[:, None, None], met[-1], u)))
        wrong = going & (failed | ~(seen[-1][1] <= imaginary))
        stopped = torch.where(wrong, duration * instant / instants, stopped)
        met.append(u)
    realizable, complex_, gap = (torch.stack(part) for part in zip(*seen, strict=True))
    found = torch.stack(met, dim=1), stopped, realizable.amin(0), complex_.amax(0), gap.amin(0)
    return Runs(*(part.numpy() for part in found))


def margins(system: MomentSystem, u: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the least realizability, largest imaginary part and least gap of speeds, (n,), of cells (n, cells, …)."""
    found = {name: margin.amin(1) for name, margin in system.margins(u).items()}
    return found["realizability"], found["hyperbolicity"].abs(), found["gap"]
