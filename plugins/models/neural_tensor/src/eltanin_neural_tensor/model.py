"""The component: settings of a neural network for a tensor, and what becomes of its state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch

from eltanin.batch import Properties, to_numpy
from eltanin.protocols import Dataset, Metrics, OwnDomain, Rng
from eltanin.registry import slot
from eltanin_atoms.descriptors import VectorDescriptor
from eltanin_atoms.graphs import neighbour_graph, species_of
from eltanin_atoms.learning.arrays import State, arrays
from eltanin_atoms.learning.batches import AT_LEAST, SAMPLE, draws, remembered, sampled
from eltanin_atoms.learning.bias import composition, elements_of, species_bias
from eltanin_atoms.learning.descent import descend
from eltanin_atoms.learning.settings import Training
from eltanin_atoms.nets import initial_fitting
from eltanin_atoms.quantities import undefined
from eltanin_atoms.structures import Structures
from eltanin_neural_tensor.learning import errors, joined, learn, prepared, rmse
from eltanin_neural_tensor.predictor import TensorPredictor, predictor_of
from eltanin_neural_tensor.scaling import label_scale, vector_scale
from eltanin_neural_tensor.tensors import KINDS, Kind

Learned = Dataset[Structures, Properties, Properties]
GIB = 2.0**30


@dataclass(frozen=True, kw_only=True)
class NeuralTensor(Training):
    """Deep dipole or polarizability: a sum of atomic tensors that turn with the atoms, by nets of what an atom sees.

    Which of the two it learns says the domain: domain.quantity=dipole, or domain.quantity=polarizability.

    descriptor: what an atom sees; one with vectors, such as smooth.
    neurons: widths of the hidden layers of the fitting nets, one net for each element.
    resnet_dt: a learned time step on the residual layers of the fitting nets.
    elements: chemical symbols; left empty, those of the first data.
    precision: float32 or float64.
    device: cpu, cuda, or auto for cuda where there is one.
    steps: of the training in each round.
    steps_first: of the training in the first round; left empty, as in every round.
    batch: structures of a step; 0 for as many as it takes to hold 32 atoms.
    learning_rate, learning_rate_end: of Adam, at the start of the first training and at every end.
    learning_rate_again: at the start of later trainings, which begin with what was learned before.
    decay_steps: the learning rate falls in strides of so many steps; 0 for a 200th of all.
    room: memory for structures that are ready to be learned, GiB.
    """

    domain: ClassVar[str] = "atoms"
    revision: ClassVar[int] = 1
    measured: OwnDomain
    descriptor: VectorDescriptor = slot("model/descriptor", "smooth")

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        if self.measured.quantity not in KINDS:
            raise ValueError(
                f"neural_tensor learns a {' or a '.join(KINDS)}, and domain.quantity={self.measured.quantity}: say"
                " domain=atoms domain.quantity=dipole, or choose another model"
            )
        _refuse_blind(self.descriptor)

    def check(self, x: Structures) -> None:
        """Refuse elements that the model is not set up for, and structures that have no such quantity."""
        if self.elements:
            species_of(x.numbers.values, self.elements)
        for row, failure in undefined(x, self.measured.quantity, self.measured.settled_dipoles).items():
            raise ValueError(f"structure {row} of those to begin with: {failure.message}")

    @property
    def predicts(self) -> frozenset[str]:
        """The property that it predicts."""
        return frozenset({self.measured.quantity})

    @property
    def guarantees(self) -> tuple[str, ...]:
        """What holds by construction."""
        name = self.measured.quantity
        return (
            f"The {name} turns and reflects as the structure does, and does not change under translations and"
            " permutations of equal atoms.",
            f"The {name} is a sum over atoms, each of which sees no farther than its descriptor does: fields and"
            " charges beyond are left out.",
            f"The {name} is continuous, also where neighbours come and go.",
        )

    def init(self, data: Learned, rng: Rng) -> State:
        """Draw parameters, and take statistics, bias and scales of the first data."""
        x, quantity, dtype = data.configurations, self.measured.quantity, getattr(torch, self.precision)
        kind, elements = KINDS[quantity], elements_of(x, self.elements)
        graphs = (neighbour_graph(x[[k]], self.descriptor.cutoff, elements) for k in range(len(x)))
        channels, size = (count(len(elements)) for count in (self.descriptor.channels, self.descriptor.size))
        outputs = channels + kind.extra
        descriptor = self.descriptor.parameters(len(elements), rng)
        nets = [initial_fitting(size, self.neurons, self.resnet_dt, rng, outputs) for _ in elements]
        known = np.flatnonzero(data.labels.has(quantity))
        atoms = composition(x[known], elements)
        labels = to_numpy(data.labels.values[quantity])[known] if len(known) else np.zeros((0, *kind.shape))
        bias, rest = without_bias(kind, atoms, labels)
        state: State = {
            "quantity": quantity,
            "elements": elements,
            "descriptor": arrays(descriptor, dtype),
            "fitting": [arrays(net, dtype) for net in nets],
            "statistics": arrays(self.descriptor.statistics(graphs, len(elements))),
            "bias": bias,
            "scale": {"unit": np.array(label_scale(rest, atoms.sum(axis=1))), "vectors": np.ones(channels)},
            "trainings": 0,
        }
        model = self.predictor(state)
        seen = (model.vectors(x[[k]]) for k in sampled(len(x), SAMPLE))
        return state | {"scale": state["scale"] | {"vectors": to_numpy(vector_scale(seen, kind.order))}}

    def train(self, state: State, data: Learned, rng: Rng) -> tuple[State, Metrics]:
        """Go on from the parameters of the state, with a learning rate that starts anew."""
        data, room = data[self._learned(state["quantity"], data.labels)], self.room * GIB
        x, model = data.configurations, self.predictor(state)
        graph = remembered(lambda k: model.graph(x[[k]]), 0.3 * room)
        model = model.covering(map(graph, range(len(x))))
        frame = prepared(model, graph, data.labels.values[state["quantity"]], 0.7 * room)
        batches = (joined([frame(k) for k in batch]) for batch in draws(x.counts, self.batch, AT_LEAST, rng))
        tensors = model.parameters.tensors
        curve = descend(
            tensors,
            batches,
            self.schedule(state["trainings"]),
            lambda batch, _: learn(model, tensors, batch),
            lambda found: rmse(model, found),
        )
        learned = {
            "descriptor": arrays(model.parameters.descriptor, model.dtype),
            "fitting": [arrays(net, model.dtype) for net in model.parameters.fitting],
            "statistics": arrays(model.statistics),
            "trainings": state["trainings"] + 1,
        }
        last = rmse(model, [errors(model, frame(k)) for k in sampled(len(x), SAMPLE)])
        return state | learned, {f"training_{name}": value for name, value in last.items()} | curve

    def predictor(self, state: State) -> TensorPredictor:
        """Return the predictor of a state."""
        return predictor_of(state, self.descriptor, len(self.neurons), self.precision, self.device)

    def _learned(self, quantity: str, y: Properties) -> np.ndarray:
        rows = np.flatnonzero(y.has(quantity))
        if not len(rows):
            there = ", ".join(sorted(y.values)) or "none"
            raise ValueError(f"no structure has a {quantity} to learn from; the labels are {there}")
        return rows


def without_bias(kind: Kind, atoms: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the bias, (species,), and labels (n, *shape) without it, from atoms of each species, (n, species).

    A constant vector would not turn along: only a multiple of 1 is a bias.
    """
    if not kind.biased:
        return np.zeros(atoms.shape[1]), labels
    bias = species_bias(atoms, np.trace(labels, axis1=1, axis2=2) / 3)
    return bias, labels - (atoms @ bias)[:, None, None] * np.eye(3)


def _refuse_blind(descriptor: object) -> None:
    if not isinstance(descriptor, VectorDescriptor):
        raise ValueError(
            f"model/descriptor: {type(descriptor).__name__} knows no directions, which a tensor is made of:"
            " choose one with vectors, model/descriptor=smooth"
        )
