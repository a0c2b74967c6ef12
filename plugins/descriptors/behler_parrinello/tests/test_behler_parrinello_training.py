"""A potential is learned from it, and taken up again."""

from __future__ import annotations

from eltanin_atoms.conformance.learning import PotentialLearning
from eltanin_behler_parrinello import BehlerParrinello
from eltanin_neural_potential import NeuralPotential


class TestBehlerParrinelloLearning(PotentialLearning):
    model = NeuralPotential(
        descriptor=BehlerParrinello(cutoff=4.5, angular_cutoff=4.0, radial=6),
        neurons=[16, 16],
        device="cpu",
        steps=800,
        learning_rate=1e-2,
        learning_rate_end=1e-4,
    )
