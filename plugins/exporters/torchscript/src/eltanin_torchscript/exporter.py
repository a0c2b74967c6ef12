"""The component: a trained member as a file that PyTorch and libtorch load."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from ase.data import atomic_numbers, chemical_symbols
from torch import Tensor

from eltanin.registry import name_of
from eltanin_torchscript.nets import Embedding, Fitting
from eltanin_torchscript.potential import Potential
from eltanin_torchscript.tables import polynomials, sites

STATE = {"elements", "descriptor", "fitting", "statistics", "bias", "trainings"}
STATISTICS = {"average", "radial", "angular", "places", "neighbours", "end"}


@dataclass(frozen=True)
class TorchScript:
    """TorchScript, *.pt: energy, forces and virial of a list of pairs, in C++ or Python, without Eltanin."""

    domain: ClassVar[str] = "atoms"
    suffix: ClassVar[str] = ".pt"

    def export(self, model: Any, state: Mapping[str, Any], path: Path) -> str:
        """Write a member, and return what to know of the file."""
        refuse(model, state)
        elements, cutoff = [*state["elements"]], float(model.descriptor.cutoff)
        about = json.dumps({"elements": elements, "cutoff": cutoff})
        with warnings.catch_warnings():
            # PyTorch advises torch.export, whose files libtorch cannot load as they are.
            warnings.filterwarnings("ignore", r".*torch\.jit\.\w+. is deprecated", DeprecationWarning)
            scripted = torch.jit.script(potential(model, state).eval())
            partial = path.with_name(f".{path.name}.partial")
            try:
                scripted.save(str(partial), _extra_files={"about.json": about})
                partial.replace(path)
            finally:
                partial.unlink(missing_ok=True)
        return f"it takes pairs closer than {cutoff:g} Å of {', '.join(elements)}"


def refuse(model: Any, state: Mapping[str, Any]) -> None:
    """Raise a ValueError for what there is no place for."""
    names = [name_of(type(part)) for part in (model, getattr(model, "descriptor", None)) if part is not None]
    if names != ["neural_potential", "smooth"]:
        raise ValueError(
            f"model {' with '.join(names)}: these files hold a neural_potential with the descriptor smooth: train with"
            " model=neural_potential model/descriptor=smooth; in Python, eltanin.calculator(RUN) takes any"
        )
    if model.repulsion is not None:
        raise ValueError(
            "model.repulsion: these files hold nets alone, and what was learned without the repulsion is wrong"
            " without it: train with model/repulsion=null; in Python, eltanin.calculator(RUN) has both"
        )
    if odd := (set(state) - STATE) | (set(state["statistics"]) - STATISTICS):
        raise ValueError(f"the state holds {', '.join(sorted(odd))}, which these files have no place for")


def potential(model: Any, state: Mapping[str, Any]) -> Potential:
    """Return the potential of a member, for TorchScript."""
    descriptor, dtype = model.descriptor, getattr(torch, model.precision)
    intervals = int(descriptor.intervals)
    numbers = {name: np.asarray(a, dtype=np.float64) for name, a in state["statistics"].items()}
    width, neighbours = int(descriptor.neurons[-1]), float(numbers["neighbours"][0])
    embedding = Embedding(state["descriptor"], len(descriptor.neurons), dtype)
    nets = len(np.asarray(state["descriptor"]["weight_0"]))
    empty = -numbers["average"] / numbers["radial"]  # R_0 of a place without a neighbour, by species of centre
    begin, end = float(empty.min()), float(numbers["end"][0])
    tables = torch.zeros(4, nets, width, dtype=dtype)
    if intervals:
        at = torch.tensor(sites(begin, end, intervals), dtype=dtype)
        values = np.stack([embedding(net, at)[0].double().numpy() for net in range(nets)], axis=1)
        found = torch.tensor(polynomials(values, begin, end, intervals), dtype=dtype)  # (intervals, 4, nets, width)
        tables = found.permute(1, 2, 0, 3).reshape(4, nets * intervals, width)
    settings = {name: getattr(descriptor, name) for name in ("cutoff", "smooth_from", "axis", "one_sided")}
    settings |= {"neighbours": neighbours, "begin": begin, "end": end, "width": width, "intervals": intervals}
    settings |= {"nets": nets, "has_vacancies": bool(empty.any())}
    columns = {name: torch.tensor(numbers[name]) for name in ("average", "radial", "angular", "places")}
    return Potential(
        embedding,
        Fitting(state["fitting"], len(model.neurons), dtype),
        settings,
        kinds=_kinds([*state["elements"]]),
        bias=torch.tensor(np.asarray(state["bias"], dtype=np.float64)),
        vacant=_vacant(embedding, empty, neighbours, bool(descriptor.one_sided), dtype),
        **columns,
        **{f"table_{k}": tables[k].clone() for k in range(4)},
    )


def _kinds(elements: list[str]) -> Tensor:
    table = torch.full((len(chemical_symbols),), -1, dtype=torch.int64)
    table[[atomic_numbers[e] for e in elements]] = torch.arange(len(elements))
    return table


def _vacant(embedding: Embedding, empty: np.ndarray, neighbours: float, one_sided: bool, dtype: torch.dtype) -> Tensor:
    """Return q G(q) / N of an empty place, (species of centre, species of neighbour, width)."""
    rows = []
    for centre, value in enumerate(empty):
        q, first = torch.tensor([value], dtype=dtype), 0 if one_sided else centre * len(empty)
        rows.append(torch.cat([embedding(first + other, q)[0] * value for other in range(len(empty))]))
    return torch.stack(rows) / neighbours
