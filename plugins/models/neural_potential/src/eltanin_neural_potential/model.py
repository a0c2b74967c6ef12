"""The component: settings of a neural network potential, and what becomes of its state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch

from eltanin.batch import Properties, to_numpy
from eltanin.protocols import Dataset, Metrics, Rng
from eltanin.registry import slot
from eltanin_atoms.descriptors import Descriptor
from eltanin_atoms.graphs import neighbour_graph, species_of
from eltanin_atoms.learning.arrays import State, arrays
from eltanin_atoms.learning.batches import AT_LEAST, draws, remembered, sampled
from eltanin_atoms.learning.bias import composition, elements_of, species_bias
from eltanin_atoms.learning.settings import Training
from eltanin_atoms.nets import initial_fitting
from eltanin_atoms.repulsions import Repulsion, less, refuse_reach
from eltanin_atoms.structures import Structures
from eltanin_neural_potential.attuning import SAMPLE, attuned
from eltanin_neural_potential.frames import joined, prepared
from eltanin_neural_potential.potential import Potential
from eltanin_neural_potential.settings import refuse_weights
from eltanin_neural_potential.starting import begun, earlier
from eltanin_neural_potential.state import potential_of
from eltanin_neural_potential.training import Plan, final_errors, train

Learned = Dataset[Structures, Properties, Properties]
GIB = 2.0**30


@dataclass(frozen=True)
class NeuralPotential(Training):
    """Deep Potential: a sum of atomic energies, each a neural net of what the atom sees around it.

    descriptor: what an atom sees.
    repulsion: what keeps atoms apart before anything is learned; the nets learn the rest. None, unless chosen.
    neurons: widths of the hidden layers of the fitting nets, one net for each element.
    resnet_dt: a learned time step on the residual layers of the fitting nets.
    attuned: the first layer of the fitting nets begins on the scale of the features it reads. Helps where these are
        many, in sizes far apart, and steps are few; makes the members of a committee differ more.
    elements: chemical symbols; left empty, those of the first data.
    precision: float32 or float64.
    device: cpu, cuda, or auto for cuda where there is one.
    steps: of the training in each round.
    steps_first: of the training in the first round; left empty, as in every round.
    batch: structures of a step; 0 for as many as it takes to hold 32 atoms.
    learning_rate, learning_rate_end: of Adam, at the start of the first training and at every end.
    learning_rate_again: at the start of later trainings, which begin with what was learned before.
    decay_steps: the learning rate falls in strides of so many steps; 0 for a 200th of all.
    energy_weight, force_weight, virial_weight: prefactors of the loss at learning_rate and at a
        learning rate of zero; a label is not learned if one of its two is zero.
    room: memory for structures that are ready to be learned, GiB.
    start_from: a folder of a finished run, or one that `elt import` made, whose members the first training goes on
        from, as later trainings do; left empty, parameters are drawn. Where one member is there for all, these
        differ by the order of the data alone, and so by less than they err.
    """

    domain: ClassVar[str] = "atoms"
    revision: ClassVar[int] = 1
    predicts: ClassVar[frozenset[str]] = frozenset({"energy", "forces", "virial"})
    descriptor: Descriptor = slot("model/descriptor", "smooth")
    repulsion: Repulsion | None = slot("model/repulsion", None)
    attuned: bool = False
    energy_weight: tuple[float, float] = (0.02, 1.0)
    force_weight: tuple[float, float] = (1000.0, 1.0)
    virial_weight: tuple[float, float] = (0.0, 0.0)
    start_from: str = ""

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        refuse_weights(self)

    def check(self, x: Structures) -> None:
        """Refuse elements that the model is not set up for, and a repulsion that reaches beyond the cutoff."""
        if self.elements:
            species_of(x.numbers.values, self.elements)
        refuse_reach(self.repulsion, self.descriptor.cutoff, elements_of(x, self.elements))
        if self.start_from:
            earlier(self, x)

    @property
    def guarantees(self) -> tuple[str, ...]:
        """What holds by construction."""
        conserved = "Forces and virial are exact derivatives of the energy"
        return (
            *self.descriptor.guarantees,
            f"{conserved}: where it is smooth, dynamics conserves it as well as the integrator does.",
        )

    def init(self, data: Learned, rng: Rng) -> State:
        """Draw parameters, and take the statistics and the energy bias of the first data; or start from a folder."""
        if self.start_from:
            return begun(self, data, rng)
        x = data.configurations
        elements = elements_of(x, self.elements)
        refuse_reach(self.repulsion, self.descriptor.cutoff, elements)
        y = self._rest(data, elements)
        graphs = (neighbour_graph(x[[k]], self.descriptor.cutoff, elements) for k in range(len(x)))
        known = np.flatnonzero(y.has("energy"))
        energies = to_numpy(y.values["energy"])[known] if len(known) else np.zeros(0)
        size, dtype = self.descriptor.size(len(elements)), getattr(torch, self.precision)
        descriptor = self.descriptor.parameters(len(elements), rng)
        nets = [initial_fitting(size, self.neurons, self.resnet_dt, rng) for _ in elements]
        state = {
            "elements": elements,
            "descriptor": arrays(descriptor, dtype),
            "fitting": [arrays(net, dtype) for net in nets],
            "statistics": arrays(self.descriptor.statistics(graphs, len(elements))),
            "bias": species_bias(composition(x, elements)[known], energies),
            "trainings": 0,
        }
        if not self.attuned:
            return state
        potential = self.predictor(state)
        nets = attuned(nets, (potential.features(x[[k]]) for k in sampled(len(x), SAMPLE)), size)
        return state | {"fitting": [arrays(net, dtype) for net in nets]}

    def train(self, state: State, data: Learned, rng: Rng) -> tuple[State, Metrics]:
        """Go on from the parameters of the state, with a learning rate that starts anew."""
        data, room = data[np.flatnonzero(self._learned(data.labels))], self.room * GIB
        x, potential = data.configurations, self.predictor(state)
        y = self._rest(data, state["elements"])
        graph = remembered(lambda k: potential.graph(x[[k]]), 0.3 * room)
        potential = potential.covering(map(graph, range(len(x))))
        frame = prepared(potential, graph, y, 0.7 * room)
        order = draws(x.counts, self.batch, AT_LEAST, rng)
        batches = (joined([frame(k) for k in batch]) for batch in order)
        curve = train(potential.parameters, batches, self._plan(state["trainings"]))
        learned = {
            "descriptor": arrays(potential.parameters.descriptor, potential.dtype),
            "fitting": [arrays(net, potential.dtype) for net in potential.parameters.fitting],
            "statistics": arrays(potential.statistics),
            "trainings": state["trainings"] + 1,
        }
        return state | learned, final_errors(potential, frame, len(x)) | curve

    def predictor(self, state: State) -> Potential:
        """Return the potential of a state."""
        return potential_of(state, self.descriptor, self.repulsion, len(self.neurons), self.precision, self.device)

    def _rest(self, data: Learned, elements: list[str]) -> Properties:
        """Return what is left to be learned."""
        x, y = data.configurations, data.labels
        return less(self.repulsion, x, y, elements) if self.repulsion else y

    def _plan(self, trainings: int) -> Plan:
        return Plan(self.schedule(trainings), self.energy_weight, self.force_weight, self.virial_weight)

    def _learned(self, y: Properties) -> np.ndarray:
        weights = {"energy": self.energy_weight, "forces": self.force_weight, "virial": self.virial_weight}
        on = [y.has(name) for name, span in weights.items() if all(span)]
        rows = np.any(on, axis=0)
        if not rows.any():
            raise ValueError(
                f"no structure has a label that is learned: there are {', '.join(sorted(y.values)) or 'none'}, "
                "and the prefactors of energy, forces and virial say which of them count"
            )
        return rows
