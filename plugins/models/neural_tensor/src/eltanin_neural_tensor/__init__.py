"""Neural network dipoles and polarizabilities: tensors from the vectors of a descriptor and a fitting net."""

from eltanin_neural_tensor.model import NeuralTensor

__all__ = ["NeuralTensor"]
