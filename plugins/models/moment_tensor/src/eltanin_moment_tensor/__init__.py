"""Linear moment tensor potentials: contractions of moments of the neighbourhood, and an extrapolation grade."""

from eltanin_moment_tensor.model import MomentTensor

__all__ = ["MomentTensor"]
