# pyright: reportMissingImports=false, reportUntypedBaseClass=false
# torch-sim is optional, and brings no types where it is not installed.
"""A committee as a model of torch-sim, for dynamics and relaxation of many systems at once.

import eltanin, torch_sim
from eltanin_atoms.torchsim import CommitteeModel

model = CommitteeModel(eltanin.committee("runs/copper"))
final = torch_sim.integrate(systems, model, integrator=torch_sim.Integrator.nvt_langevin, ...)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from eltanin.batch import Properties, Ragged, to_numpy
from eltanin.protocols import Predictor
from eltanin_atoms.deviation import force_deviation, force_errors, largest
from eltanin_atoms.structures import Structures

try:
    from torch_sim.models.interface import ModelInterface
    from torch_sim.state import SimState
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(f"{error}: pip install 'eltanin-atoms[torch-sim]' brings torch-sim") from error


class CommitteeModel(ModelInterface):
    """Energy, forces and stress of a committee, and how far its members deviate, of a batch of systems.

    The mean of the first ``drivers`` members drives; None, of all. The answer is ``energy`` (systems,) eV, ``forces``
    (atoms, 3) eV/Å, ``stress`` (systems, 3, 3) eV/Å³, NaN where there is no cell, and unless ``deviation`` is
    false, ``force_deviation`` (systems,), the largest over the atoms, and ``force_deviations`` (atoms,), eV/Å.
    """

    def __init__(
        self,
        committee: Sequence[Predictor[Structures, Properties]],
        drivers: int | None = None,
        deviation: bool = True,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float64,
    ) -> None:
        """Take a committee, of one member at least; device and dtype: of the systems and of the answer."""
        super().__init__()
        if not committee:
            raise ValueError("an empty committee predicts nothing: give at least one predictor")
        self.drivers = len(committee) if drivers is None else drivers
        if not 1 <= self.drivers <= len(committee):
            raise ValueError(f"drivers={drivers}, but there are {len(committee)} members")
        self.committee = [*committee] if deviation else [*committee[: self.drivers]]
        self.deviation = deviation
        self._device, self._dtype = torch.device(device), dtype
        self._compute_stress = self._compute_forces = True

    def forward(self, state: Any, **_: Any) -> dict[str, Tensor]:
        """Evaluate every member on all systems together."""
        if isinstance(state, dict):
            state = SimState(**{"masses": torch.ones_like(state["positions"][:, 0]), **state})
        x = structures_of(state)
        found = [member.predict(x) for member in self.committee]
        driving = found[: self.drivers]
        volume = np.where(x.volume > 0, x.volume, np.nan)[:, None, None]
        answer = {
            "energy": _mean([p.values["energy"] for p in driving]),
            "forces": _mean([p.values["forces"].values for p in driving]),
            "stress": -_mean([p.values["virial"] for p in driving]) / volume,
        }
        if self.deviation:
            forces = [to_numpy(p.values["forces"].values) for p in found]
            per_atom = force_deviation(forces, force_errors(found))
            answer |= {"force_deviation": largest(per_atom, x.counts), "force_deviations": per_atom}
        return {name: torch.from_numpy(a).to(self._device, self._dtype) for name, a in answer.items()}


def structures_of(state: Any) -> Structures:
    """Return the systems of a state of torch-sim, whose cells stand in columns."""
    cell = to_numpy(state.row_vector_cell).astype(float)
    counts = np.bincount(to_numpy(state.system_idx), minlength=len(cell))
    return Structures(
        positions=Ragged(to_numpy(state.positions).astype(float), counts),
        numbers=Ragged(to_numpy(state.atomic_numbers).astype(np.int64), counts),
        cell=cell,
        pbc=np.broadcast_to(np.asarray(to_numpy(state.pbc), dtype=bool), (len(cell), 3)),
        charge=np.zeros(len(cell)),
        spin=np.full(len(cell), -1),
    )


def _mean(columns: Sequence[Any]) -> np.ndarray:
    return np.mean([to_numpy(column).astype(float) for column in columns], axis=0)
