"""The smooth Deep Potential descriptor, DeepPot-SE with two-body embedding."""

from eltanin_smooth.descriptor import Smooth

__all__ = ["Smooth"]
