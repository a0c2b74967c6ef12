"""What a training knows of each structure: its graph, its environment, its labels.

None of it depends on parameters, so it is made once and kept, as far as there is room.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch

from eltanin.batch import Properties
from eltanin_atoms.descriptors import Environment
from eltanin_atoms.graphs import Graph
from eltanin_atoms.learning.batches import remembered
from eltanin_neural_potential.loss import Labels, certainties
from eltanin_neural_potential.potential import Potential


class Frame(NamedTuple):
    """One or several structures, ready to be learned."""

    graph: Graph
    environment: Environment
    labels: Labels


def joined(parts: Sequence[Frame]) -> Frame:
    """Join frames into one."""
    if len(parts) == 1:
        return parts[0]
    first, *others = [p.environment for p in parts]
    labels = Labels.joined([p.labels for p in parts])
    return Frame(Graph.joined([p.graph for p in parts]), first.joined(others), labels)


def prepared(potential: Potential, graph: Callable[[int], Graph], y: Properties, room: float) -> Callable[[int], Frame]:
    """Return what makes the frame of a structure from its place, and keeps it if there is room (bytes)."""

    certain = certainties(y)

    def frame(k: int) -> Frame:
        found = graph(k)
        environment = potential.environment(found, learning=True)
        labels = labels_of(y[[k]], len(found.species), potential.baseline(found).item(), float(certain[k]))
        return Frame(found, environment, labels.to(potential.dtype, potential.device))

    return remembered(frame, room)


def labels_of(y: Properties, atoms: int, baseline: float, certainty: float = 1.0) -> Labels:
    """Return the labels of one structure, in float64; `baseline` (eV) is taken out of its energy."""
    n_e, n_f, n_v = (int(y.has(name)[0]) for name in ("energy", "forces", "virial"))
    energy = y.values["energy"] - baseline if n_e else np.zeros(1)
    forces = y.values["forces"].values if n_f else np.zeros((atoms, 3))
    virial = y.values["virial"] if n_v else np.zeros((1, 3, 3))
    e, f, v = (torch.as_tensor(label, dtype=torch.float64) for label in (energy, forces, virial))
    per = torch.tensor(1 / max(1, atoms), dtype=torch.float64)
    weights = (per.expand(1) * n_e, per.expand(atoms, 1) / 3 * n_f, per.expand(1, 1, 1) / 9 * n_v)
    return Labels((e, f, v), weights, (n_e, n_f, n_v), torch.tensor([certainty], dtype=torch.float64))
