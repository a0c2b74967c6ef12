"""From problems to flows: what every run of a closure begins with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from eltanin_gas.collisions import MonatomicGas
from eltanin_gas.flows.march import Flow
from eltanin_gas.flows.six_moments import Closure, SixMoments
from eltanin_gas.flows.system import MomentSystem, RelaxationTime
from eltanin_gas.monatomic import state_of
from eltanin_gas.problems import Problems


@dataclass(frozen=True)
class MeanClosure:
    """The mean of a committee's A and B, which is what a campaign hands over."""

    members: Sequence[Closure]

    def __call__(self, s: Tensor, a: Tensor, b: Tensor, /) -> tuple[Tensor, Tensor]:
        """Return A and B (...)."""
        found = [member(s, a, b) for member in self.members]
        return sum(one[0] for one in found) / len(found), sum(one[1] for one in found) / len(found)  # type: ignore[return-value]


class Member(Protocol):
    """What a model hands over that says 'moment_system' among what it `predicts`."""

    def jointly(self, members: Sequence[Any], /) -> MomentSystem:
        """Return the system that the mean of a committee closes."""
        ...


def system_of(committee: Sequence[Member]) -> MomentSystem:
    """Return the system that the mean of a committee closes."""
    return committee[0].jointly(committee)


def six_moments(members: Sequence[Closure]) -> SixMoments:
    """Return six moments under the mean of these closures."""
    return SixMoments(MeanClosure(members))


def check_closes(model: Any, what: str = "moment_system") -> None:
    """Refuse a model whose members close no moment system, or not six moments, as far as it says, by a ValueError."""
    if what not in getattr(model, "predicts", ()):
        raise ValueError(
            f"{type(model).__name__} does not say that its members close what is marched in the end ({what!r} in"
            " `predicts`): take model=hermite_closure, or validation=null"
        )


def flow_of(system: MomentSystem, x: Problems) -> Flow:
    """Return the flows (n, cells) that problems of equal numbers of cells begin with."""
    moments = torch.as_tensor(np.stack(x.fields.rows()), dtype=torch.float64)
    length, boundary = torch.as_tensor(x.length, dtype=torch.float64), torch.as_tensor(x.boundary)
    return Flow.of(system.from_state(state_of(moments)), length, boundary)


def relaxation_of(gas: MonatomicGas, x: Problems) -> RelaxationTime:
    """Return τ of density and temperature (n, cells) in problems of equal numbers of cells."""
    knudsen = torch.as_tensor(np.stack(x.knudsen.rows()), dtype=torch.float64)
    return lambda density, temperature: gas.relaxation_time(knudsen, density, temperature)
