"""Equivariant messages: what atoms tell each other, as tensors that turn with the structure."""

from eltanin_equivariant.descriptor import Equivariant

__all__ = ["Equivariant"]
