"""The component: settings of a moment tensor potential, and what becomes of its state."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar

import numpy as np
import torch
from ase.data import atomic_numbers, chemical_symbols

from eltanin.batch import Properties, to_numpy
from eltanin.protocols import Dataset, Metrics, Rng
from eltanin_atoms.deviation import rmse
from eltanin_atoms.graphs import neighbour_graph, species_of
from eltanin_atoms.least_squares import ridge, triangle
from eltanin_atoms.structures import Structures
from eltanin_moment_tensor.basis import Functions
from eltanin_moment_tensor.maxvol import FLOOR, active_set
from eltanin_moment_tensor.potential import Potential
from eltanin_moment_tensor.rows import Rows, of_energies, of_labels

Learned = Dataset[Structures, Properties, Properties]
State = dict[str, Any]
Graded = StrEnum("Graded", ["neighbourhoods", "structures"])


@dataclass(frozen=True)
class MomentTensor:
    """Moment tensor potential, linear in its parameters; it grades how far a structure lies outside of what it learned.

    level: up to which contractions of moments are in the basis; the more, the finer: 8 to 20.
    radial: pair functions that are there at any level.
    cutoff: how far an atom sees, Å.
    closest: from here to the cutoff the radial polynomials are well-behaved, Å.
    elements: chemical symbols; left empty, those of the first data.
    energy_error, virial_error: what is allowed, eV/atom; a smaller error is a larger weight.
    force_error: what is allowed, eV/Å.
    ridge: how strongly what the data hardly tell is held at zero, as a part of what they tell best.
    graded: the neighbourhood of every atom, or whole structures.
    """

    domain: ClassVar[str] = "atoms"
    revision: ClassVar[int] = 1
    predicts: ClassVar[frozenset[str]] = frozenset({"energy", "forces", "virial"})
    guarantees: ClassVar[tuple[str, ...]] = (
        "The energy does not change under translations, rotations, reflections and permutations of equal atoms.",
        "Forces and virial are exact derivatives of the energy: dynamics conserves it as well as the integrator does.",
        "The energy is extensive: a sum over atoms, each of which sees no farther than the cutoff.",
        "An extrapolation grade of at most 1 is a prediction that interpolates what was learned.",
    )

    level: int = 12
    radial: int = 8
    cutoff: float = 6.0
    closest: float = 1.5
    elements: list[str] = field(default_factory=list)
    energy_error: float = 0.001
    force_error: float = 0.02
    virial_error: float = 0.02
    ridge: float = 1e-12
    graded: Graded = Graded.neighbourhoods

    def __post_init__(self) -> None:
        """Check the settings."""
        if self.level < 2 or self.radial < 1:
            raise ValueError(
                f"level={self.level}, radial={self.radial}: a basis has a level of 2 or more, and radial >= 1"
            )
        if not 0 <= self.closest < self.cutoff:
            raise ValueError(f"closest={self.closest} Å, cutoff={self.cutoff} Å: give 0 <= closest < cutoff")
        for name in ("energy_error", "force_error", "virial_error"):
            if not (value := getattr(self, name)) > 0:
                raise ValueError(f"{name}={value}: an error that is allowed is above 0")
        if self.ridge < 0:
            raise ValueError(f"ridge={self.ridge}: give 0 or more")
        unknown = [e for e in self.elements if e not in atomic_numbers]
        if unknown or len(set(self.elements)) < len(self.elements):
            raise ValueError(f"elements={list(self.elements)}: these are chemical symbols, each once, such as [Cu, Zn]")

    def check(self, x: Structures) -> None:
        """Refuse elements that the model is not set up for."""
        if self.elements:
            species_of(x.numbers.values, self.elements)

    def init(self, data: Learned, rng: Rng) -> State:
        """Return a potential that knows nothing: no energy, and every structure is far outside."""
        del rng  # a linear model has one solution
        numbers = np.unique(data.configurations.numbers.values)
        elements = list(self.elements) or [chemical_symbols[z] for z in numbers]
        size = self.functions(elements).size
        count, n = (1, len(elements) * size) if self.graded is Graded.structures else (len(elements), size)
        nothing = {"inverse": np.eye(n) / FLOOR, "scale": np.ones(n)}
        return {"elements": elements, "coefficients": np.zeros((len(elements), size)), "active": [nothing] * count}

    def train(self, state: State, data: Learned, rng: Rng) -> tuple[State, Metrics]:
        """Fit all labels at once, and choose the active set among all structures."""
        del rng
        functions = self.functions(state["elements"])
        found = triangle(self._rows(state, data), functions.species * functions.size)
        coefficients = ridge(found, self.ridge).reshape(functions.species, -1)
        learned = state | {"coefficients": coefficients, "active": self._active(state, data.configurations)}
        return learned, self._metrics(learned, data)

    def predictor(self, state: State) -> Potential:
        """Return the potential of a state."""
        return Potential(
            elements=list(state["elements"]),
            functions=self.functions(state["elements"]),
            coefficients=torch.tensor(to_numpy(state["coefficients"]), dtype=torch.float64),
            active=[(to_numpy(a["inverse"]), to_numpy(a["scale"])) for a in state["active"]],
            of_structures=self.graded is Graded.structures,
        )

    def functions(self, elements: list[str]) -> Functions:
        """Return the basis for so many elements."""
        return Functions(self.level, self.radial, len(elements), self.closest, self.cutoff)

    def _rows(self, state: State, data: Learned) -> Iterator[Rows]:
        functions, y = self.functions(state["elements"]), data.labels
        known = np.any([y.has(name) for name in ("energy", "forces", "virial")], axis=0)
        if not known.any():
            raise ValueError("no structure has an energy, forces or a virial: there is nothing to learn")
        for k in np.flatnonzero(known):
            graph = neighbour_graph(data.configurations[[k]], self.cutoff, state["elements"])
            yield of_labels(functions, graph, y[[k]], (self.energy_error, self.force_error, self.virial_error))

    def _active(self, state: State, x: Structures) -> list[dict[str, np.ndarray]]:
        functions = self.functions(state["elements"])
        graphs = [neighbour_graph(x[[k]], self.cutoff, state["elements"]) for k in range(len(x))]
        if self.graded is Graded.structures:
            sets = [np.concatenate([to_numpy(of_energies(functions, g)) for g in graphs])]
        else:
            rows = np.concatenate([to_numpy(functions.values(g)) for g in graphs])
            species = np.concatenate([to_numpy(g.species) for g in graphs])
            sets = [rows[species == kind] for kind in range(functions.species)]
        return [dict(zip(("inverse", "scale"), active_set(rows)[:2], strict=True)) for rows in sets]

    def _metrics(self, state: State, data: Learned) -> Metrics:
        found, y = self.predictor(state).predict(data.configurations), data.labels
        metrics: dict[str, float] = {}
        if (known := y.has("forces")).any():
            difference = found.values["forces"][known].values - to_numpy(y.values["forces"][known].values)
            metrics["training_force_rmse_mev_per_angstrom"] = 1000 * rmse(difference)
        if (known := y.has("energy")).any():
            difference = (found.values["energy"] - to_numpy(y.values["energy"]))[known]
            metrics["training_energy_rmse_mev_per_atom"] = 1000 * rmse(difference / data.configurations.counts[known])
        return metrics
