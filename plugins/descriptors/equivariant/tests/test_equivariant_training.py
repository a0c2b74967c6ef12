"""A potential is learned from it, and taken up again."""

from __future__ import annotations

from eltanin_atoms.conformance.learning import PotentialLearning
from eltanin_equivariant import Equivariant
from eltanin_neural_potential import NeuralPotential


class TestEquivariantLearning(PotentialLearning):
    model = NeuralPotential(
        descriptor=Equivariant(cutoff=4.0, channels=4, bessel=6, radial=[8]),
        neurons=[16],
        device="cpu",
        steps=200,
        learning_rate=1e-2,
        learning_rate_end=1e-4,
    )
