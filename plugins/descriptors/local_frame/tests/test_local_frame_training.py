"""A potential is learned from it, and taken up again."""

from __future__ import annotations

from eltanin_atoms.conformance.learning import PotentialLearning
from eltanin_local_frame import LocalFrame
from eltanin_neural_potential import NeuralPotential


class TestLocalFrameLearning(PotentialLearning):
    model = NeuralPotential(
        descriptor=LocalFrame(cutoff=4.5, sel=[12], sel_radial=[12]),
        neurons=[16, 16],
        device="cpu",
        steps=800,
        learning_rate=1e-2,
        learning_rate_end=1e-4,
    )
