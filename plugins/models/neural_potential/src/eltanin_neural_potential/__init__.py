"""Neural network potentials: atomic energies from a descriptor and a fitting net."""

from eltanin_neural_potential.model import NeuralPotential

__all__ = ["NeuralPotential"]
